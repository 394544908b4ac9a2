"""How the two services misbehave: a seed and one table for each service, from TOML or JSON."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from ztoq_async.sandbox.dialects import Dialect

Rate = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=0)]


class ProfileError(Exception):
    """A profile that cannot be used; the message names the table and the name in question."""


class Faults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The faults of one service; each rate is the share of calls that suffer it, drawn from the seed."""

    latency_ms: Seconds = 0.0
    """Milliseconds before each call is handled."""
    jitter_ms: Seconds = 0.0
    """Up to so many milliseconds more, evenly spread."""
    rate_per_minute: Count = 0
    """Calls a minute; beyond them 429. 0: no limit. Not told to clients."""
    rate_window_s: Annotated[float, msgspec.Meta(gt=0)] = 60.0
    """Length of the fixed windows in which the rate is counted; a shorter one lets proportionally fewer through."""
    retry_after_s: Seconds | Literal["window", "none"] = "window"
    """`Retry-After` of a 429: a number of seconds, the rest of the window, or no header (facts.md 1.2, 3.2)."""
    remaining_headers: bool = False
    """Whether answers carry `x-ratelimit-remaining-minute` and `-month`, where such a limit is set (facts.md 3.2)."""
    month_quota: Count = 0
    """Calls until every further one is 429 with nothing remaining for the month. 0: no quota."""
    error_rate: Rate = 0.0
    """Answered 500 or 503, not applied."""
    error_after_rate: Rate = 0.0
    """Applied, then answered 500."""
    lost_reply_rate: Rate = 0.0
    """Applied, then the connection is closed without an answer."""
    late_apply_rate: Rate = 0.0
    """The connection is closed, and the call applied `late_apply_s` later."""
    late_apply_s: Seconds = 1.0
    drop_rate: Rate = 0.0
    """The connection is closed, nothing is applied."""
    truncate_rate: Rate = 0.0
    """Applied, then half of the answer is sent and the connection closed."""
    html_error_rate: Rate = 0.0
    """Answered with a proxy's HTML page, status 200, 502 or 503, not applied."""
    slow_rate: Rate = 0.0
    """Applied, then answered `slow_s` later."""
    slow_s: Seconds = 10.0
    read_only: bool = False
    """Every call that changes something is answered 403: the right was taken away."""


class ZephyrFaults(Faults, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table `[zephyr]`."""

    page_cap: Count = 0
    """Largest page that the service gives, whatever is asked for; 0: the documented 1000."""
    cursor_lists: bool = True
    """Whether the lists `…/nextgen` exist; older tenants answer 404."""
    refuses_token: bool = False
    """Every call is answered 401: the token was revoked."""


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole profile. What is left out has its default; the table `[qtest]` is `qtest` and `dialect` together."""

    seed: int = 0
    zephyr: ZephyrFaults = ZephyrFaults()
    qtest: Faults = Faults()
    dialect: Dialect = Dialect()

    @staticmethod
    def of(tables: Any) -> "Profile":
        """A profile of plain values; `ProfileError` for an unknown name or a value out of its limits."""
        if not isinstance(tables, dict):
            raise ProfileError("a profile is a table with seed, [zephyr] and [qtest]")
        unknown = sorted(tables.keys() - {"seed", "zephyr", "qtest"})
        if unknown:
            raise ProfileError(f"unknown name {unknown[0]!r}; a profile has seed, [zephyr] and [qtest]")
        table = tables.get("qtest", {})
        if not isinstance(table, dict):
            raise ProfileError("[qtest]: a table was expected")
        spoken = {name: table[name] for name in table if name in Dialect.__struct_fields__}
        rest = {name: table[name] for name in table if name not in spoken}
        return Profile(
            seed=_convert("seed", tables.get("seed", 0), int),
            zephyr=_convert("[zephyr]", tables.get("zephyr", {}), ZephyrFaults),
            qtest=_convert("[qtest]", rest, Faults),
            dialect=_convert("[qtest]", spoken, Dialect),
        )

    @staticmethod
    def parse(text: bytes) -> "Profile":
        """A profile in TOML or JSON."""
        try:
            tables = msgspec.json.decode(text) if text.lstrip()[:1] == b"{" else tomllib.loads(text.decode())
        except (msgspec.DecodeError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ProfileError(f"neither TOML nor JSON: {error}") from error
        return Profile.of(tables)

    @staticmethod
    def load(path: Path) -> "Profile":
        """The profile of a file; `ProfileError` names the file."""
        try:
            return Profile.parse(path.read_bytes())
        except (OSError, ProfileError) as error:
            raise ProfileError(f"{path}: {error}") from error

    def tables(self) -> dict[str, Any]:
        """The profile as a TOML file would hold it, every name included."""
        qtest = msgspec.to_builtins(self.qtest) | msgspec.to_builtins(self.dialect)
        return {"seed": self.seed, "zephyr": msgspec.to_builtins(self.zephyr), "qtest": qtest}


def _convert(table: str, value: Any, shape: Any) -> Any:
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        known = f"; known are {', '.join(shape.__struct_fields__)}" if "unknown field" in str(error) else ""
        raise ProfileError(f"{table}: {error}{known}") from error


class ProfileHolder:
    """The profile in force, which may change in mid-run; `changed` is told of each change."""

    def __init__(self, profile: Profile) -> None:
        self.current = profile
        self._listeners: list[Callable[[Profile], None]] = []

    def listen(self, changed: Callable[[Profile], None]) -> None:
        """Tell `changed` the profile now and at each change."""
        self._listeners.append(changed)
        changed(self.current)

    def replace(self, profile: Profile) -> None:
        self.current = profile
        for changed in self._listeners:
            changed(profile)
