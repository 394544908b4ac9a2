"""How the two services are reached, and how fast: what a client of one of them needs to know."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

GO_ON = "what is done is kept, and the same command goes on with it"
EXAMPLES = {
    "zephyr": '[zephyr]\nbase_url = "https://api.zephyrscale.smartbear.com/v2"\nproject = "MM"',
    "zephyr.base_url": '[zephyr] base_url = "https://api.zephyrscale.smartbear.com/v2"',
    "zephyr.token": 'ZTOQ_ZEPHYR__TOKEN in the environment, or [zephyr] token = "…"',
    "zephyr.project": '[zephyr] project = "MM"',
    "qtest": '[qtest]\nbase_url = "https://yoursite.qtestnet.com"\nproject = 12345',
    "qtest.base_url": '[qtest] base_url = "https://yoursite.qtestnet.com"',
    "qtest.token": 'ZTOQ_QTEST__TOKEN in the environment, or [qtest] token = "…"',
    "qtest.project": "[qtest] project = 12345",
}


class Table(BaseModel):
    """A table of settings: no name but these, and no value in an error."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


def _one_word(token: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[!-~]*", token.get_secret_value()):
        raise ValueError('a token is one word, without "Bearer", blanks, line ends and letters beyond ASCII')
    return token


class ZephyrSettings(Table):
    """`base_url` ends in `/v2`; `project` is the Jira project's key."""

    base_url: str
    token: SecretStr
    project: str = Field(min_length=1)

    @field_validator("base_url")
    @classmethod
    def _ends_in_version(cls, value: str) -> str:
        if not value.rstrip("/").endswith("/v2"):
            raise ValueError("it must end in /v2")
        return value.rstrip("/")

    @field_validator("token")
    @classmethod
    def _is_token(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value():
            raise ValueError("it is empty")
        return _one_word(value)


class QTestSettings(Table):
    """`base_url` is the site's root; a token, or user and password; `settle_s` is the time of protocol rule 5."""

    base_url: str
    token: SecretStr = SecretStr("")
    username: str = ""
    password: SecretStr = SecretStr("")
    project: int
    settle_s: float = Field(default=60.0, ge=0)

    @field_validator("base_url")
    @classmethod
    def _is_root(cls, value: str) -> str:
        if "/api" in value:
            raise ValueError("it must be the site's root, without /api")
        return value.rstrip("/")

    @field_validator("token")
    @classmethod
    def _is_token(cls, value: SecretStr) -> SecretStr:
        return _one_word(value)

    @model_validator(mode="after")
    def _can_log_in(self) -> QTestSettings:
        if not self.token.get_secret_value() and not (self.username and self.password.get_secret_value()):
            raise ValueError(f"token, or username and password, are missing; for example  {EXAMPLES['qtest.token']}")
        return self


class LimitSettings(Table):
    """Calls a minute (0: find out), requests at once, the share left to other people, calls a month (0: any)."""

    zephyr_per_minute: int = Field(default=0, ge=0)
    qtest_per_minute: int = Field(default=0, ge=0)
    in_flight: int = Field(default=64, ge=1, le=1000)
    share: float = Field(default=0.0, ge=0.0, lt=1.0)
    month_calls: int = Field(default=0, ge=0)
    attempt_timeout_s: float = Field(default=60.0, gt=0)
    tries: int = Field(default=8, ge=1)
