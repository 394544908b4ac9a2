"""Logs of the command line: warnings to stderr, everything to a bounded file in the store; secrets nowhere."""

from __future__ import annotations

import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path

import structlog

from ztoq_async.errors import StoreError
from ztoq_async.redaction import Redaction

FILE = "ztoq.log"
FILE_BYTES, FILES = 2_000_000, 4  # and the current one: 10 MB at most
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _Redacted(logging.Formatter):
    def __init__(self, redact: Redaction) -> None:
        super().__init__(FORMAT)
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(super().format(record))


class _Short(logging.Handler):
    """On stderr, as it is now (a progress display may stand in for it): one line, the traceback is in the file."""

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(logging.makeLogRecord({**record.__dict__, "exc_info": None, "exc_text": None}))
        sys.stderr.write(line + "\n")


def open_logs(folder: Path, redact: Redaction) -> None:
    """Sends what logging and structlog are given to stderr and to the file; `StoreError` where that cannot be."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = RotatingFileHandler(folder / FILE, maxBytes=FILE_BYTES, backupCount=FILES, encoding="utf-8")
    except OSError as error:
        raise StoreError(f"the store {folder} cannot be used ({error.strerror}): correct store.path") from error
    short = _Short(logging.WARNING)
    short.addFilter(lambda record: record.name != "stamina")  # that something is tried again is not for people
    for handler in (file, short):
        handler.setFormatter(_Redacted(redact))
    logging.basicConfig(level=logging.INFO, handlers=[file, short], force=True)
    structlog.configure(
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
    )
