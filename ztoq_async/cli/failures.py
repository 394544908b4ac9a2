"""From an error to one message and an exit code."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ztoq_async.access import GO_ON
from ztoq_async.cli.voice import Voice
from ztoq_async.errors import (
    AlreadyMoved,
    QuotaExhausted,
    ServiceError,
    SettingsError,
    SourceError,
    StoreBusy,
    StoreError,
    ZtoqError,
)
from ztoq_async.lanes.run import Stopped

USAGE, INTERRUPTED, FAILED = 2, 3, 4


def explain(voice: Voice, command: Callable[[], int]) -> int:
    """The command's exit code, or the message and exit code of the error that ended it."""
    try:
        return command()
    except (SettingsError, AlreadyMoved) as error:
        return voice.failed(str(error), code=USAGE)
    except (QuotaExhausted, Stopped) as error:
        return voice.failed(f"{error or 'stopped'}: {GO_ON}", code=INTERRUPTED, outcome="interrupted")
    except (KeyboardInterrupt, asyncio.CancelledError):
        return voice.failed(f"cancelled: {GO_ON}", code=INTERRUPTED, outcome="interrupted")
    except (ZtoqError, OSError) as error:
        logging.getLogger(__name__).info("the command failed", exc_info=True)
        words = str(error) or type(error).__name__
        return voice.failed(f"{words}; {GO_ON}" if _passes(error) else words, code=FAILED)
    except Exception as error:
        logging.getLogger(__name__).info("a fault of this program", exc_info=True)
        words = f"a fault of this program, {type(error).__name__}: {error}; ztoq.log in the store has the details"
        return voice.failed(words, code=FAILED)
    finally:
        logging.shutdown()


def _passes(error: Exception) -> bool:
    """Whether it is a state of a service, the source or the store that may be over when the command runs again."""
    return isinstance(error, (ServiceError, SourceError, StoreError)) and not isinstance(error, StoreBusy)
