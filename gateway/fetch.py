"""How do the bytes behind a stranger's URL get here, within limits of place, time and size?

Each hop, the first and every redirect, goes the same way: a strict grammar before any library sees the URL, one look-up
of which every answer is judged, and a connection pinned to a judged address, with TLS for the name. One wall-clock
deadline covers look-ups, connecting, headers and bodies: when it passes the socket is shut, so that an origin that
sends a byte a second can't stretch it.
"""

import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPResponse
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any
from urllib.parse import quote, urljoin

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from gateway.addresses import Network, may_be_dialled
from gateway.deadline import Deadline
from gateway.errors import FetchFailure, ImageTooLarge, ImageUnreachable, InvalidRequest
from gateway.patience import Patience, Watch

MAX_URL_CHARACTERS = 2048
MAX_REDIRECTS = 3
MAX_ADDRESSES = 4
"""Of a name's addresses, so many are tried one after the other."""
MAX_LOOK_UPS = 64
"""Names that a process looks up at a time: one that isn't answered keeps a thread, longer than its request."""
_CHUNK_BYTES = 64 * 1024
_REDIRECTS = {301, 302, 303, 307, 308}
_HEADERS = {"User-Agent": "sports-gateway", "Accept": "image/*", "Accept-Encoding": "identity", "Connection": "close"}

# RFC 3986, less what only confuses: no userinfo, no percent signs or non-ASCII letters in the host. What follows the
# host may be any letters but blanks, controls and backslashes, and is quoted as browsers do.
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9_.-]*[a-z0-9])?\.?)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[^\s\x00-\x20\x7f-\xa0\\?#]*)?(?P<query>\?[^\s\x00-\x20\x7f-\xa0\\#]*)?(?:#[^\s\x00-\x20\x7f-\xa0\\]*)?",
    re.IGNORECASE | re.ASCII,  # without ASCII the Kelvin sign would pass as a k
)
_KEPT = "%!$&'()*+,;=:@/?[]|"  # quote() leaves letters, digits and -._~ alone by itself
_DOTTED_QUAD = re.compile(r"(0|[1-9][0-9]{0,2})(\.(0|[1-9][0-9]{0,2})){3}")


Address = IPv4Address | IPv6Address


@dataclass(frozen=True)
class Origin:
    """Where one hop goes: the parts of a URL that passed the grammar."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def url(self) -> str:
        """The URL again, with the port said; the base of a relative redirect."""
        return f"{self.scheme}://{self.host}:{self.port}{self.target}"


class Fetcher:
    """Fetches pictures; one for a process.

    Args:
        allowed_networks: What may be fetched from although it isn't public.
        allowed_ports: Ports that may be fetched from.
        timeout_s: Longest time for one picture, in seconds.
        max_bytes: Largest picture.
        patience: Shuts connections whose time is up.
    """

    def __init__(
        self,
        allowed_networks: tuple[Network, ...],
        allowed_ports: tuple[int, ...],
        timeout_s: float,
        max_bytes: int,
        patience: Patience,
    ) -> None:
        self._allowed_networks, self._allowed_ports = allowed_networks, allowed_ports
        self._timeout_s, self._max_bytes, self._patience = timeout_s, max_bytes, patience
        # getaddrinfo has no deadline of its own: a hanging look-up keeps a thread, and there are only so many.
        self._resolvers = ThreadPoolExecutor(MAX_LOOK_UPS, thread_name_prefix="resolve")

    def fetch(self, url: str, deadline: Deadline) -> bytes:
        """The bytes behind the URL.

        Raises:
            InvalidRequest: It is no http or https URL.
            ImageUnreachable: It gave no bytes: forbidden, unreachable, slow or broken.
            ImageTooLarge: It gave more than max_bytes.
        """
        deadline = deadline.within(self._timeout_s)
        origin = parse(url)
        for _ in range(MAX_REDIRECTS + 1):
            location = self._hop(origin, deadline)
            if isinstance(location, bytes):
                return location
            try:
                origin = parse(urljoin(origin.url, _readable(location)))
            except (InvalidRequest, ValueError) as error:
                raise ImageUnreachable("broken", f"{origin.host} redirects to what is no such URL") from error
        raise ImageUnreachable("broken", "too many redirects")

    def _hop(self, origin: Origin, deadline: Deadline) -> bytes | str:
        """The picture, or where a redirect points to; a redirect's body isn't read."""
        if origin.port not in self._allowed_ports:
            raise ImageUnreachable("forbidden", f"port {origin.port}")
        addresses = self._resolve(origin, deadline)
        with _pinned(origin, addresses, deadline, self._patience) as response:
            if response.status_code in _REDIRECTS and "location" in response.headers:
                return response.headers["location"]
            if response.status_code != requests.codes.ok:
                raise ImageUnreachable("broken", f"status {response.status_code}")
            if response.headers.get("content-encoding", "").lower() not in ("", "identity"):
                raise ImageUnreachable("broken", "content coding, though identity was asked for")
            if response.headers.get("transfer-encoding", "chunked").lower() != "chunked":
                raise ImageUnreachable("broken", "transfer coding that nobody asked for")
            return self._read(response, deadline)

    def _read(self, response: requests.Response, deadline: Deadline) -> bytes:
        length = response.headers.get("content-length", "")
        if length.isascii() and length.isdigit() and int(length) > self._max_bytes:
            raise ImageTooLarge(f"the origin announced {length} bytes")
        body = bytearray()
        while chunk := response.raw.read(_CHUNK_BYTES, decode_content=False):
            body += chunk
            if len(body) > self._max_bytes:
                raise ImageTooLarge(f"more than {self._max_bytes} bytes from the origin")
        if not deadline.remaining_s():  # the socket was shut, which can read like the body's end
            raise ImageUnreachable("slow", "deadline in the body")
        if not body:
            raise ImageUnreachable("broken", "an empty body")
        return bytes(body)

    def _resolve(self, origin: Origin, deadline: Deadline) -> list[Address]:
        """The name's addresses in the resolver's order, if every one of them may be dialled."""
        look_up = self._resolvers.submit(
            socket.getaddrinfo, origin.host.strip("[]"), origin.port, type=socket.SOCK_STREAM
        )
        try:
            addresses = [ip_address(answer[4][0]) for answer in look_up.result(deadline.remaining_s())]
        except FutureTimeoutError as error:
            look_up.cancel()
            raise ImageUnreachable("slow", f"no address for {origin.host} in time") from error
        except (OSError, ValueError) as error:
            raise ImageUnreachable("unreachable", f"no address for {origin.host}: {error}") from error
        refused = [address for address in addresses if not may_be_dialled(address, self._allowed_networks)]
        if refused or not addresses:
            raise ImageUnreachable("forbidden", f"{origin.host} is {refused}")
        return addresses


def parse(url: str) -> Origin:
    """The parts of a URL.

    Raises:
        InvalidRequest: It isn't an http or https URL of the strict grammar.
    """
    matched = _URL.fullmatch(url) if len(url) <= MAX_URL_CHARACTERS else None
    if matched is None:
        raise InvalidRequest(
            "url must be an http or https URL without user name or blanks, of at most 2048 characters."
        )
    scheme, host = matched["scheme"].lower(), matched["host"].lower()
    port = int(matched["port"] or (443 if scheme == "https" else 80))
    last_label = host.rstrip(".").rsplit(".", 1)[-1]
    is_number = last_label.isdigit() or re.fullmatch("0x[0-9a-f]*", last_label) is not None
    if ".." in host or (is_number and not host.startswith("[") and not _DOTTED_QUAD.fullmatch(host)):
        raise InvalidRequest("url must name a host, or an address of four decimal numbers.")
    try:
        target = quote((matched["path"] or "/") + (matched["query"] or ""), safe=_KEPT)
    except UnicodeEncodeError as error:
        raise InvalidRequest("url must be text that UTF-8 can write.") from error
    return Origin(scheme, host, port, target)


def _readable(location: str) -> str:
    """A Location header as browsers read it: in UTF-8, though http.client takes it for Latin-1, and with blanks."""
    return location.encode("latin-1").decode("utf-8", "replace").replace(" ", "%20")


def _kind(error: BaseException) -> str:
    """What went wrong, without its text: that has the URL, whose query may hold a secret."""
    inner = error.__cause__ or error.__context__
    return f"{type(error).__name__} of {type(inner).__name__}" if inner else type(error).__name__


class _Response(HTTPResponse):
    """http.client's response; a chunk of negative size would be read to the end, however far that is."""

    def _read_next_chunk_size(self) -> int:
        size: int = super()._read_next_chunk_size()  # type: ignore[misc]
        if size < 0:
            raise ValueError("a chunk of negative size")
        return size


class _Pinned:
    """A connection that asks nobody where its host is: it goes to the first of the judged addresses that answers."""

    response_class: Any = _Response

    def __init__(self, *args: Any, addresses: list[Address], deadline: Deadline, watch: Watch, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._addresses, self._deadline, self._watch = addresses[:MAX_ADDRESSES], deadline, watch

    def _new_conn(self) -> socket.socket:
        port: int = self.port  # type: ignore[attr-defined]
        for left in range(len(self._addresses), 0, -1):
            address, share_s = str(self._addresses[-left]), self._deadline.remaining_s() / left
            try:
                connected = socket.create_connection((address, port), max(share_s, 0.001))
            except OSError:
                if left == 1:
                    raise
            else:
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connected.settimeout(max(self._deadline.remaining_s(), 0.001))
                self._watch(connected)
                return connected
        raise OSError("no address")


class _PlainConnection(_Pinned, HTTPConnection):
    """HTTP to the judged address."""


class _SecureConnection(_Pinned, HTTPSConnection):
    """HTTPS to the judged address; the certificate is checked for the host's name."""


class _Adapter(HTTPAdapter):
    """requests' adapter on pinned connections."""

    def __init__(self, origin: Origin, **pinned: Any) -> None:
        self._pool: HTTPConnectionPool
        if origin.scheme == "http":
            self._pool = HTTPConnectionPool(origin.host, origin.port, **pinned)
            self._pool.ConnectionCls = _PlainConnection
        else:
            self._pool = HTTPSConnectionPool(origin.host, origin.port, **pinned)
            self._pool.ConnectionCls = _SecureConnection
        super().__init__(max_retries=0)

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> HTTPConnectionPool:
        """The one pool; requests has checked certificates switched on for it."""
        return self._pool

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()


@contextmanager
def _pinned(
    origin: Origin, addresses: list[Address], deadline: Deadline, patience: Patience
) -> Iterator[requests.Response]:
    """The response's head, its body not yet read; what fails until the end of the block is told apart."""
    if not deadline.remaining_s():
        raise ImageUnreachable("slow", "deadline before connecting")
    reached: list[socket.socket] = []

    def watched(connected: socket.socket) -> None:
        reached.append(connected)
        watch(connected)

    with patience.until(deadline.remaining_s()) as watch:
        adapter = _Adapter(origin, addresses=addresses, deadline=deadline, watch=watched)
        request = requests.Request("GET", origin.url, _HEADERS).prepare()
        try:
            # Without a session: it reads a redirect's body, even where it isn't to follow it, and asks the environment.
            with adapter.send(request, stream=True, timeout=deadline.remaining_s()) as response:
                yield response
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            reason: FetchFailure = "broken" if reached else "unreachable"
            if not deadline.remaining_s() or isinstance(error, requests.Timeout):
                reason = "slow"
            raise ImageUnreachable(reason, f"{origin.host}: {_kind(error)}") from error
        finally:
            adapter.close()
