import logging
from ipaddress import ip_network

import pytest

from gateway.settings import Settings, load


def test_lists_are_comma_separated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_ALLOWED_NETWORKS", "127.0.0.0/8, fd00::/8")
    monkeypatch.setenv("GATEWAY_ALLOWED_PORTS", "80,8000")
    settings = load()[0]
    assert settings.allowed_networks == (ip_network("127.0.0.0/8"), ip_network("fd00::/8"))
    assert settings.allowed_ports == (80, 8000)


def test_defaults_allow_nothing_private() -> None:
    assert Settings().allowed_networks == ()
    assert Settings().allowed_ports == (80, 443)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GATEWAY_REQUEST_TIMEOUT_S", "soon"),
        ("GATEWAY_WORKERS", "0"),
        ("GATEWAY_ALLOWED_PORTS", "80,99999"),
        ("GATEWAY_ALLOWED_NETWORKS", "10.0.0.1/8"),
        ("GATEWAY_CORS_ORIGINS", "https://a.example/page"),
        ("GATEWAY_HISTORY", "maybe"),
        ("GATEWAY_KEEP_IMAGES", "s3:/bucket"),
        ("GATEWAY_BATCH_TIMEOUT_S", "61"),
        ("PORT", "http"),
    ],
)
def test_wrong_value_ends_the_start_with_one_line_that_names_it(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as caught:
        load()
    assert str(caught.value).startswith(f"{name}={value}: ")
    assert "\n" not in str(caught.value)


def test_unknown_variable_is_named(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("GATEWAY_REQEST_TIMEOUT_S", "3")
    with caplog.at_level(logging.WARNING):
        load()
    assert "GATEWAY_REQEST_TIMEOUT_S" in caplog.text


def test_databases_url_is_read_by_its_own_name_and_never_shown(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:secret@host/name")
    monkeypatch.setenv("GATEWAY_DATABASE_URL", "postgresql://nobody/reads/this")
    settings = load()[0]
    assert settings.database_url.get_secret_value() == "postgresql://me:secret@host/name"
    assert "secret" not in repr(settings)
    assert "GATEWAY_DATABASE_URL is no setting" in caplog.text
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:secret@host:port/name")
    with pytest.raises(SystemExit, match=r"^DATABASE_URL=\*\*\*: .*it is no database's URL"):
        load()
    monkeypatch.setenv("DATABASE_URL", "mysql://me:secret@host/name")
    with pytest.raises(SystemExit, match=r"^DATABASE_URL=\*\*\*: .*it must begin with postgresql://"):
        load()


@pytest.mark.parametrize(
    ("given", "meant"), [("on", "on"), ("TRUE", "on"), ("0", "off"), ("", "off"), ("s3://b-1/x/y", "s3://b-1/x/y")]
)
def test_kept_images_are_a_switch_or_a_bucket(given: str, meant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_KEEP_IMAGES", given)
    assert load()[0].keep_images == meant


def test_limits_of_the_history_can_be_lifted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_HISTORY_MAX_ROWS", "")
    monkeypatch.setenv("GATEWAY_HISTORY", "off")
    settings = load()[0]
    assert (settings.history_max_rows, settings.history_max_age_days, settings.history) == (None, None, False)
