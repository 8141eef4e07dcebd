"""Every option of the gateway: its default, its unit, its meaning. Nothing else reads the environment."""

import logging
import os
import re
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PositiveFloat, PositiveInt, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

_log = logging.getLogger(__name__)
_PREFIX = "GATEWAY_"
_CHECKOUT = Path(__file__).resolve().parent.parent
_DATABASE = re.compile(r"(sqlite:///|postgres(ql)?(\+psycopg)?://).+")
_BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9!_.*'()/-]*)?")

Port = Annotated[int, Field(ge=1, le=65535)]
Origin = Annotated[str, Field(pattern=r"^(\*|https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?)$")]


_SWITCH = {"": "off", "off": "off", "false": "off", "no": "off", "0": "off"}
_SWITCH |= {"on": "on", "true": "on", "yes": "on", "1": "on"}


def _state_folder() -> Path:
    """Where programs keep what they must not lose, by the XDG base directory specification."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "sports-classifier"


class Settings(BaseSettings):
    """Every option of the gateway. Read from the environment as GATEWAY_<NAME>."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, frozen=True, use_attribute_docstrings=True, populate_by_name=True
    )

    model_server: str = "127.0.0.1:8500"
    """Address of the model server's gRPC port."""

    model_dir: Path = _CHECKOUT / "model"
    """Folder of the model cards, which lie at NAME/VERSION/assets.extra/card.json."""

    default_model: str = ""
    """Model that answers when a request names none; empty: the first by name."""

    workers: PositiveInt = 2
    """Processes that answer requests."""

    max_in_flight: PositiveInt = 32
    """Predictions that one process works on at a time; more are answered 503, and fewer where they'd wait too long."""

    request_timeout_s: PositiveFloat = 10.0
    """Longest time for one prediction, in seconds."""

    fetch_timeout_s: PositiveFloat = 5.0
    """Longest time for fetching one picture, redirects included, in seconds."""

    max_upload_bytes: PositiveInt = 16 * 2**20
    """Largest picture that is read, in bytes, uploaded or fetched."""

    allowed_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = ()
    """Networks (CIDR, comma-separated) that pictures may be fetched from although they aren't public."""

    allowed_ports: Annotated[tuple[Port, ...], NoDecode] = (80, 443)
    """Ports (comma-separated) that pictures may be fetched from, on every host."""

    batch_timeout_s: Annotated[float, Field(gt=0, le=60)] = 60.0
    """Longest time for a whole batch, in seconds; each of its pictures has `GATEWAY_REQUEST_TIMEOUT_S` at most."""

    history: bool = True
    """Whether predictions are kept: `on` or `off`."""

    database_url: SecretStr = Field(default=SecretStr(""), validation_alias="DATABASE_URL")
    """Database of the history, `postgresql://USER:PASSWORD@HOST/NAME`; empty: an SQLite file in the data folder."""

    data_dir: Path = Field(default_factory=_state_folder)
    """Folder of the SQLite file, of the rows that wait for the database, and of kept pictures."""

    history_max_rows: PositiveInt | None = 1_000_000
    """Predictions that are kept, the newest; empty: all."""

    history_max_age_days: PositiveFloat | None = None
    """Days that a prediction is kept; empty: for ever."""

    spool_max_rows: PositiveInt = 100_000
    """Predictions that may wait in the data folder for a database that is away; about 1 kB each."""

    keep_images: str = "off"
    """Where thumbnails of the pictures are kept: `off`, `on` (in the data folder), or a bucket, `s3://BUCKET/PREFIX`."""

    metrics_port: Port | None = None
    """Port of Prometheus' metrics; empty: off."""

    cors_origins: Annotated[tuple[Origin, ...], NoDecode] = ()
    """Origins (`https://example.com`, comma-separated) whose pages may read the answers, `*` for all; empty: none."""

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: SecretStr) -> SecretStr:
        given = value.get_secret_value().strip()  # a file's last line break, say
        if given and not _DATABASE.fullmatch(given):
            raise ValueError("it must begin with postgresql:// (or be sqlite:///FILE)")
        try:
            make_url(given or "sqlite:///file")
        except (ArgumentError, ValueError):
            raise ValueError("it is no database's URL") from None  # their text has the URL
        return SecretStr(given)

    @field_validator("keep_images")
    @classmethod
    def _known_place(cls, value: str) -> str:
        if value.lower() in _SWITCH:
            return _SWITCH[value.lower()]
        if not _BUCKET.fullmatch(value):
            raise ValueError("it must be on, off, or s3://BUCKET/PREFIX")
        return value

    @field_validator("metrics_port", "history_max_rows", "history_max_age_days", mode="before")
    @classmethod
    def _or_off(cls, value: Any) -> Any:
        return None if value == "" else value

    @field_validator("allowed_networks", "allowed_ports", "cors_origins", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class Address(BaseSettings):
    """Where the gateway listens. Read from the environment as HOST and PORT, as platforms set them."""

    model_config = SettingsConfigDict(frozen=True, use_attribute_docstrings=True)

    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 is every one."""

    port: Port = 9696
    """Port to listen on."""


def variable(kind: type[BaseSettings], name: str) -> str:
    """The environment variable that a setting is read from."""
    alias = kind.model_fields[name].validation_alias
    return alias if isinstance(alias, str) else f"{kind.model_config.get('env_prefix', '')}{name}".upper()


def load() -> tuple[Settings, Address]:
    """The settings from the environment; a variable that looks like one of ours and isn't is named in the log.

    Raises:
        SystemExit: A value is wrong; the text is one line that names the variable.
    """
    known = {variable(Settings, name) for name in Settings.model_fields}
    for name in sorted(os.environ):
        if name.startswith(_PREFIX) and name not in known:
            _log.warning("%s is no setting of the gateway", name)
    try:
        return Settings(), Address()
    except ValidationError as error:
        wrong = error.errors()[0]
        kind, field = Settings if error.title == "Settings" else Address, str(wrong["loc"][0])
        name = variable(kind, field) if field in kind.model_fields else field  # else it is the variable's own name
        given = "***" if name == "DATABASE_URL" else os.environ.get(name, "")  # it may hold a password
        raise SystemExit(f"{name}={given}: {wrong['msg']}") from None
