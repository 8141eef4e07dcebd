"""/predictions and its kin, over the embedded model server and real databases."""

import functools
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from io import BytesIO
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from moto.server import ThreadedMotoServer
from PIL import ExifTags, Image
from werkzeug.test import TestResponse

from gateway.app import create_app
from gateway.history.history import History
from gateway.settings import Settings
from tests.conftest import Running, TinyModel
from tests.gateway.test_api import RED, assert_problem
from tests.image_server import ImageServer
from tests.pictures import encoded, jpeg
from tests.waiting import until

BLUE = encoded(Image.new("RGB", (60, 80), "blue"), "PNG")
UNKNOWN = "01a21b10-91e8-70de-b92c-0ad61b5de83e"
Client = Callable[..., FlaskClient]


@pytest.fixture
def client_with(
    model_server: Running, tiny_model: TinyModel, image_server: ImageServer, tmp_path: Path, database_url: str
) -> Iterator[Client]:
    """Makes clients of applications with one history; keyword arguments are settings."""
    own = {
        "model_server": model_server.address,
        "model_dir": tiny_model.models,
        "default_model": "tiny",
        "allowed_networks": (ip_network("127.0.0.0/8"),),
        "allowed_ports": (image_server.port,),
        "max_upload_bytes": 100_000,
        "fetch_timeout_s": 1,
        "data_dir": tmp_path,
        "database_url": database_url,
    }

    with ExitStack() as opened:

        def make(**options: Any) -> FlaskClient:
            settings = Settings(**{**own, **options})
            history = History(settings, lambda fate, count: None) if settings.history else None
            if history is not None:
                opened.callback(history.close)
            return create_app(settings, history=history).test_client()

        yield make


@pytest.fixture
def client(client_with: Client) -> FlaskClient:
    return client_with()


def create(client: FlaskClient, picture: bytes = RED, query: str = "", name: str = "a.jpg") -> TestResponse:
    return client.post(f"/predictions{query}", data={"file": (BytesIO(picture), name)})


def listed(client: FlaskClient, query: str = "") -> list[dict[str, Any]]:
    answer = client.get(f"/predictions{query}")
    assert answer.status_code == 200, answer.data
    return answer.json["items"]  # type: ignore[index,no-any-return]


def test_created_prediction_tells_all_about_it_and_stays(client: FlaskClient) -> None:
    before = datetime.now(UTC)
    created = create(client, name="../private/my \x00 car.jpg")
    document = created.json
    assert created.status_code == 201
    assert document is not None
    assert created.headers["Location"] == f"/predictions/{document['id']}"
    assert created.headers["X-Prediction-Id"] == document["id"]
    assert document["created_at"].endswith("Z")
    assert before < datetime.fromisoformat(document["created_at"]) < datetime.now(UTC)
    assert (document["model"], document["version"], document["label"]) == ("tiny", 1, "red")
    assert list(document["probabilities"]) == ["red", "green", "blue"]
    assert document["top"][0] == {"label": "red", "probability": document["confidence"]}
    assert [one["probability"] for one in document["top"]] == sorted(document["probabilities"].values(), reverse=True)
    assert set(document["timings_ms"]) == {"decode", "preprocess", "model"}
    assert document["source"] == {
        "kind": "upload",
        "url": None,
        "filename": "my  car.jpg",
        "sha256": hashlib.sha256(RED).hexdigest(),
        "format": "JPEG",
        "width": 120,
        "height": 90,
        "bytes": len(RED),
    }
    assert (document["true_label"], document["image"]) == (None, None)
    assert client.get(created.headers["Location"]).json == document
    (item,) = listed(client)
    assert item == {key: value for key, value in document.items() if key not in ("probabilities", "timings_ms")}


def test_url_and_raw_body_are_sources_too(client: FlaskClient, image_server: ImageServer) -> None:
    url = image_server.url("/picture.jpg?secret=1")
    image_server.files["/picture.jpg?secret=1"] = jpeg()
    by_url = client.post("/predictions", json={"url": url}).json
    by_body = client.post("/predictions", data=BLUE, content_type="image/png").json
    assert by_url is not None
    assert by_body is not None
    assert (by_url["source"]["kind"], by_url["source"]["url"], by_url["source"]["filename"]) == ("url", url, None)
    assert by_body["source"]["kind"] == "raw"
    assert (by_body["source"]["format"], by_body["source"]["width"], by_body["label"]) == ("PNG", 60, "blue")


def test_a_turned_pictures_size_is_the_upright_one(client: FlaskClient) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    turned = create(client, encoded(Image.new("RGB", (120, 90), "red"), "JPEG", exif=exif)).json
    assert turned is not None
    assert (turned["source"]["width"], turned["source"]["height"]) == (90, 120)


def test_predict_and_classify_write_history_too(client: FlaskClient) -> None:
    predicted = client.post("/predict", data=RED, content_type="image/jpeg")
    classified = client.post("/classify", data=BLUE, content_type="image/png")
    assert predicted.json == "red"
    assert classified.json is not None
    assert classified.json["category"] == "blue"
    ids = [predicted.headers["X-Prediction-Id"], classified.headers["X-Prediction-Id"]]
    assert [item["id"] for item in listed(client)] == ids[::-1]


def test_explanation_comes_along_when_asked_for(client: FlaskClient) -> None:
    half = Image.new("RGB", (200, 100), "blue")
    half.paste((255, 0, 0), (0, 0, 100, 100))
    document = create(client, encoded(half, "JPEG"), "?explain=true").json
    assert document is not None
    assert document["explanation"]["class"] == document["label"]
    assert len(document["explanation"]["heatmap"]) > 1
    assert "explanation" not in client.get(f"/predictions/{document['id']}").json  # type: ignore[operator]


def test_pages_follow_their_cursor_and_skip_counts(client: FlaskClient) -> None:
    made = [create(client).headers["X-Prediction-Id"] for _ in range(7)][::-1]
    seen, cursor = [], ""
    while cursor is not None:
        page = client.get(f"/predictions?limit=3{cursor and '&cursor='}{cursor}").json
        assert page is not None
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
    assert seen == made
    assert [item["id"] for item in listed(client, "?skip=2&limit=3")] == made[2:5]
    assert listed(client, "?skip=100") == []


def test_filters_choose(client: FlaskClient) -> None:
    red, blue = create(client).json, create(client, BLUE, "?model=floats").json
    assert red is not None
    assert blue is not None
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    for query, chosen in {
        "label=red": [red],
        "label=green": [],
        "model=floats": [blue],
        "model=tiny&version=1": [red],
        f"since={red['created_at']}": [blue, red],
        f"until={blue['created_at']}": [red],
        f"since={tomorrow}": [],
        f"until={tomorrow}": [blue, red],
        "confident=false": [],
        "confident=TRUE": [blue, red],
        "corrected=true": [],
        "corrected=0": [blue, red],
    }.items():
        assert [item["id"] for item in listed(client, f"?{query}")] == [one["id"] for one in chosen], query


WRONG = [
    "limit=0", "limit=101", "limit=x", "limit=-1", "limit=", "skip=-1", "skip=10001", "cursor=", "cursor=x",
    "cursor=%00", "cursor=MTIgMTI", "cursor=%C3%A4", "skip=1&cursor=MTIgMTI", "since=yesterday", "since=",
    "until=2026-13-01", "until=2026-11-01T10:00:00", "since=0001-01-01T00:00:00%2B14:00", "confident=maybe",
    "corrected=", "label=", "label=%00", "label=a&label=b", "version=0",
    "version=99999999999999999999", "model=%0a",
]  # fmt: skip


def test_wrong_page_or_filter_is_400(client: FlaskClient) -> None:
    for query in WRONG:
        assert_problem(client.get(f"/predictions?{query}"), 400, "invalid_request")


def test_unknown_and_malformed_ids_are_404(client: FlaskClient) -> None:
    for id in [UNKNOWN, "1", "x" * 300, "%00", UNKNOWN + "0", UNKNOWN.replace("-", "")]:
        assert_problem(client.get(f"/predictions/{id}"), 404, "unknown_prediction")
        assert_problem(client.get(f"/predictions/{id}/image"), 404, "unknown_prediction")
        assert_problem(client.delete(f"/predictions/{id}"), 404, "unknown_prediction")
        assert_problem(client.patch(f"/predictions/{id}", json={"true_label": "red"}), 404, "unknown_prediction")


def test_correction_is_kept_counted_and_taken_back(client: FlaskClient) -> None:
    path = create(client).headers["Location"]
    corrected = client.patch(path, json={"true_label": "blue"})
    assert corrected.json is not None
    assert (corrected.json["true_label"], corrected.json["label"]) == ("blue", "red")
    assert client.get(path).json == corrected.json
    assert [item["true_label"] for item in listed(client, "?corrected=true")] == ["blue"]
    assert client.get("/stats").json["labelled"]["accuracy"] == 0  # type: ignore[index]
    assert client.patch(path, json={"true_label": None}).json["true_label"] is None  # type: ignore[index]
    assert client.get("/stats").json["labelled"]["total"] == 0  # type: ignore[index]


def test_wrong_correction_is_400(client: FlaskClient) -> None:
    path = create(client).headers["Location"]
    for body in [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"true_label": 5}',
        b'{"true_label": ["red"]}',
        b'{"label": "red"}',
        b'{"true_label": "red", "id": "x"}',
        b'{"true_label": "red", "true_label": "blue"}',
    ]:
        assert_problem(client.patch(path, data=body, content_type="application/json"), 400, "invalid_request")


def test_label_that_the_model_has_not_got_is_refused_by_name(client: FlaskClient) -> None:
    path = create(client).headers["Location"]
    refused = client.patch(path, json={"true_label": "tennis"})
    assert_problem(refused, 400, "unknown_label")
    assert "red, green, blue" in refused.json["detail"]  # type: ignore[index]


def test_delete_one_twice_and_all(client: FlaskClient) -> None:
    paths = [create(client).headers["Location"] for _ in range(3)]
    assert client.delete(paths[0]).status_code == 204
    assert_problem(client.delete(paths[0]), 404, "unknown_prediction")
    assert len(listed(client)) == 2
    assert client.delete("/predictions").json == {"deleted": 2}
    assert listed(client) == []
    assert client.delete("/predictions").json == {"deleted": 0}


def test_statistics_of_all_and_of_a_model(client: FlaskClient) -> None:
    empty = client.get("/stats").json
    assert empty is not None
    assert (empty["total"], empty["mean_confidence"], empty["latency_ms"]["p50"]) == (0, None, None)
    confidence = [create(client).json["confidence"] for _ in range(3)]  # type: ignore[index]
    create(client, BLUE, "?model=floats")
    whole, tiny = client.get("/stats").json, client.get("/stats?model=tiny&version=1").json
    assert whole is not None
    assert tiny is not None
    assert (whole["total"], whole["by_class"]) == (4, {"blue": 1, "red": 3})
    assert sum(whole["by_day"].values()) == 4
    assert tiny["by_class"] == {"red": 3}
    assert tiny["mean_confidence"] == pytest.approx(sum(confidence) / 3, abs=1e-5)
    assert 0 < tiny["latency_ms"]["p50"] <= tiny["latency_ms"]["p99"] < 10_000
    assert_problem(client.get("/stats?model=%00"), 400, "invalid_request")


def batch(client: FlaskClient, *pictures: bytes, **options: Any) -> TestResponse:
    files = [(BytesIO(picture), f"{number}.jpg") for number, picture in enumerate(pictures)]
    return client.post("/predictions/batch", data={"files": files}, **options)


def test_batch_answers_or_tells_the_problem_of_each_in_order(client: FlaskClient, image_server: ImageServer) -> None:
    urls = [image_server.url(path) for path in ("/picture.jpg", "/text", "/nowhere")] + ["file:///etc/passwd"]
    by_url = client.post("/predictions/batch", json={"urls": urls}).json
    by_file = batch(client, RED, b"text", BLUE, b"", b"0" * 100_001).json
    assert by_url is not None
    assert by_file is not None
    told = [[item.get("problem", {}).get("code", "answered") for item in one["items"]] for one in (by_url, by_file)]
    assert told[0] == ["answered", "image_unreadable", "image_unreachable", "invalid_request"]
    assert told[1] == ["answered", "image_unreadable", "answered", "invalid_request", "image_too_large"]
    assert [item["index"] for item in by_file["items"]] == list(range(5))
    assert by_file["items"][2]["prediction"]["label"] == "blue"
    assert by_file["items"][0]["prediction"]["source"]["filename"] == "0.jpg"
    kept = {item["id"] for item in listed(client)}
    assert kept == {
        item["prediction"]["id"] for one in (by_url, by_file) for item in one["items"] if "prediction" in item
    }


def test_batch_can_be_read_line_by_line(client: FlaskClient) -> None:
    answer = batch(client, *[RED] * 9, headers={"Accept": "application/x-ndjson"})
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert answer.mimetype == "application/x-ndjson"
    assert [line["index"] for line in lines] == list(range(9))
    assert all(line["prediction"]["label"] == "red" for line in lines)


def test_first_line_comes_before_the_last_picture_is_there(client: FlaskClient, image_server: ImageServer) -> None:
    urls = [image_server.url("/picture.jpg"), image_server.url("/slow-body?in-a-batch")]
    options: Any = {"json": {"urls": urls}, "headers": {"Accept": "application/x-ndjson"}, "buffered": False}
    answer = client.post("/predictions/batch", **options)
    lines = answer.iter_encoded()
    assert json.loads(next(lines))["prediction"]["source"]["url"] == urls[0]
    answer.close()


def test_batch_is_bounded(client: FlaskClient, client_with: Client) -> None:
    assert_problem(client.post("/predictions/batch", json={"urls": ["http://h/"] * 65}), 413, "batch_too_large")
    assert_problem(batch(client, *[b"x"] * 65), 413, "batch_too_large")
    assert batch(client, *[b"x"] * 500).status_code == 413
    assert batch(client, *[b"0" * 100_000] * 5).status_code == 413
    assert batch(client, *[b"0" * 90_000] * 4).status_code == 200
    assert_problem(client.post("/predictions/batch", json={"urls": []}), 400, "invalid_request")
    assert_problem(client.post("/predictions/batch", json={"urls": [5]}), 400, "invalid_request")
    assert_problem(client.post("/predictions/batch", json={"url": "http://h/"}), 400, "invalid_request")
    assert_problem(client.post("/predictions/batch", data=RED, content_type="image/jpeg"), 400, "invalid_request")
    assert_problem(client.post("/predictions/batch"), 400, "invalid_request")


def test_batch_waits_for_its_turn_instead_of_crowding_itself_out(client_with: Client) -> None:
    answers = batch(client_with(max_in_flight=1), *[RED] * 12).json
    assert answers is not None
    assert ["prediction" in item for item in answers["items"]] == [True] * 12


def test_third_batch_at_once_is_refused_and_the_turn_comes_back(client: FlaskClient, image_server: ImageServer) -> None:
    path = f"/slow-body?batch-{len(image_server.hits)}"  # the server is everybody's
    slow = {"urls": [image_server.url(path)]}
    threads = [threading.Thread(target=lambda: client.post("/predictions/batch", json=slow)) for _ in range(2)]
    for thread in threads:
        thread.start()
    until(lambda: image_server.hits.count(path) == 2)
    assert_problem(batch(client, RED), 503, "overloaded")
    for thread in threads:
        thread.join()
    for _ in range(3):  # callers who are gone before they read a line
        batch(client, RED, headers={"Accept": "application/x-ndjson"}, buffered=False).close()
    assert batch(client, RED).status_code == 200


def test_history_can_be_off(client_with: Client, tmp_path: Path) -> None:
    client = client_with(history=False)
    created = create(client)
    assert (created.status_code, created.json["id"], created.json["label"]) == (200, None, "red")  # type: ignore[index]
    predicted = client.post("/predict", data=RED, content_type="image/jpeg")
    for answer in (created, predicted):
        assert "X-Prediction-Id" not in answer.headers
        assert "Location" not in answer.headers
    assert batch(client, RED).json["items"][0]["prediction"]["id"] is None  # type: ignore[index]
    for path in ("/predictions", f"/predictions/{UNKNOWN}", f"/predictions/{UNKNOWN}/image", "/stats"):
        assert_problem(client.get(path), 404, "history_off")
    assert_problem(client.delete("/predictions"), 404, "history_off")
    assert list(tmp_path.iterdir()) == []


SECRET = b"somebody's secret"


@functools.cache
def photograph() -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = SECRET.decode()
    return encoded(Image.effect_noise((1200, 800), 90).convert("RGB"), "JPEG", exif=exif, comment=SECRET, quality=60)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty bucket on a server of S3's protocol, and where boto3 finds it."""
    import boto3

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    boto3.client("s3").create_bucket(Bucket="pictures")
    yield "s3://pictures/of/ours"
    server.stop()


@pytest.mark.parametrize("place", ["on", "bucket"])
def test_pictures_are_kept_once_small_and_bare_and_go_with_the_last_that_uses_them(
    client_with: Client, place: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    keep = request.getfixturevalue("bucket") if place == "bucket" else place
    client = client_with(keep_images=keep, max_upload_bytes=10_000_000)
    first, second = create(client, photograph()).json, create(client, photograph()).json
    assert first is not None
    assert second is not None
    assert first["image"] == f"/predictions/{first['id']}/image"

    def stored() -> list[str]:
        if place == "on":
            return [path.stem for path in (tmp_path / "pictures").rglob("*.jpg")]
        import boto3

        return [one["Key"] for one in boto3.client("s3").list_objects_v2(Bucket="pictures").get("Contents", ())]

    until(lambda: client.get(first["image"]).status_code == 200)
    answer = client.get(first["image"])
    assert answer.mimetype == "image/jpeg"
    with Image.open(BytesIO(answer.data)) as small:
        assert small.size == (512, 341)
        assert not small.getexif()
        assert "comment" not in small.info
    assert SECRET not in answer.data
    unchanged = client.get(first["image"], headers={"If-None-Match": answer.headers["ETag"]})
    assert unchanged.status_code == 304
    until(lambda: len(stored()) == 1)
    assert client.delete(f"/predictions/{first['id']}").status_code == 204
    assert_problem(client.get(first["image"]), 404, "unknown_prediction")
    assert client.get(second["image"]).data == answer.data
    assert client.delete(f"/predictions/{second['id']}").status_code == 204
    until(lambda: stored() == [])
    create(client, photograph())
    until(lambda: len(stored()) == 1)
    client.delete("/predictions")
    until(lambda: stored() == [])


def test_no_picture_is_kept_unless_asked_for(client: FlaskClient, tmp_path: Path) -> None:
    path = create(client).headers["Location"]
    assert_problem(client.get(f"{path}/image"), 404, "no_picture")
    assert not (tmp_path / "pictures").exists()


def test_a_bucket_that_does_not_answer_delays_no_prediction(
    client_with: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    client = client_with(keep_images="s3://pictures")
    created = create(client)
    assert created.status_code == 201
    assert_problem(client.get(f"{created.headers['Location']}/image"), 503, "history_unavailable")
    until(lambda: "can't be kept" in caplog.text)


def test_what_similar_services_call_it(client: FlaskClient) -> None:
    assert client.get("/categories").json == {"model": "tiny/1", "categories": ["red", "green", "blue"]}
    assert client.get("/health").json == {"status": "healthy", "model": "tiny/1"}
    classified = client.post("/classify", data=RED, content_type="image/jpeg").json
    assert classified is not None
    assert list(classified) == ["category", "confidence", "confident", "probabilities"]
    assert classified["confidence"] == max(classified["probabilities"].values())
    assert_problem(client.post("/classify", data=b"x", content_type="image/jpeg"), 415, "image_unreadable")
