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
