"""Thresholds of what a process may use, said once when they are crossed."""

from __future__ import annotations

import logging
import resource
from collections.abc import Sequence
from dataclasses import dataclass

from ztoq_async.resources.usage import Usage

REARM_SHARE = 0.9
REARM_S = 60.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Memory in MB (2**20 bytes), seconds that the loop comes late, share of the descriptors that the system allows.

    0 never warns.
    """

    rss_mb: float = 0.0
    loop_lag_s: float = 0.0
    open_files: float = 0.0

    def alarms(self) -> tuple[Alarm, ...]:
        """One for each threshold that is set."""
        every = (
            Alarm("memory", self.rss_mb, "MB"),
            Alarm("loop lag", self.loop_lag_s, "s"),
            Alarm("open files", self.open_files * 100, "% of what the system allows"),
        )
        return tuple(alarm for alarm in every if alarm.limit)


@dataclass(slots=True)
class Alarm:
    """One threshold. Crossed, it is armed again when the value was below nine tenths of it for a minute."""

    name: str
    limit: float
    unit: str
    times: int = 0
    most: float = 0.0
    _raised: bool = False
    _high_at: float = 0.0

    def __str__(self) -> str:
        crossed = f"{self.name} reached {self.most:,.4g} {self.unit}, more than the {self.limit:,.4g} of its threshold"
        return crossed + (f", {self.times} times" if self.times > 1 else "")

    def look(self, value: float, at: float) -> None:
        """Takes in a value at a time in seconds; logs where it crosses the threshold."""
        self.most = max(self.most, value)
        if value >= self.limit * REARM_SHARE:
            self._high_at = at
        if value > self.limit and not self._raised:
            self._raised = True
            self.times += 1
            _log.warning(
                "%s is at %s %s, its threshold is %s", self.name, f"{value:,.4g}", self.unit, f"{self.limit:,.4g}"
            )
        elif at - self._high_at >= REARM_S:
            self._raised = False


def watch(alarms: Sequence[Alarm], usage: Usage, loop_lag: float, at: float) -> None:
    """Shows each alarm its value."""
    values = {
        "memory": usage.rss_bytes / 2**20,
        "loop lag": loop_lag,
        "open files": 100 * (usage.open_files + usage.open_sockets) / _allowed(),
    }
    for alarm in alarms:
        alarm.look(values[alarm.name], at)


def _allowed() -> float:
    """How many descriptors this process may open."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return float(limit) if limit != resource.RLIM_INFINITY else float("inf")
