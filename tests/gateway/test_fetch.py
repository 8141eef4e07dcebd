import time
from ipaddress import ip_network

import pytest

from gateway.deadline import Deadline
from gateway.errors import ImageTooLarge, ImageUnreachable, InvalidRequest
from gateway.fetch import Fetcher, parse
from gateway.patience import Patience
from tests.image_server import ImageServer
from tests.pictures import jpeg

LOOPBACK = (ip_network("127.0.0.0/8"),)
TIMEOUT_S = 1.0


@pytest.fixture
def fetcher(image_server: ImageServer) -> Fetcher:
    return Fetcher(LOOPBACK, (image_server.port,), TIMEOUT_S, 100_000, Patience())


def fetch(fetcher: Fetcher, url: str) -> bytes:
    return fetcher.fetch(url, Deadline(30))


@pytest.mark.parametrize(
    "path",
    ["/picture.jpg", "/picture.jpg?size=large#part", "/picture.jpg?größe=2", "/redirect", "/redirect-endless-body"],
)
def test_picture_is_fetched(fetcher: Fetcher, image_server: ImageServer, path: str) -> None:
    assert fetch(fetcher, image_server.url(path)) == jpeg()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/missing", "broken"),
        ("/empty", "broken"),
        ("/no-http", "broken"),
        ("/many-headers", "broken"),
        ("/long-header", "broken"),
        ("/two-lengths", "broken"),
        ("/transfer-coding", "broken"),
        ("/chunk-extension", "broken"),
        ("/chunk-of-negative-size", "broken"),
        ("/endless-trailer", "slow"),
        ("/gzip", "broken"),
        ("/cut-short", "broken"),
        ("/redirect-forever", "broken"),
        ("/redirect-to-file", "broken"),
        ("/redirect-to-metadata", "forbidden"),
        ("/redirect-to-other-port", "forbidden"),
        ("/slow-headers", "slow"),
        ("/slow-body", "slow"),
        ("/continue-flood", "slow"),
    ],
)
def test_origin_that_gives_no_picture(fetcher: Fetcher, image_server: ImageServer, path: str, reason: str) -> None:
    start = time.monotonic()
    with pytest.raises(ImageUnreachable) as caught:
        fetch(fetcher, image_server.url(path))
    assert caught.value.reason == reason
    assert time.monotonic() - start < 3 * TIMEOUT_S


@pytest.mark.parametrize("path", ["/announced-too-large", "/endless", "/endless-chunks"])
def test_too_many_bytes_are_refused(fetcher: Fetcher, image_server: ImageServer, path: str) -> None:
    with pytest.raises(ImageTooLarge):
        fetch(fetcher, image_server.url(path))


def test_address_that_is_not_public_is_never_asked(image_server: ImageServer) -> None:
    fetcher = Fetcher((), (image_server.port,), TIMEOUT_S, 100_000, Patience())
    before = len(image_server.hits)
    for host in ("127.0.0.1", "localhost"):
        with pytest.raises(ImageUnreachable) as caught:
            fetch(fetcher, f"http://{host}:{image_server.port}/picture.jpg")
        assert caught.value.reason == "forbidden"
    assert len(image_server.hits) == before


def test_port_that_is_not_allowed_is_never_asked(image_server: ImageServer) -> None:
    before = len(image_server.hits)
    with pytest.raises(ImageUnreachable) as caught:
        fetch(Fetcher(LOOPBACK, (80, 443), TIMEOUT_S, 100_000, Patience()), image_server.url("/picture.jpg"))
    assert caught.value.reason == "forbidden"
    assert len(image_server.hits) == before


def test_port_where_nobody_listens_is_unreachable() -> None:
    with pytest.raises(ImageUnreachable) as caught:
        fetch(Fetcher(LOOPBACK, (1,), TIMEOUT_S, 100_000, Patience()), "http://127.0.0.1:1/")
    assert caught.value.reason == "unreachable"


def test_proxy_from_the_environment_is_ignored(
    fetcher: Fetcher, image_server: ImageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert fetch(fetcher, image_server.url("/picture.jpg")) == jpeg()


@pytest.mark.parametrize(
    "url",
    [
        "", "picture.jpg", "//host/", "ftp://host/", "file:///etc/passwd", "http://", "http:///path", "http://user@host/",
        "http://user:secret@host/", "http://host:99999999/", "http://host name/", "http://ho\tst/", "http://host\\@other/",
        "http://%31%32%37.0.0.1/", "http://127.1/", "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/",
        "http://127.0.0.0x1/", "http://127.0.0.1.2/", "http://a..b/", "http://bücher.example/", "http://host/\r\nX: y",
        "http://\u212a/", "http://host/a b", "http://host/\\", "http://host/\ud800",
        "javascript:alert(1)", "http://host/" + "a" * 3000, "http://999.1.1.1.1/", "http://[::1/",
    ],
)  # fmt: skip
def test_what_is_no_plain_url_is_refused_before_any_look_up(url: str) -> None:
    with pytest.raises(InvalidRequest):
        parse(url)


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port", "target"),
    [
        ("http://host", "http", "host", 80, "/"),
        ("HTTPS://Host.Example:8443/a%20b?c=d#e", "https", "host.example", 8443, "/a%20b?c=d"),
        ("http://[2606:4700::1111]/", "http", "[2606:4700::1111]", 80, "/"),
        ("http://8.8.8.8:81?q", "http", "8.8.8.8", 81, "/?q"),
        ("http://host/b\u00fccher/%20?{a}=\u00b2", "http", "host", 80, "/b%C3%BCcher/%20?%7Ba%7D=%C2%B2"),
        ("http://host/@:80#\u00e9", "http", "host", 80, "/@:80"),
    ],
)
def test_plain_url_is_taken_apart(url: str, scheme: str, host: str, port: int, target: str) -> None:
    origin = parse(url)
    assert (origin.scheme, origin.host, origin.port, origin.target) == (scheme, host, port, target)
