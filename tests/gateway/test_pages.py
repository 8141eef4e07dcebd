"""The page's files and its form, over the embedded model server with a small model."""

import base64
import gzip
import json
import re
from collections.abc import Iterator
from io import BytesIO
from ipaddress import ip_network

import pytest
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from gateway.app import create_app
from gateway.settings import Settings
from tests.conftest import ROOT, Running, TinyModel
from tests.image_server import ImageServer
from tests.pictures import encoded

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"}
FILES = ROOT / "gateway" / "static" / "page"
RED = encoded(Image.new("RGB", (1200, 900), "red"), "JPEG", quality=95)


@pytest.fixture(scope="module")
def client(model_server: Running, tiny_model: TinyModel, image_server: ImageServer) -> Iterator[FlaskClient]:
    settings = Settings(
        model_server=model_server.address,
        model_dir=tiny_model.models,
        default_model="tiny",
        allowed_networks=(ip_network("127.0.0.0/8"),),
        allowed_ports=(image_server.port,),
        max_upload_bytes=100_000,
    )
    with create_app(settings).test_client() as client:
        yield client


def upload(client: FlaskClient, picture: bytes = RED, name: str = "name.jpg") -> TestResponse:
    return client.post("/answer", data={"file": (BytesIO(picture), name)}, headers=BROWSER)


def assert_page(response: TestResponse, status: int) -> str:
    assert (response.status_code, response.mimetype) == (status, "text/html")
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    return response.text


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (BROWSER["Accept"], "text/html"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("", "application/json"),
        ("text/html;q=0.1, application/json", "application/json"),
    ],
)
def test_browsers_get_the_page_and_programs_get_json(client: FlaskClient, accept: str, kind: str) -> None:
    response = client.get("/", headers={"Accept": accept})
    assert (response.status_code, response.mimetype) == (200, kind)
    assert "Accept" in response.headers["Vary"]


def test_index_tells_the_limits(client: FlaskClient) -> None:
    assert client.get("/").get_json()["limits"] == {"max_upload_bytes": 100_000, "max_batch": 64}


def test_page_loads_nothing_from_elsewhere_and_runs_nothing_inline(client: FlaskClient) -> None:
    page = assert_page(client.get("/", headers=BROWSER), 200)
    assert not re.search(r"<script>|<style|\son\w+=|\sstyle=", page)
    loaded = re.findall(r"<(?:script|link|img)[^>]* (?:src|href)=\"([^\"]+)\"", page)
    assert len(loaded) > 4
    for address in loaded:
        assert client.get("/" + address).status_code == 200, address


def test_every_file_is_packed_for_those_who_can_unpack_it(client: FlaskClient) -> None:
    for path in FILES.iterdir():
        if path.name == "index.html":
            continue
        address = f"/assets/1/{path.name}"
        packed = client.get(address, headers={"Accept-Encoding": "gzip"})
        assert packed.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(packed.data) == path.read_bytes()
        plain = client.get(address, headers={"Accept-Encoding": "gzip;q=0"})
        assert "Content-Encoding" not in plain.headers
        assert plain.data == path.read_bytes()
        assert packed.headers["ETag"] == plain.headers["ETag"]


def test_files_of_the_pages_own_version_are_kept_for_ever_and_others_asked_for_again(client: FlaskClient) -> None:
    (version,) = set(re.findall('"assets/([0-9a-f]+)/', client.get("/", headers=BROWSER).text))
    assert "immutable" in client.get(f"/assets/{version}/style.css").headers["Cache-Control"]
    other = client.get("/assets/0123456789ab/style.css")
    assert other.headers["Cache-Control"] == "no-cache"
    again = client.get("/assets/0123456789ab/style.css", headers={"If-None-Match": other.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("name", ["missing.js", "..%2fapp.py", "index.html", "%2e%2e/app.py"])
def test_other_files_are_not_served(client: FlaskClient, name: str) -> None:
    assert client.get(f"/assets/1/{name}").status_code == 404


def test_samples_are_the_drawn_pictures(client: FlaskClient) -> None:
    names = client.get("/samples").get_json()["samples"]
    assert len(names) == 7
    for name in names:
        assert client.get(f"/samples/{name}").data == (ROOT / "samples" / name).read_bytes()
        small = client.get(f"/samples/{name}/small")
        assert small.mimetype == "image/webp"
        assert len(small.data) < 8_000
        with Image.open(BytesIO(small.data)) as image:
            assert image.size == (240, 180)
    assert client.get("/samples/draw.py").status_code == 404


def test_a_form_is_answered_with_a_page(client: FlaskClient) -> None:
    response = upload(client)
    page = assert_page(response, 200)
    assert "red" in page
    assert response.headers["X-Model"] == "tiny/1"
    assert client.get(f"/predictions/{response.headers['X-Prediction-Id']}").get_json()["label"] == "red"
    (seen,) = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    with Image.open(BytesIO(base64.b64decode(seen))) as image:
        assert image.size == (512, 384)


def test_an_address_that_was_typed_is_answered_too(client: FlaskClient, image_server: ImageServer) -> None:
    address = f" {image_server.url('/picture.jpg')} "
    assert_page(client.post("/answer", data={"url": address}, headers=BROWSER), 200)


def test_what_the_caller_names_never_becomes_markup(client: FlaskClient) -> None:
    page = assert_page(upload(client, name="<img src=x onerror=alert(1)>.jpg"), 200)
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        ({}, 400, "Choose a picture"),
        ({"url": " "}, 400, "Choose a picture"),
        ({"url": ["http://a.example", "http://b.example"]}, 400, "Choose a picture"),
        ({"url": "http://169.254.169.254/"}, 422, "No picture could be fetched"),
        ({"file": (b"no picture", "a.jpg")}, 415, "no complete"),
        ({"file": (b"", "")}, 400, "Choose a picture"),
        ({"file": (b"", "a.jpg")}, 400, "The picture is empty"),
        ({"file": (bytes(200_000), "a.jpg")}, 413, "this service reads"),
        ({"file": (RED, "a.jpg"), "url": "http://a.example"}, 400, "send one of them"),
    ],
)
def test_what_is_wrong_is_said_on_a_page(client: FlaskClient, data: dict[str, object], status: int, words: str) -> None:
    sent = {key: (BytesIO(value[0]), value[1]) if isinstance(value, tuple) else value for key, value in data.items()}
    response = client.post("/answer", data=sent, headers=BROWSER)
    assert words in assert_page(response, status)


def test_a_reload_of_the_answers_address_shows_the_page(client: FlaskClient) -> None:
    assert client.get("/answer", headers=BROWSER).data == client.get("/", headers=BROWSER).data


def test_a_prediction_can_bring_its_picture(client: FlaskClient, image_server: ImageServer) -> None:
    sent = {"url": image_server.url("/picture.jpg")}
    with_it = client.post("/predictions?picture=true", json=sent).get_json()
    assert with_it["picture"].startswith("data:image/jpeg;base64,/9j/")
    assert "picture" not in client.post("/predictions", json=sent).get_json()
    assert json.loads(client.post("/predictions?picture=yes", json=sent).data)["code"] == "invalid_request"
