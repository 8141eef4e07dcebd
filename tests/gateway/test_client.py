"""The client over real connections: to the gateway, and to a stand-in for what the gateway doesn't do on demand."""

import csv
import json
import os
import pty
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, closing, contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from ipaddress import ip_network
from pathlib import Path
from socketserver import TCPServer
from typing import Any

import pytest
import trustme
from PIL import Image
from werkzeug.serving import WSGIRequestHandler, make_server

from gateway.app import create_app
from gateway.client import Client, ClientError, Refused, ServiceUnreachable, answers, calls
from gateway.client.__main__ import main
from gateway.client.client import MAX_PICTURE_BYTES
from gateway.client.parallel import awaited, in_order
from gateway.settings import Settings
from tests.conftest import ROOT, Running, TinyModel
from tests.image_server import ImageServer
from tests.pictures import encoded, jpeg
from tests.waiting import until
from trainer.data import load

RED, GREEN = (encoded(Image.new("RGB", (120, 90), colour), "JPEG", quality=95) for colour in ("red", "lime"))
ID = "019b1c8e-7c3a-7000-8000-{:012x}"
PREDICTION: dict[str, Any] = {
    "id": ID.format(1),
    "created_at": "2026-11-27T03:22:59.123456Z",
    "model": "sports7",
    "version": 2,
    "label": "tennis",
    "confidence": 0.99,
    "confident": True,
    "top": [{"label": "tennis", "probability": 0.99}, {"label": "cricket", "probability": 0.01}],
    "probabilities": {"cricket": 0.01, "tennis": 0.99},
    "source": {
        "kind": "upload",
        "url": None,
        "filename": "a.jpg",
        "sha256": "ab" * 32,
        "format": "JPEG",
        "width": 120,
        "height": 90,
        "bytes": 1234,
    },
    "timings_ms": {"decode": 1.5, "model": 20},
    "true_label": None,
    "image": None,
}


def predicted(**changes: Any) -> dict[str, Any]:
    return deepcopy(PREDICTION) | changes


@dataclass
class Asked:
    method: str
    path: str
    kind: str
    body: bytes


Behaviour = Callable[[BaseHTTPRequestHandler, Asked], None]


@dataclass
class StandIn:
    """A service on loopback: each request gets the next of its behaviours, and the last one for ever."""

    behaviours: list[Behaviour]
    base: str = ""
    asked: list[Asked] = field(default_factory=list)
    reached: set[int] = field(default_factory=set)
    """Ports that connections came from."""
    stopped: threading.Event = field(default_factory=threading.Event)

    def behave(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        asked = Asked(handler.command, handler.path, handler.headers.get("Content-Type", ""), body)
        self.asked.append(asked)
        self.reached.add(handler.client_address[1])
        (self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0])(handler, asked)


@contextmanager
def standing_in(*behaviours: Behaviour) -> Iterator[StandIn]:
    stand_in = StandIn(list(behaviours))

    class Handler(BaseHTTPRequestHandler):
        protocol_version, disable_nagle_algorithm = "HTTP/1.1", True

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except OSError:
                self.close_connection = True  # the client gave up, which is what some behaviours are for

        def do_GET(self) -> None:
            stand_in.behave(self)

        do_POST = do_PATCH = do_DELETE = do_GET

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def server_bind(self) -> None:  # the library's asks a name server who we are
            TCPServer.server_bind(self)
            self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    with Server(("127.0.0.1", 0), Handler) as server:
        stand_in.base = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield stand_in
        stand_in.stopped.set()
        server.shutdown()


@pytest.fixture
def serving() -> Iterator[Callable[..., StandIn]]:
    with ExitStack() as opened:
        yield lambda *behaviours: opened.enter_context(standing_in(*behaviours))


def says(said: Any, status: int = 200, **headers: str) -> Behaviour:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()

    def behave(handler: BaseHTTPRequestHandler, _: Asked) -> None:
        handler.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return behave


def problem(status: int, code: str, **headers: str) -> Behaviour:
    said = {"type": "about:blank", "title": "No", "status": status, "code": code, "detail": "No.", "request_id": "r1"}
    return says(said, status, **headers)


def goes_away(handler: BaseHTTPRequestHandler, _: Asked) -> None:
    handler.close_connection = True


def flows(status: int) -> Behaviour:
    """A body without an end."""

    def behave(handler: BaseHTTPRequestHandler, _: Asked) -> None:
        handler.send_response(status)
        handler.end_headers()
        while True:
            handler.wfile.write(bytes(2**20))

    return behave


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now, self.sleeps = 1000.0, list[float]()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


@contextmanager
def patient(base: str, timeout_s: float = 30.0) -> Iterator[tuple[Client, Clock]]:
    clock = Clock()
    with Client(base, timeout_s, clock=clock, sleep=clock.sleep) as client:
        yield client, clock


CLASSES = says({"model": "sports7/2", "classes": ["cricket", "tennis"]})


def test_client_imports_nothing_of_the_server() -> None:
    program = "import sys, gateway.client, gateway.client.__main__; print(*sys.modules)"
    child = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    modules = set(child.stdout.split())
    ours = {name for name in modules if name.startswith("gateway.") and not name.startswith("gateway.client")}
    servers = {"flask", "werkzeug", "grpc", "numpy", "PIL", "sqlalchemy", "pydantic", "google.protobuf", "boto3"}
    assert not ours | (modules & (servers | {"model", "trainer", "protos"}))


def test_prediction_is_typed_and_unknown_keys_are_ignored(serving: Callable[..., StandIn]) -> None:
    source = PREDICTION["source"] | {"camera": "unknown"}
    service = serving(says(predicted(source=source, more=[1, 2])))
    with Client(service.base) as client:
        said = client.get(ID.format(1))
    assert said.created_at == datetime(2026, 11, 27, 3, 22, 59, 123456, UTC)
    assert (said.top[1].label, said.top[1].probability) == ("cricket", 0.01)
    assert (said.source.width, said.source.filename) == (120, "a.jpg")
    assert said.timings_ms == {"decode": 1.5, "model": 20.0}
    assert hash(said) == hash(deepcopy(said))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("id", 5),
        ("created_at", "yesterday"),
        ("created_at", "2026-11-27T03:22:59"),
        ("created_at", None),
        ("version", True),
        ("version", "2"),
        ("label", None),
        ("label", "\ud800"),
        ("confidence", "high"),
        ("confidence", 10**400),
        ("confident", 1),
        ("top", {"tennis": 1}),
        ("top", [["tennis", 1]]),
        ("source", None),
        ("source", {}),
        ("probabilities", [1]),
        ("probabilities", {"tennis": None}),
    ],
)
def test_answer_that_does_not_fit_is_a_client_error(key: str, value: Any) -> None:
    with pytest.raises(ClientError, match="doesn't fit"):
        answers.prediction(predicted(**{key: value}))


@pytest.mark.parametrize(
    "missing", sorted(PREDICTION.keys() - {"id", "true_label", "image", "probabilities", "timings_ms"})
)
def test_answer_that_lacks_a_key_is_a_client_error_that_names_it(missing: str) -> None:
    said = predicted()
    del said[missing]
    with pytest.raises(ClientError, match=missing):
        answers.prediction(said)


@pytest.mark.parametrize(
    "body", [b"<html>", b"\xff", b"[" * 100_000, b'{"classes": NaN}', b"9" * 5000, b"", b"[]", b"{}"]
)
def test_garbage_is_a_client_error(serving: Callable[..., StandIn], body: bytes) -> None:
    with Client(serving(says(body)).base) as client:
        for ask in (client.classes, client.stats, client.delete_all, client.page):
            if ask != client.stats or body != b"{}":
                with pytest.raises(ClientError):
                    ask()


def test_bytes_that_are_no_picture_are_a_client_error(serving: Callable[..., StandIn]) -> None:
    with Client(serving(says(b"GIF89a", Content_Type="image/jpeg")).base) as client:
        with pytest.raises(ClientError, match="no image/jpeg"):
            client.image(ID.format(1))
        with pytest.raises(ClientError, match="no image/png"):
            client.explain(RED)


@pytest.mark.parametrize("id", ["", ".", "..", "../stats", "a/b", ID.format(1).upper(), f"{ID.format(1)}\n", "?", "1"])
def test_what_is_no_id_never_becomes_a_path(serving: Callable[..., StandIn], id: str) -> None:
    service = serving(says({"deleted": 1}))
    with Client(service.base) as client:
        for ask in (client.get, client.image, client.delete):
            with pytest.raises(ClientError, match="no prediction's id"):
                ask(id)
    assert not service.asked


def test_busy_service_is_asked_again_after_what_it_says(serving: Callable[..., StandIn]) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=10), usegmt=True)
    service = serving(
        problem(503, "overloaded", Retry_After="3"), problem(429, "slow_down", Retry_After=later), CLASSES
    )
    with patient(service.base) as (client, clock):
        assert client.classes() == ["cricket", "tennis"]
    assert clock.sleeps[0] == 3
    assert 5 < clock.sleeps[1] <= 10
    assert len(service.reached) == 1


@pytest.mark.parametrize("header", [{}, {"Retry_After": "0"}, {"Retry_After": "soon"}, {"Retry_After": "-9"}])
def test_waits_double_and_end_before_the_deadline(serving: Callable[..., StandIn], header: dict[str, str]) -> None:
    service = serving(problem(503, "overloaded", **header))
    with patient(service.base, 10) as (client, clock), pytest.raises(Refused) as caught:
        client.classes()
    assert (caught.value.status, caught.value.code, caught.value.request_id) == (503, "overloaded", "r1")
    longest = [min(calls.LONGEST_WAIT_S, calls.FIRST_WAIT_S * 2**n) for n in range(len(clock.sleeps))]
    assert all(most / 2 <= slept <= most for slept, most in zip(clock.sleeps, longest, strict=True))
    assert 10 - calls.LONGEST_WAIT_S <= sum(clock.sleeps) < 10
    assert len(service.asked) == len(clock.sleeps) + 1


def test_wait_past_the_deadline_is_not_begun(serving: Callable[..., StandIn]) -> None:
    service = serving(problem(429, "slow_down", Retry_After="31"))
    with patient(service.base) as (client, clock), pytest.raises(Refused):
        client.classes()
    assert (clock.sleeps, len(service.asked)) == ([], 1)


@pytest.mark.parametrize("status", [301, 400, 404, 413, 500, 502, 504])
def test_other_answers_are_final(serving: Callable[..., StandIn], status: int) -> None:
    service = serving(problem(status, "some_code", Location="/elsewhere"))
    with patient(service.base) as (client, clock), pytest.raises(Refused, match=f"{status} some_code: No."):
        client.classes()
    assert (clock.sleeps, len(service.asked)) == ([], 1)


@pytest.mark.parametrize("body", [b"<html>Bad Gateway</html>", b"", b"{}", b'{"code": 5, "detail": "x"}'])
def test_refusal_without_a_problem_has_the_status_own_name(serving: Callable[..., StandIn], body: bytes) -> None:
    with Client(serving(says(body, 502, X_Request_Id="r2")).base) as client, pytest.raises(Refused) as caught:
        client.classes()
    assert (caught.value.status, caught.value.code, caught.value.request_id) == (502, "bad_gateway", "r2")


def test_no_connection_is_tried_again_until_the_deadline() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with patient(f"http://user:secret@127.0.0.1:{closed.getsockname()[1]}", 5) as (client, clock):
            for ask in (client.classes, lambda: client.predict(RED)):
                clock.sleeps.clear()
                with pytest.raises(ServiceUnreachable, match="Connection refused") as caught:
                    ask()
                assert 5 - calls.LONGEST_WAIT_S <= sum(clock.sleeps) < 5
                assert "secret" not in str(caught.value)


def test_broken_connection_is_tried_again_where_that_does_nothing_twice(serving: Callable[..., StandIn]) -> None:
    service = serving(goes_away, says(b"x", Content_Length="5", Connection="close"), CLASSES)
    with patient(service.base) as (client, clock):
        assert client.classes() == ["cricket", "tennis"]
    assert len(clock.sleeps) == 2


@pytest.mark.parametrize("broken", [goes_away, says(b"{", 201, Content_Length="5", Connection="close")])
def test_prediction_that_may_have_been_kept_is_not_asked_for_again(
    serving: Callable[..., StandIn], broken: Behaviour
) -> None:
    service = serving(broken, says(predicted(), 201))
    with patient(service.base) as (client, clock), pytest.raises(ServiceUnreachable):
        client.predict(RED)
    assert (clock.sleeps, len(service.asked)) == ([], 1)


def test_prediction_that_was_turned_away_is_asked_for_again_with_the_same_body(
    serving: Callable[..., StandIn], tmp_path: Path
) -> None:
    (tmp_path / "a.jpg").write_bytes(RED)
    service = serving(problem(503, "overloaded", Retry_After="1"), says(predicted(), 201))
    with patient(service.base) as (client, clock):
        assert client.predict(tmp_path / "a.jpg").label == "tennis"
    assert clock.sleeps == [1]
    assert service.asked[0] == service.asked[1]
    assert RED in service.asked[0].body


@pytest.mark.parametrize("part", ["head", "body", "nothing"])
def test_byte_now_and_then_does_not_stretch_the_deadline(serving: Callable[..., StandIn], part: str) -> None:
    def drip(handler: BaseHTTPRequestHandler, _: Asked) -> None:
        starts = {"head": b"HTTP/1.1 200 OK\r\nX-Slow: ", "body": b"HTTP/1.1 200 OK\r\n\r\n", "nothing": b""}
        handler.wfile.write(starts[part])
        while not service.stopped.wait(0.02):
            handler.wfile.write(b"a" if part != "nothing" else b"")

    service = serving(drip)
    begun = time.monotonic()
    with Client(service.base, 0.2) as client, pytest.raises(ServiceUnreachable, match=r"within 0\.2 s|timed? ?out"):
        client.classes()
    assert time.monotonic() - begun < 2


def test_endless_answers_are_not_read_to_the_end(serving: Callable[..., StandIn]) -> None:
    with Client(serving(flows(200)).base) as client, pytest.raises(ClientError, match="larger than"):
        client.classes()
    with Client(serving(flows(502)).base) as client, pytest.raises(Refused, match="502 bad_gateway"):
        client.classes()


def test_compressed_answer_that_nobody_asked_for_is_a_client_error(serving: Callable[..., StandIn]) -> None:
    service = serving(says(b"\x1f\x8b", Content_Encoding="gzip"))
    with Client(service.base) as client, pytest.raises(ClientError, match="compressed"):
        client.classes()


def test_certificate_that_nobody_vouches_for_is_final() -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    with (
        ImageServer(tls=tls) as origin,
        patient(f"https://127.0.0.1:{origin.port}") as (client, clock),
        pytest.raises(ServiceUnreachable, match="certificate verify failed"),
    ):
        client.classes()
    assert clock.sleeps == []


def test_proxy_is_not_asked_about_this_machine(
    serving: Callable[..., StandIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with Client(serving(CLASSES).base) as client:
        assert client.classes() == ["cricket", "tennis"]


@pytest.mark.parametrize(
    "base", ["", "127.0.0.1:9696", "ftp://a", "http://", "http://a:99999", "http://a/?q", "http://a/#f", "http://[::1"]
)
def test_address_that_is_none_is_a_value_error(base: str) -> None:
    with pytest.raises(ValueError):
        Client(base)


@pytest.mark.parametrize("timeout_s", [0, -1, float("nan"), float("inf")])
def test_timeout_that_is_none_is_a_value_error(timeout_s: float) -> None:
    with pytest.raises(ValueError):
        Client(timeout_s=timeout_s)


def test_file_url_and_bytes_go_the_services_three_ways(serving: Callable[..., StandIn], tmp_path: Path) -> None:
    odd = os.fsdecode(b'\xff "\n.jpg')
    (tmp_path / odd).write_bytes(RED)
    service = serving(says(predicted(), 201))
    with Client(f"{service.base}/below/") as client:
        client.predict(str(tmp_path / odd), model="tiny", version=1)
        client.predict("HTTP://example.com/a.jpg")
        client.predict(RED)
    by_file, by_url, by_bytes = service.asked
    assert by_file.path == "/below/predictions?model=tiny&version=1"
    assert by_file.kind.startswith("multipart/form-data")
    assert b'filename="? %22%0A.jpg"' in by_file.body
    assert (json.loads(by_url.body), by_url.kind) == ({"url": "HTTP://example.com/a.jpg"}, "application/json")
    assert (by_bytes.body, by_bytes.kind, by_bytes.path) == (RED, "application/octet-stream", "/below/predictions")


def test_file_that_is_missing_or_too_large_is_never_sent(serving: Callable[..., StandIn], tmp_path: Path) -> None:
    service = serving(says(predicted()))
    with (tmp_path / "large.jpg").open("wb") as file:
        file.truncate(MAX_PICTURE_BYTES + 1)
    with Client(service.base) as client:
        with pytest.raises(FileNotFoundError):
            client.predict(tmp_path / "none.jpg")
        with pytest.raises(ClientError, match="larger"):
            client.predict(tmp_path / "large.jpg")
        with pytest.raises(ClientError, match="can't be written"):
            client.predict(RED, model="\udcff")
    assert not service.asked


def test_history_walks_its_pages_only_as_they_are_needed(serving: Callable[..., StandIn]) -> None:
    pages = [
        {"items": [predicted(id=ID.format(2 * n)), predicted(id=ID.format(2 * n + 1))], "next": following}
        for n, following in enumerate(["c1", "c2", None])
    ]
    service = serving(*[says(page) for page in pages])
    moment = datetime(2026, 11, 27, 4, tzinfo=UTC)
    with Client(service.base) as client:
        history = client.history(label="tennis", corrected=False, since=moment, until="2026-12-01")
        assert not service.asked
        assert next(history).id == ID.format(0)
        assert len(service.asked) == 1
        assert len(list(history)) == 5
    first, second, _ = [asked.path for asked in service.asked]
    assert first == "/predictions?label=tennis&corrected=false&since=2026-11-27T04%3A00%3A00Z&until=2026-12-01"
    assert second == f"{first}&cursor=c1"


def test_limit_of_the_history_is_kept_over_pages(serving: Callable[..., StandIn]) -> None:
    service = serving(
        says({"items": [predicted()] * 100, "next": "c1"}), says({"items": [predicted()] * 100, "next": None})
    )
    with Client(service.base) as client:
        assert len(list(client.history(limit=130))) == 130
        assert list(client.history(limit=0)) == []
    assert [asked.path for asked in service.asked] == ["/predictions?limit=100", "/predictions?limit=30&cursor=c1"]


def test_page_that_points_to_itself_ends_the_walk(serving: Callable[..., StandIn]) -> None:
    service = serving(says({"items": [], "next": "again"}))
    with Client(service.base) as client, pytest.raises(ClientError, match="itself"):
        list(client.history())


def test_many_at_a_time_come_back_in_order() -> None:
    second_is_there = threading.Event()

    def make(number: int) -> int:
        if number == 0:
            assert second_is_there.wait(10)
        if number == 1:
            second_is_there.set()
        return number * number

    assert list(in_order(make, range(100), 4)) == [number * number for number in range(100)]


def test_interrupt_that_wakes_no_wait_is_seen_soon() -> None:
    never: Future[None] = Future()
    started, interrupted = threading.Event(), threading.Event()

    def main_thread_waits() -> bool:
        frame = sys._current_frames()[threading.main_thread().ident or 0]
        return frame.f_code is threading.Condition.wait.__code__

    def interrupt() -> None:
        started.wait()
        until(main_thread_waits)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)  # which doesn't cut the main thread's wait short
        interrupted.wait(20)
        never.set_result(None)

    def be_interrupted() -> None:
        other.start()
        started.set()
        awaited(never)

    other = threading.Thread(target=interrupt)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            be_interrupted()
        assert not never.done()
    finally:
        signal.signal(signal.SIGINT, before)
        interrupted.set()
        other.join()


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    class Handler(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log(self, *_: Any) -> None:
            pass

    server = make_server("127.0.0.1", 0, create_app(settings), threaded=True, request_handler=Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def settings(
    model_server: Running, tiny_model: TinyModel, image_server: ImageServer, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    return Settings(
        model_server=model_server.address,
        model_dir=tiny_model.models,
        default_model="tiny",
        allowed_networks=(ip_network("127.0.0.0/8"),),
        allowed_ports=(image_server.port,),
        max_upload_bytes=100_000,
        data_dir=tmp_path_factory.mktemp("data"),
        keep_images="on",
    )


@pytest.fixture(scope="module")
def gateway(settings: Settings) -> Iterator[str]:
    with served(settings) as base:
        yield base


@pytest.fixture
def client(gateway: str) -> Iterator[Client]:
    with Client(gateway) as client:
        yield client


@pytest.fixture
def clean(client: Client) -> Client:
    """A client of a service whose history is empty."""
    client.delete_all()
    return client


def test_classes_and_explanation_come_from_the_gateway(client: Client, tmp_path: Path) -> None:
    (tmp_path / "red.jpg").write_bytes(RED)
    assert client.classes() == client.classes(model="tiny", version=1) == ["red", "green", "blue"]
    with Image.open(BytesIO(client.explain(tmp_path / "red.jpg", label="red", alpha=1, colormap="grey"))) as drawn:
        assert (drawn.format, drawn.size) == ("PNG", (120, 90))


def test_problem_of_the_gateway_is_refused_with_its_code(client: Client) -> None:
    with pytest.raises(Refused, match="no class cricket") as caught:
        client.explain(RED, label="cricket")
    assert (caught.value.status, caught.value.code) == (400, "invalid_request")
    assert len(caught.value.request_id) == 32
    with pytest.raises(Refused, match="415 image_unreadable"):
        client.explain(b"no picture")


def test_prediction_is_kept_read_corrected_and_deleted(
    clean: Client, image_server: ImageServer, tmp_path: Path
) -> None:
    (tmp_path / "red.jpg").write_bytes(RED)
    by_file = clean.predict(tmp_path / "red.jpg")
    by_bytes = clean.predict(GREEN, model="tiny", version=1)
    by_url = clean.predict(image_server.url("/picture.jpg"))
    assert (by_file.label, by_file.model, by_file.version, by_file.source.filename) == ("red", "tiny", 1, "red.jpg")
    assert [each.source.kind for each in (by_file, by_bytes, by_url)] == ["upload", "raw", "url"]
    assert by_file.id
    assert clean.get(by_file.id) == by_file
    assert clean.image(by_file.id).startswith(b"\xff\xd8\xff")
    assert clean.correct(by_file.id, "blue").true_label == "blue"
    assert clean.get(by_file.id).true_label == "blue"
    assert clean.correct(by_file.id, None).true_label is None
    assert isinstance(clean.stats(), dict)
    clean.delete(by_file.id)
    with pytest.raises(Refused, match="404 unknown_prediction"):
        clean.get(by_file.id)
    assert clean.delete_all() == 2


def test_history_is_filtered_and_newest_first(clean: Client) -> None:
    red, green, red_again = (clean.predict(picture) for picture in (RED, GREEN, RED))
    assert green.id
    clean.correct(green.id, "blue")
    assert [each.id for each in clean.history()] == [red_again.id, green.id, red.id]
    assert [each.id for each in clean.history(label="red", limit=1)] == [red_again.id]
    assert [each.id for each in clean.history(corrected=True)] == [green.id]
    assert [each.id for each in clean.history(since=green.created_at, until=red_again.created_at)] == [green.id]
    assert len(list(clean.history(model="tiny", version=1, confident=red.confident))) >= 2
    assert list(clean.history(model="floats")) == []


def test_prediction_that_is_not_kept_has_no_id(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    with served(settings.model_copy(update={"history": False})) as base, Client(base) as client:
        said = client.predict(RED)
        assert (said.label, said.id, said.image) == ("red", None, None)
        with pytest.raises(Refused, match="404 history_off"):
            next(client.history())
        assert main([str(ROOT / "samples" / "tennis.jpg"), "--base", base]) == 0
    assert "sure" in capsys.readouterr().out


def test_gateway_without_its_model_server_is_asked_again(settings: Settings) -> None:
    alone = settings.model_copy(update={"model_server": "127.0.0.1:1", "history": False})
    unavailable = pytest.raises(Refused, match="503 model_unavailable")
    with served(alone) as base, patient(base, 3) as (client, clock), unavailable:
        client.predict(RED)
    assert clock.sleeps == [1, 1]


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_folder_is_answered_in_order_as_table_and_csv(
    serving: Callable[..., StandIn], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "below").mkdir()
    for name in ("b.JPG", "below/a.avif", "c.webp", "notes.txt"):
        (tmp_path / name).write_bytes(name.encode())

    def named(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        if b"c.webp" in asked.body:
            problem(415, "image_unreadable")(handler, asked)
        else:
            says(predicted(label=asked.body.split(b'filename="')[1].split(b'"')[0].decode()), 201)(handler, asked)

    service = serving(named)
    out = tmp_path / "out.csv"
    assert main([str(tmp_path), "--csv", str(out), "--base", service.base, "--jobs", "2"]) == 1
    assert rows_of(out) == [
        ["picture", "label", "confidence", "confident", "model", "version", "id", "error"],
        [f"{tmp_path}/b.JPG", "b.JPG", "0.990000", "true", "sports7", "2", ID.format(1), ""],
        [f"{tmp_path}/below/a.avif", "a.avif", "0.990000", "true", "sports7", "2", ID.format(1), ""],
        [f"{tmp_path}/c.webp", *[""] * 6, "415 image_unreadable: No."],
    ]
    table, errors = capsys.readouterr()
    assert table.index("b.JPG") < table.index("a.avif") < table.index("c.webp")
    assert "0.990" in table
    assert errors == ""


def test_json_lines_have_a_prediction_or_a_problem(
    serving: Callable[..., StandIn], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.jpg").write_bytes(RED)
    (tmp_path / "b.jpg").write_bytes(RED)
    service = serving(says(predicted(), 201), problem(415, "image_unreadable"))
    names = [str(tmp_path / name) for name in ("a.jpg", "b.jpg", "none.jpg")]
    assert main([names[0], "--json", *names[1:], "--base", service.base, "--jobs=1"]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["picture"] for line in lines] == names
    assert lines[0]["prediction"] == PREDICTION
    refused = {"status": 415, "code": "image_unreadable", "detail": "No.", "request_id": "r1"}
    assert lines[1]["problem"] == refused
    assert lines[2]["problem"] == {"code": "file_unreadable", "detail": "No such file or directory"}


@pytest.mark.parametrize("how", [["--json"], []])
def test_nothing_commands_the_terminal(
    serving: Callable[..., StandIn], tmp_path: Path, capsys: pytest.CaptureFixture[str], how: list[str]
) -> None:
    bad = "\x1b]0;x\x07 \x7f\x9b31m [red]:smile:\u202e"
    (tmp_path / f"{bad}.jpg").write_bytes(RED)
    service = serving(says(predicted(label=bad), 201), problem(400, bad))
    picture = str(tmp_path / f"{bad}.jpg")
    assert main([picture, picture, "--base", service.base, "--jobs=1", *how]) == 1
    assert main([str(tmp_path / "none\x1b"), "--csv", str(tmp_path / "\x1b" / "x"), "--base", service.base]) == 2
    with pytest.raises(SystemExit):
        main(["--\x1b]0;x\x07"])
    shown = "".join(capsys.readouterr())
    assert not set(shown) & set("\x1b\x07\x7f\x9b\u202e")
    assert "[red]:smile:" in shown


def test_spreadsheet_gets_no_formula(serving: Callable[..., StandIn], tmp_path: Path) -> None:
    labels = ["=1+1", "+1", "-1", "@x", "\tx", "x=1"]
    (tmp_path / "a.jpg").write_bytes(RED)
    service = serving(*[says(predicted(label=label), 201) for label in labels])
    arguments = [str(tmp_path / "a.jpg")] * 6 + ["--base", service.base, "--jobs=1", "--csv", str(tmp_path / "c.csv")]
    assert main(arguments) == 0
    assert [row[1] for row in rows_of(tmp_path / "c.csv")[1:]] == ["'=1+1", "'+1", "'-1", "'@x", "'\tx", "x=1"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["a.jpg", "--labelled", "x"],
        ["a.jpg", "-b.jpg"],
        ["--labelled", "x", "--json"],
        ["a.jpg", "--jobs", "0"],
        ["a.jpg", "--jobs", "33"],
        ["a.jpg", "--timeout", "0"],
        ["a.jpg", "--base", "nowhere"],
        ["a.jpg", "--version", "one"],
    ],
)
def test_wrong_usage_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_folder_without_pictures_is_nothing_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().err == "gateway.client: there are no pictures\n"


def test_service_that_is_away_is_3_and_not_asked_for_ever(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(9):
        (tmp_path / f"{number}.jpg").write_bytes(RED)
    assert main([str(tmp_path), "--base", "http://127.0.0.1:1", "--timeout", "0.1", "--jobs", "1"]) == 3
    table, errors = capsys.readouterr()
    assert table.count("http://127.0.0.1:1 ") == 3
    assert errors == "gateway.client: the service is away: 6 more pictures weren't asked about\n"


def test_name_that_begins_with_a_dash_comes_after_two(
    serving: Callable[..., StandIn], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-a.jpg").write_bytes(RED)
    service = serving(says(predicted(), 201))
    assert main(["--base", service.base, "--csv=out.csv", "--", "-a.jpg"]) == 0
    assert rows_of(tmp_path / "out.csv")[1][0] == "'-a.jpg"


def command(*arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    # Whoever started the tests may ignore Ctrl-C, and then so would the child.
    program = "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    program += "; runpy.run_module('gateway.client', run_name='__main__', alter_sys=True)"
    return subprocess.Popen([sys.executable, "-c", program, *arguments], cwd=ROOT, **options)


def test_interrupt_ends_with_130_and_no_traceback(serving: Callable[..., StandIn]) -> None:
    asked = threading.Event()

    def hang(handler: BaseHTTPRequestHandler, _: Asked) -> None:
        asked.set()
        service.stopped.wait(30)

    service = serving(hang)
    child = command("samples", "--base", service.base, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with child:
        assert asked.wait(20)
        child.send_signal(signal.SIGINT)
        out, errors = child.communicate(timeout=20)
    assert (child.returncode, out, errors) == (130, b"", b"")


@pytest.mark.parametrize("how", [["--json"], []])
def test_reader_that_goes_away_gets_no_traceback(serving: Callable[..., StandIn], how: list[str]) -> None:
    service = serving(says(predicted(), 201))
    reads, writes = os.pipe()
    os.close(reads)
    with command("samples", "--base", service.base, *how, stdout=writes, stderr=subprocess.PIPE) as child:
        os.close(writes)
        assert child.communicate(timeout=20)[1] == b""
    assert child.returncode == 141


def test_progress_is_shown_on_a_terminal_only(serving: Callable[..., StandIn]) -> None:
    service = serving(says(predicted(), 201))
    ours, theirs = pty.openpty()
    terminal = os.environ | {"TERM": "xterm", "COLUMNS": "80"}
    with command("samples", "--base", service.base, stdout=subprocess.PIPE, stderr=theirs, env=terminal) as child:
        os.close(theirs)
        out, _ = child.communicate(timeout=20)
    with closing(os.fdopen(ours, "rb", buffering=0)) as shown:
        assert b"asking" in shown.read(65536)
    assert (child.returncode, out.count(b"tennis")) == (0, 8)
    assert b"\x1b" not in out


def labelled(count: int, **changes: Any) -> list[dict[str, Any]]:
    given = {"true_label": "tennis", "image": "/kept"}
    return [predicted(**{"id": ID.format(number)} | given | changes) for number in range(count)]


def in_history(items: list[dict[str, Any]], image: Behaviour) -> Behaviour:
    def behave(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        listed = says({"items": items, "next": None})
        (image if asked.path.endswith("/image") else listed)(handler, asked)

    return behave


KEPT = says(jpeg(), Content_Type="image/jpeg")


def test_corrected_predictions_become_a_data_set_of_the_trainer(clean: Client, gateway: str, tmp_path: Path) -> None:
    colours = {"red": RED, "green": GREEN}
    for true_label, picture in [*colours.items()] * 10:
        kept = clean.predict(picture)
        assert kept.id
        clean.correct(kept.id, true_label)
    clean.predict(RED)
    assert main(["--labelled", str(tmp_path / "data"), "--base", gateway]) == 0
    dataset = load(tmp_path / "data")
    assert (dataset.labels, len(dataset.train), dataset.valid) == (("green", "red"), 20, ())
    for example in dataset.train:
        with Image.open(example.path) as image:
            assert image.format == "JPEG"
            red, green, _ = image.convert("RGB").getpixel((10, 10))  # type: ignore[misc]
            assert (red > green) == (example.name == "red")


def test_labels_are_cells_and_pictures_are_downloaded_once(
    serving: Callable[..., StandIn], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items = labelled(2)
    items[0]["true_label"], items[1]["true_label"] = '../=1,"\n', "tennis"
    service = serving(in_history(items, KEPT))
    arguments = ["--labelled", str(tmp_path), "--base", service.base, "--model", "tiny", "--version", "1"]
    assert main(arguments) == 0
    assert rows_of(tmp_path / "labels.csv") == [
        ["image_ID", "label"],
        [f"{ID.format(0)}.jpg", '../=1,"\n'],
        [f"{ID.format(1)}.jpg", "tennis"],
    ]
    assert {path.name for path in tmp_path.iterdir()} == {"labels.csv", f"{ID.format(0)}.jpg", f"{ID.format(1)}.jpg"}
    assert service.asked[0].path == "/predictions?model=tiny&version=1&corrected=true"
    asked = len(service.asked)
    assert main(arguments) == 0
    assert len(service.asked) == asked + 1
    assert capsys.readouterr().out == f"2 labelled pictures in {tmp_path}\n" * 2


def test_predictions_without_a_picture_are_counted_and_named(
    serving: Callable[..., StandIn], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items = labelled(3)
    items[1]["image"] = None

    def image(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        (problem(404, "no_picture") if ID.format(2) in asked.path else KEPT)(handler, asked)

    assert main(["--labelled", str(tmp_path), "--base", serving(in_history(items, image)).base]) == 0
    named = f"{ID.format(1)}, {ID.format(2)}"
    said = f"the service doesn't keep the pictures of 2 labelled predictions: {named}"
    assert capsys.readouterr().err == f"gateway.client: {said}\n"
    assert len(rows_of(tmp_path / "labels.csv")) == 2


@pytest.mark.parametrize(
    ("items", "image", "status"),
    [
        (labelled(2, id="../../etc/passwd"), KEPT, 1),
        (labelled(2, true_label=None), KEPT, 1),
        (labelled(2), problem(500, "internal_error"), 1),
        (labelled(2), says(b"no picture", Content_Type="image/jpeg"), 1),
        (labelled(2, image=None), KEPT, 2),
        ([], KEPT, 2),
    ],
)
def test_failed_export_leaves_the_old_labels(
    serving: Callable[..., StandIn], tmp_path: Path, items: list[dict[str, Any]], image: Behaviour, status: int
) -> None:
    (tmp_path / "labels.csv").write_text("old")
    assert main(["--labelled", str(tmp_path), "--base", serving(in_history(items, image)).base]) == status
    assert [path.name for path in tmp_path.iterdir()] == ["labels.csv"]
    assert (tmp_path / "labels.csv").read_text() == "old"
