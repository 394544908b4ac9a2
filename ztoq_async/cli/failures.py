"""From an error to one message and an exit code."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ztoq_async.cli.voice import Voice
from ztoq_async.errors import AlreadyMoved, QuotaExhausted, SettingsError, ZtoqError
from ztoq_async.lanes.run import Stopped

USAGE, INTERRUPTED, FAILED = 2, 3, 4
GO_ON = "the same command goes on where this one ended"


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
        return voice.failed(str(error) or type(error).__name__, code=FAILED)
    except Exception as error:
        logging.getLogger(__name__).info("a fault of this program", exc_info=True)
        words = f"a fault of this program, {type(error).__name__}: {error}; ztoq.log in the store has the details"
        return voice.failed(words, code=FAILED)
    finally:
        logging.shutdown()
