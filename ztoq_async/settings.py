"""Settings: `ztoq.toml`, over it the environment (`ZTOQ_ZEPHYR__TOKEN`). Secrets are never shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from pydantic_settings import SettingsError as UnreadableSettings

from ztoq_async.access import EXAMPLES, LimitSettings, QTestSettings, Table, ZephyrSettings
from ztoq_async.errors import SettingsError
from ztoq_async.mapping.rules import Rules, read_rules
from ztoq_async.resources.thresholds import Thresholds

WORDS = {"missing": "is missing", "extra_forbidden": "there is no such setting"}


class StoreSettings(Table):
    """`url` of your own PostgreSQL, or empty for the embedded one, whose data live under `path`."""

    url: SecretStr = SecretStr("")
    path: Path = Path(".ztoq")

    @field_validator("url")
    @classmethod
    def _is_postgresql(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("it must begin with postgresql://")
        return value


class MappingSettings(BaseModel):
    """`file` is a mapping file; the tables of one may stand here instead."""

    model_config = ConfigDict(extra="allow", hide_input_in_errors=True)

    file: Path | None = None

    def rules(self, base: Path) -> Rules:
        """The rules of the file (a path relative to `base`) or tables; `SettingsError` if they cannot be read."""
        if self.file is None:
            return self._tables()
        path = base / self.file
        if self.model_extra:
            raise SettingsError("[mapping] has both a file and tables of its own: move the tables into the file")
        try:
            return read_rules(path.read_bytes())
        except OSError as error:
            raise SettingsError(
                f"[mapping] file: {path} cannot be read: {error.strerror}; run --propose-mapping {path} writes one"
            ) from None
        except msgspec.DecodeError as error:
            raise SettingsError(f"the mapping file {path}: {error}") from None

    def _tables(self) -> Rules:
        try:
            return read_rules(msgspec.toml.encode(self.model_extra or {}))
        except msgspec.DecodeError as error:
            raise SettingsError(f"[mapping]: {error}") from None


class VerifySettings(Table):
    """How test logs are read back, and which share of differing records pauses a run (protocol rule 16).

    `conflicts`: who is right about a record that people have changed in qTest; `refuse` leaves it, and says so.
    """

    logs: Literal["search", "list"] = "search"
    pause_above: float = Field(default=0.02, ge=0, le=1)
    conflicts: Literal["refuse", "source", "target"] = "refuse"


class MonitorSettings(Table):
    """How often the process is looked at, what it warns of (0: of nothing), where Prometheus may ask (0: nowhere)."""

    sample_s: float = Field(default=1.0, ge=0.05, le=3600)
    warn_rss_mb: int = Field(default=1024, ge=0)
    warn_loop_lag_s: float = Field(default=2.0, ge=0)
    warn_open_files: float = Field(default=0.8, ge=0, le=1)
    metrics_port: int = Field(default=0, ge=0, le=65535)
    metrics_host: str = "127.0.0.1"

    @property
    def thresholds(self) -> Thresholds:
        """As the monitor takes them."""
        return Thresholds(self.warn_rss_mb, self.warn_loop_lag_s, self.warn_open_files)


class Settings(BaseSettings):
    """Everything an engine needs to know. `base` is the folder that relative paths start from."""

    model_config = SettingsConfigDict(
        env_prefix="ZTOQ_", env_nested_delimiter="__", extra="forbid", hide_input_in_errors=True
    )

    zephyr: ZephyrSettings
    qtest: QTestSettings
    store: StoreSettings = StoreSettings()
    limits: LimitSettings = LimitSettings()
    mapping: MappingSettings = MappingSettings()
    verify: VerifySettings = VerifySettings()
    monitor: MonitorSettings = MonitorSettings()
    base: Path = Path()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment over the file, since that is where secrets belong."""
        return env_settings, init_settings

    @property
    def store_path(self) -> Path:
        """The folder of the store and of the reports."""
        return (self.base / self.store.path).absolute()

    def secrets(self) -> list[str]:
        """Every secret, for those who must keep them out of what they write."""
        held = (self.zephyr.token, self.qtest.token, self.qtest.password, self.store.url)
        return [secret.get_secret_value() for secret in held if secret.get_secret_value()]


class _File(BaseSettings):
    """Only reads the TOML file."""


def load(path: Path | str | None, **tables: Any) -> Settings:
    """Settings from a TOML file, the environment over it; `tables` are given by a program.

    Raises `SettingsError`, which names the setting that is missing or wrong and shows an example.
    """
    found: dict[str, Any] = {}
    if path is not None:
        path = Path(path)
        if not path.is_file():
            raise SettingsError(f"{path} is not there; a first one:\n\n{EXAMPLES['zephyr']}\n\n{EXAMPLES['qtest']}\n")
        try:
            found = TomlConfigSettingsSource(_File, path)()
        except ValueError as error:
            raise SettingsError(f"{path} is not TOML: {error}") from None
        found["base"] = path.parent
    try:
        return Settings(**{**found, **tables})
    except ValidationError as error:
        raise SettingsError(_said(error)) from None
    except UnreadableSettings as error:
        raise SettingsError(f"the environment: {error}; one variable a setting, like ZTOQ_ZEPHYR__TOKEN") from None


def _said(error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_input=False, include_url=False, include_context=False):
        name = ".".join(str(part) for part in problem["loc"])
        example = EXAMPLES.get(name) if "for example" not in problem["msg"] else None
        words = WORDS.get(problem["type"]) or problem["msg"].removeprefix("Value error, ")
        lines.append(f"setting {name or 'file'}: {words}" + (f"; for example  {example}" if example else ""))
    return "\n".join(lines)
