"""Every option of the gateway: its default, its unit, its meaning. Nothing else reads the environment."""

import logging
import os
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PositiveFloat, PositiveInt, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_log = logging.getLogger(__name__)
_PREFIX = "GATEWAY_"
_CHECKOUT = Path(__file__).resolve().parent.parent

Port = Annotated[int, Field(ge=1, le=65535)]
Origin = Annotated[str, Field(pattern=r"^(\*|https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?)$")]


class Settings(BaseSettings):
    """Every option of the gateway. Read from the environment as GATEWAY_<NAME>."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, use_attribute_docstrings=True)

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

    metrics_port: Port | None = None
    """Port of Prometheus' metrics; empty: off."""

    cors_origins: Annotated[tuple[Origin, ...], NoDecode] = ()
    """Origins (`https://example.com`, comma-separated) whose pages may read the answers, `*` for all; empty: none."""

    @field_validator("metrics_port", mode="before")
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


def load() -> tuple[Settings, Address]:
    """The settings from the environment; a variable that looks like one of ours and isn't is named in the log.

    Raises:
        SystemExit: A value is wrong; the text is one line that names the variable.
    """
    known = {_PREFIX + name.upper() for name in Settings.model_fields}
    for name in sorted(os.environ):
        if name.startswith(_PREFIX) and name not in known:
            _log.warning("%s is no setting of the gateway", name)
    try:
        return Settings(), Address()
    except ValidationError as error:
        wrong = error.errors()[0]
        prefix = _PREFIX if error.title == "Settings" else ""
        name = prefix + str(wrong["loc"][0]).upper()
        raise SystemExit(f"{name}={os.environ.get(name, '')}: {wrong['msg']}") from None
