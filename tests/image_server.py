"""An origin whose paths are behaviours."""

import socket
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.pictures import jpeg

DRIP_S = 0.05


class ImageServer:
    """Answers on loopback, on a port that the system picks, or where it is told to.

    `hits` are the paths asked for, `reached` this side's address of every connection, `files` what tests put there.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.hits: list[str] = []
        self.reached: list[str] = []
        self.files: dict[str, bytes] = {}
        self.stopped = threading.Event()
        origin = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                origin.hits.append(self.path)
                behave = BEHAVIOURS.get(self.path.split("?")[0])
                try:
                    if self.path in origin.files:
                        send(self, origin.files[self.path])
                    elif behave is None:
                        self.send_error(404)
                    else:
                        behave(self, origin)
                except OSError:
                    pass  # the client gave up, which is what some paths are for

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
            request_queue_size = 128

            def server_bind(self) -> None:  # the library's asks a name server who we are
                if self.address_family == socket.AF_INET6:
                    self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                TCPServer.server_bind(self)
                self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

            def process_request(self, request: Any, client_address: Any) -> None:
                origin.reached.append(request.getsockname()[0])
                super().process_request(request, client_address)

            def handle_error(self, *_: object) -> None:
                pass  # a TLS handshake that the client broke off

        self._server = Server((host, port), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._server.server_port

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def __enter__(self) -> "ImageServer":
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()


Behaviour = Callable[[BaseHTTPRequestHandler, ImageServer], None]
BEHAVIOURS: dict[str, Behaviour] = {}


def path(name: str) -> Callable[[Behaviour], Behaviour]:
    def register(behaviour: Behaviour) -> Behaviour:
        BEHAVIOURS[name] = behaviour
        return behaviour

    return register


def send(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


@path("/picture.jpg")
def picture(handler: BaseHTTPRequestHandler, origin: ImageServer) -> None:
    send(handler, jpeg(), Content_Type="image/jpeg")


@path("/text")
def text(handler: BaseHTTPRequestHandler, origin: ImageServer) -> None:
    send(handler, b"no picture at all", Content_Type="image/jpeg")


@path("/redirect")
def redirect(handler: BaseHTTPRequestHandler, origin: ImageServer) -> None:
    send(handler, b"x" * 100, 302, Location="/picture.jpg")


@path("/redirect-to")
def redirect_to(handler: BaseHTTPRequestHandler, origin: ImageServer) -> None:
    (location,) = parse_qs(urlsplit(handler.path).query)["url"]
    send(handler, b"x" * 100, 302, Location=location)


@path("/redirect-endless-body")
def redirect_endless_body(handler: BaseHTTPRequestHandler, origin: ImageServer) -> None:
    handler.send_response(302)
    handler.send_header("Location", "/picture.jpg")
    handler.end_headers()
    while not origin.stopped.is_set():
        handler.wfile.write(b"0" * 65536)


@path("/redirect-to-metadata")
def redirect_to_metadata(handler: BaseHTTPRequestHandler, origin: ImageServer) -> None:
    send(handler, b"", 302, Location="http://169.254.169.254/latest/meta-data/")


@path("/redirect-to-other-port")
def redirect_to_other_port(handler: BaseHTTPRequestHandler, origin: ImageServer) -> None:
    send(handler, b"", 302, Location="http://127.0.0.1:1/")


@path("/redirect-to-file")
def redirect_to_file(handler: BaseHTTPRequestHandler, origin: ImageServer) -> None:
    send(handler, b"", 302, Location="file:///etc/passwd")


@path("/redirect-forever")
def redirect_forever(handler: BaseHTTPRequestHandler, origin: ImageServer) -> None:
    send(handler, b"", 302, Location="/redirect-forever")


@path("/gzip")
def gzip(handler: BaseHTTPRequestHandler, origin: ImageServer) -> None:
    send(handler, b"\x1f\x8b" + b"0" * 100, Content_Encoding="gzip")


@path("/empty")
def empty(handler: BaseHTTPRequestHandler, origin: ImageServer) -> None:
    send(handler, b"")


@path("/transfer-coding")
def transfer_coding(handler: BaseHTTPRequestHandler, origin: ImageServer) -> None:
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "gzip, chunked")
    handler.end_headers()
    handler.wfile.write(b"5\r\nhello\r\n0\r\n\r\n")


@path("/chunk-extension")
def chunk_extension(handler: BaseHTTPRequestHandler, origin: ImageServer) -> None:
    chunked(handler)
    handler.wfile.write(b"5;")
    while not origin.stopped.is_set():
        handler.wfile.write(b"a" * 65536)


@path("/chunk-of-negative-size")
def chunk_of_negative_size(handler: BaseHTTPRequestHandler, origin: ImageServer) -> None:
    chunked(handler)
    handler.wfile.write(b"-1\r\n")
    while not origin.stopped.is_set():
        handler.wfile.write(b"a" * 65536)


@path("/endless-chunks")
def endless_chunks(handler: BaseHTTPRequestHandler, origin: ImageServer) -> None:
    chunked(handler)
    while not origin.stopped.is_set():
        handler.wfile.write(b"1000\r\n" + bytes(4096) + b"\r\n")


@path("/endless-trailer")
def endless_trailer(handler: BaseHTTPRequestHandler, origin: ImageServer) -> None:
    chunked(handler)
    handler.wfile.write(b"5\r\nhello\r\n0\r\n")
    while not origin.stopped.is_set():
        handler.wfile.write(b"X-More: yes\r\n" * 1000)


def chunked(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")


@path("/no-http")
def no_http(handler: BaseHTTPRequestHandler, origin: ImageServer) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")


@path("/many-headers")
def many_headers(handler: BaseHTTPRequestHandler, origin: ImageServer) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"X-Header: yes\r\n" * 10_000 + b"\r\n")


@path("/long-header")
def long_header(handler: BaseHTTPRequestHandler, origin: ImageServer) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while not origin.stopped.is_set():
        handler.wfile.write(b"a" * 65536)


@path("/two-lengths")
def two_lengths(handler: BaseHTTPRequestHandler, origin: ImageServer) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 50\r\n\r\nhello")


@path("/announced-too-large")
def announced_too_large(handler: BaseHTTPRequestHandler, origin: ImageServer) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(10**12))
    handler.end_headers()


@path("/endless")
def endless(handler: BaseHTTPRequestHandler, origin: ImageServer) -> None:
    handler.send_response(200)
    handler.end_headers()
    while not origin.stopped.is_set():
        handler.wfile.write(b"0" * 65536)


@path("/cut-short")
def cut_short(handler: BaseHTTPRequestHandler, origin: ImageServer) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.wfile.write(b"0" * 1000)
    handler.wfile.flush()
    handler.connection.shutdown(socket.SHUT_RDWR)


@path("/slow-headers")
def slow_headers(handler: BaseHTTPRequestHandler, origin: ImageServer) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not origin.stopped.is_set():
        handler.wfile.write(b"a")
        time.sleep(DRIP_S)


@path("/slow-body")
def slow_body(handler: BaseHTTPRequestHandler, origin: ImageServer) -> None:
    handler.send_response(200)
    handler.end_headers()
    while not origin.stopped.is_set():
        handler.wfile.write(b"a")
        time.sleep(DRIP_S)


@path("/continue-flood")
def continue_flood(handler: BaseHTTPRequestHandler, origin: ImageServer) -> None:
    while not origin.stopped.is_set():
        handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(DRIP_S)
