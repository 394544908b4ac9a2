"""From archived records to the tables of `Source`: folders, statuses, priorities, the values that test cases hold."""

from __future__ import annotations

import msgspec

from ztoq_async.mapping.context import Source
from ztoq_async.mapping.seen import Seen
from ztoq_async.zephyr.records import Folder, Named, Project, TestCase


class Gathering:
    """Takes records one by one, in any order; keeps tables and values, not records."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._folders: dict[int, Folder] = {}
        self._named: dict[str, dict[int, Named]] = {"status": {}, "priority": {}}
        self._seen = Seen()

    def add(self, source: str, record: bytes) -> None:
        """One record of the named list."""
        if source == "test-case":
            self._seen.add(msgspec.json.decode(record, type=TestCase))
        elif source == "folder":
            folder = msgspec.json.decode(record, type=Folder)
            self._folders[folder.id] = folder
        else:
            named = msgspec.json.decode(record, type=Named)
            self._named[source][named.id] = named

    def source(self) -> Source:
        """The tables as they are now."""
        return Source(
            project=self._project,
            folders=self._folders,
            statuses=self._named["status"],
            priorities=self._named["priority"],
            seen=self._seen,
        )
