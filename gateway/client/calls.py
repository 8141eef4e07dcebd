"""How does one call to the service go? Asked, asked again where that is safe, and ended by one deadline.

Each attempt runs in a thread of its own, which the caller waits for until the deadline: timeouts on a socket are
started anew by every byte, and a look-up of a name has none.
"""

import random
import re
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from ipaddress import ip_address
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.exceptions import NewConnectionError

from gateway import __version__
from gateway.client import answers
from gateway.client.errors import ClientError, Refused, ServiceUnreachable
from gateway.client.parallel import awaited

MAX_JSON_BYTES = 16 * 2**20
MAX_PROBLEM_BYTES = 64 * 1024
MAX_CONNECTIONS = 32
"""So many are kept open for the next call."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.1, 2.0
"""Before the second attempt, and before any: each wait is twice the one before, less a random part of up to a half."""
_CHUNK_BYTES = 64 * 1024
_AGAIN = {429, 503}


@dataclass(frozen=True)
class Answer:
    """What came back: `kind` is its media type."""

    status: int
    kind: str
    body: bytes
    request_id: str
    retry_after_s: float


class _Lost(ServiceUnreachable):
    """No answer to one attempt; `safe` where the request never left, `final` where another will go the same way."""

    def __init__(self, message: str, *, safe: bool = False, final: bool = False) -> None:
        super().__init__(message)
        self.safe, self.final = safe, final


class _Session(requests.Session):
    """Follows no redirects, and doesn't read their bodies either, which it would do without a bound."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None for every response."""


class Calls:
    """Calls to one service; several threads may make them.

    Args:
        base: The service's address, http:// or https://, maybe with a path before its routes.
        timeout_s: Longest time of a call, all of its attempts and waits together.
        clock: Seconds that never go back.
        sleep: Waits so many seconds.

    Raises:
        ValueError: The address or the timeout can't be used.
    """

    def __init__(
        self, base: str, timeout_s: float, clock: Callable[[], float], sleep: Callable[[float], object]
    ) -> None:
        parts = urlsplit(base)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("The service's address must be an http or https URL without query and fragment.")
        if not 0 < timeout_s <= threading.TIMEOUT_MAX:
            raise ValueError("The timeout must be a number of seconds above 0.")
        port = f":{parts.port}" if parts.port else ""
        self._base, self._name = base.rstrip("/"), f"{parts.scheme}://{parts.hostname}{port}"
        self._timeout_s, self._clock, self._sleep = timeout_s, clock, sleep
        self._session = _Session()
        self._session.trust_env = not _on_this_machine(parts.hostname)  # no proxy has anything to do there
        self._session.headers.update({"User-Agent": f"sports-client/{__version__}", "Accept-Encoding": "identity"})
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=MAX_CONNECTIONS))

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def ask(self, request: requests.Request, *, most_bytes: int = MAX_JSON_BYTES, repeatable: bool = True) -> Answer:
        """The service's answer, whose status is 2xx.

        Args:
            request: Its `url` is the path under the service's address.
            most_bytes: Largest answer that is read.
            repeatable: Whether it may be sent again although the first may have got through.

        Raises:
            Refused: The service answered otherwise; 429 and 503 only after the last attempt that the deadline allows.
            ServiceUnreachable: No answer before the deadline, or none to what isn't repeatable.
            ClientError: The request can't be written, or the answer is too large.
        """
        end = self._clock() + self._timeout_s
        prepared = self._prepared(request)
        attempt = 0
        while True:
            failure: ClientError
            retry_after_s = 0.0
            try:
                answer = self._attempt(prepared, end, most_bytes)
            except _Lost as lost:
                if lost.final or not (lost.safe or repeatable):
                    raise
                failure = lost
            else:
                if 200 <= answer.status < 300:
                    return answer
                failure, retry_after_s = _refused(answer), answer.retry_after_s
                if answer.status not in _AGAIN:
                    raise failure
            wait_s = max(retry_after_s, _backoff_s(attempt))
            if wait_s >= end - self._clock():
                raise failure
            self._sleep(wait_s)
            if self._clock() >= end:  # it slept longer than it was told to
                raise failure
            attempt += 1

    def _prepared(self, request: requests.Request) -> requests.PreparedRequest:
        request.url = self._base + request.url
        try:
            return self._session.prepare_request(request)
        except (requests.RequestException, ValueError) as error:
            raise ClientError(f"The request can't be written: {error}") from error

    def _attempt(self, prepared: requests.PreparedRequest, end: float, most_bytes: int) -> Answer:
        left_s = end - self._clock()
        too_late = _Lost(f"{self._name} didn't answer within {self._timeout_s:g} s.", final=True)
        if left_s <= 0:
            raise too_late
        attempt: Future[Answer] = Future()

        def run() -> None:
            try:
                attempt.set_result(self._exchange(prepared, end, left_s, most_bytes))
            except Exception as error:  # it is raised where the result is read
                attempt.set_exception(error)

        threading.Thread(target=run, name="call", daemon=True).start()
        if not awaited(attempt, left_s).done():
            raise too_late
        return attempt.result()

    def _exchange(self, prepared: requests.PreparedRequest, end: float, left_s: float, most_bytes: int) -> Answer:
        try:
            settings = self._session.merge_environment_settings(prepared.url or "", {}, True, None, None)
            with self._session.send(prepared, timeout=left_s, allow_redirects=False, **settings) as response:
                fine = 200 <= response.status_code < 300
                body = self._read(response, most_bytes if fine else MAX_PROBLEM_BYTES, end)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise self._lost(error) from error
        if fine and len(body) > most_bytes:
            raise ClientError(f"The service's answer is larger than {most_bytes} bytes.")
        return Answer(
            response.status_code,
            response.headers.get("Content-Type", "").split(";")[0].strip().lower(),
            body,
            response.headers.get("X-Request-Id", ""),
            _seconds(response.headers.get("Retry-After", "")),
        )

    def _read(self, response: requests.Response, most_bytes: int, end: float) -> bytes:
        """The body; of one that is larger, only somewhat more than the bound."""
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise ClientError("The service's answer is compressed, though that wasn't asked for.")
        body = bytearray()
        while len(body) <= most_bytes and (chunk := response.raw.read1(_CHUNK_BYTES, decode_content=False)):
            body += chunk
            if self._clock() >= end:
                raise _Lost(f"{self._name} didn't end its answer within {self._timeout_s:g} s.", final=True)
        return bytes(body)

    def _lost(self, error: Exception) -> _Lost:
        """Which failure it was, without the library's text: that may hold a URL with its secrets."""
        reason = getattr(error.args[0] if error.args else None, "reason", None)
        inner = getattr(reason, "original_error", reason)  # a proxy's
        safe = isinstance(error, requests.ConnectTimeout) or isinstance(inner, NewConnectionError)
        text = f"{self._name} {'is not reached' if safe else 'gave no whole answer'}: {_reason(error)}."
        return _Lost(text, safe=safe, final=isinstance(error, requests.exceptions.SSLError))


def _on_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _reason(error: BaseException) -> str:
    """What the system said, or the kind of the innermost error."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        error, cause = cause, cause.__cause__ or cause.__context__
    return type(error).__name__


def _refused(answer: Answer) -> Refused:
    """The problem that an answer states; what stands before the service answers without one."""
    try:
        said = answers.document(answer.body)
        code, detail = (answers.take(said, key, answers.text) for key in ("code", "detail"))
        request_id = answers.maybe(said, "request_id", answers.text) or answer.request_id
    except ClientError:
        known = answer.status in set(HTTPStatus)
        phrase = HTTPStatus(answer.status).phrase if known else f"Status {answer.status}"
        detail = f"{phrase}, without the service's own words."
        return Refused(answer.status, re.sub(r"[^a-z0-9]+", "_", phrase.lower()), detail, answer.request_id)
    return Refused(answer.status, code, detail, request_id)


def _backoff_s(attempt: int) -> float:
    longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(attempt, 10))
    return random.SystemRandom().uniform(longest / 2, longest)


def _seconds(retry_after: str) -> float:
    """Of a Retry-After header, which may be seconds or a date (RFC 9110, section 10.2.3); 0 for what is neither."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after[:10])
    try:
        until = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):
        return 0.0
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
