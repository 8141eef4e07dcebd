"""Our own parsers, given anything: each answers with a value or with its own error, and never with another."""

import json
import string
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

import pytest
from flask import Flask, Request
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.addresses import may_be_dialled
from gateway.app import create_app
from gateway.classifier import Timings
from gateway.deadline import Deadline
from gateway.errors import GatewayError, ImageTooLarge, ImageUnreadable, InvalidRequest
from gateway.fetch import Fetcher, parse
from gateway.images import MAX_PIXELS, decode
from gateway.jpeg import scans
from gateway.patience import Patience
from gateway.settings import Address, Settings
from gateway.uploads import Uploads
from tests.pictures import drawn, encoded, jpeg

examples = partial(settings, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))

HOSTS = st.one_of(
    st.text(string.ascii_letters + string.digits + ".-_@%:[]\\/ \t\r\n\u2024\u3002\uff0e\u2460é", max_size=30),
    st.ip_addresses().map(str),
    st.integers(0, 2**33).map(str),
    st.integers(0, 2**33).map(hex),
    st.lists(st.one_of(st.integers(0, 300).map(str), st.integers(0, 300).map(oct)), min_size=1, max_size=5).map(
        ".".join
    ),
)
URLS = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["http://", "https://", "HTTP://", "http:", "http:/", "http:\\\\", "ftp://", "//", " http://", ""]),
    st.sampled_from(["", "", "", "user@", "user:secret@", "8.8.8.8@", "%40"]),
    HOSTS,
    st.sampled_from(["", "", ":80", ":443", ":", ":0", ":99999", ":8O"]),
    st.one_of(st.just(""), st.text(max_size=20).map("/{}".format), st.text(max_size=20).map("?{}".format)),
)


@given(st.one_of(URLS, st.text(max_size=60)))
@examples(max_examples=1500)
@example("http://127.0.0.1\\@8.8.8.8/")
@example("http://8.8.8.8#@127.0.0.1/")
def test_url_is_refused_or_means_what_everybody_reads(url: str) -> None:
    try:
        origin = parse(url)
    except InvalidRequest:
        return
    read = urlsplit(origin.url)
    assert (read.scheme, read.hostname, read.port) == (origin.scheme, origin.host.strip("[]"), origin.port)
    assert read.username is read.password is None
    assert origin.url.isascii()
    assert not set(origin.url) & set(" \t\r\n\\\x00")
    if origin.host[-1].isdigit() and origin.host.replace(".", "").isdigit():
        assert str(IPv4Address(origin.host)) == origin.host


@given(st.ip_addresses(v=4))
@examples(max_examples=500)
def test_address_that_carries_another_is_never_dialled_but_as_that(inner: IPv4Address) -> None:
    number = int(inner)
    mapped = IPv6Address((0xFFFF << 32) + number)
    nat64 = IPv6Address(int(IPv6Address("64:ff9b::")) + number)
    six_to_four = IPv6Address((0x2002 << 112) + (number << 80))
    teredo = IPv6Address((0x20010000 << 96) + (number ^ 0xFFFFFFFF))
    compatible = IPv6Address(number)
    assert may_be_dialled(mapped) == may_be_dialled(inner)
    assert not any(map(may_be_dialled, (nat64, six_to_four, teredo, compatible)))


@given(st.ip_addresses())
@examples(max_examples=500)
def test_only_what_is_global_is_dialled(address: IPv4Address | IPv6Address) -> None:
    if may_be_dialled(address):
        judged = getattr(address, "ipv4_mapped", None) or address
        assert ip_address(str(judged)).is_global
        assert not judged.is_multicast
        assert not judged.is_reserved


@pytest.fixture(scope="module")
def app() -> Flask:
    return create_app(Settings(model_server="127.0.0.1:1"), Address())


@pytest.fixture(scope="module")
def uploads() -> Uploads:
    return Uploads(Fetcher((), (80,), 0.01, 1000, Patience()), 1000, Patience())


JSONS = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=9) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["url", "x", ""]), inner, max_size=3),
    max_leaves=20,
)
BODIES = st.one_of(
    JSONS.map(lambda document: json.dumps(document).encode()),
    st.binary(max_size=80),
    st.tuples(JSONS.map(lambda document: json.dumps(document).encode()), st.integers(0, 80), st.binary(max_size=3)).map(
        lambda cut: cut[0][: cut[1]] + cut[2] + cut[0][cut[1] :]
    ),
)
KINDS = st.one_of(
    st.sampled_from(
        [
            "application/json",
            "application/json; charset=utf-16",
            "image/jpeg",
            "image/",
            "multipart/form-data; boundary=b",
        ]
    ),
    st.text(string.printable.replace("\n", "").replace("\r", ""), max_size=30),
)


@given(body=BODIES, kind=KINDS)
@examples(max_examples=1000)
@example(body=b'{"url": "http://h/\\ud800"}', kind="application/json")
@example(
    body=b"--b\r\nContent-Disposition: form-data; filename*=x''%ff\r\n\r\n\r\n--b--",
    kind="multipart/form-data; boundary=b",
)
def test_body_is_a_picture_or_the_callers_error(app: Flask, uploads: Uploads, body: bytes, kind: str) -> None:
    with app.test_request_context("/predict", method="POST", data=body, content_type=kind) as context:
        request: Request = context.request
        try:
            picture, status = uploads.picture(request, Deadline(5), Timings()).picture, 200
        except GatewayError as error:
            picture, status = b"none", error.status
    assert 0 < len(picture) <= 1000
    assert status < 500


HEADERS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=80)


@given(timeout=HEADERS, request_id=HEADERS, accept=HEADERS, query=st.text(max_size=40))
@examples(max_examples=300)
@example(timeout="²", request_id="", accept="", query="version=²")
@example(timeout="0x10", request_id="a" * 65, accept="text/html;q=nan", query="version=%00&alpha=inf&class=")
def test_header_and_query_are_read_or_the_callers_error(
    app: Flask, timeout: str, request_id: str, accept: str, query: str
) -> None:
    headers = {"X-Request-Timeout-Ms": timeout, "X-Request-Id": request_id, "Accept": accept}
    for path in ("/predict", "/explain"):
        answer = app.test_client().post(path, query_string=query, headers=headers)
        assert answer.status_code == 400  # there is no body
        assert len(answer.headers["X-Request-Id"]) <= 64
        assert answer.headers["X-Request-Id"].isascii()


PICTURES = [jpeg(), jpeg(progressive=True), *(encoded(drawn(), form) for form in ("PNG", "GIF", "WEBP", "MPO"))]


@given(
    st.sampled_from(PICTURES),
    st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=6), st.integers(0, 6)), min_size=1, max_size=6),
)
@examples(max_examples=1500)
def test_damaged_picture_is_an_image_or_unreadable(picture: bytes, damages: list[tuple[int, bytes, int]]) -> None:
    damaged = bytearray(picture)
    for place, new, length in damages:
        damaged[place % len(damaged) : place % len(damaged) + length] = new
    try:
        image = decode(bytes(damaged), (16, 16), "fit")
    except (ImageUnreadable, ImageTooLarge):
        return
    assert image.mode == "RGB"
    assert image.width * image.height <= MAX_PIXELS


@given(st.binary(max_size=200), st.integers(1, 100))
@examples(max_examples=500)
def test_scans_are_counted_in_anything(rest: bytes, at_most: int) -> None:
    assert 0 <= scans(b"\xff\xd8" + rest, at_most).count <= at_most
    assert 0 <= scans(jpeg(progressive=True)[: len(rest)] + rest, at_most).count <= at_most
