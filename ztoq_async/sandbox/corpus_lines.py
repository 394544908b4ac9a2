"""The files of a corpus: JSON lines, plain or gzip, each line checked against a shape."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T")


class CorpusError(Exception):
    """A corpus that cannot be served; the message names the file and, where there is one, the line."""


def read_rows(folder: Path, name: str, shape: type[T]) -> Iterator[tuple[T, bytes]]:
    """Each line of a file, checked; none where the folder has no such file."""
    path = next((p for end in ("", ".gz") if (p := folder / f"{name}.jsonl{end}").exists()), None)
    if path is None:
        return
    decoder = msgspec.json.Decoder(shape)
    for number, line in enumerate(_lines(path), 1):
        if line:
            try:
                row = decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise CorpusError(f"{path}, line {number}: {error}") from error
            yield row, line


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for line in file:
                yield line.strip()
    except (OSError, EOFError, zlib.error) as error:
        raise CorpusError(f"{path} cannot be read: {error}") from error


def without(line: bytes, name: str) -> bytes:
    """The row without what the corpus writes beside the API's own attributes."""
    row = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    del row[name]
    return msgspec.json.encode(row)
