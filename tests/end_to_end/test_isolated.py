"""Where does the gateway go, with default settings, when strangers name addresses? Tried in a network of its own.

Canaries listen on every address of that network: whatever is reached there beside the public origin is a failure,
whatever was answered.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote

import pytest

from tests.conftest import ROOT, TinyModel
from tests.end_to_end.isolated import FORBIDDEN, PUBLIC

NAMESPACE = ["unshare", "--net", "--mount", *(["--map-root-user"] if os.geteuid() else [])]
DETAIL = "No picture could be fetched from this URL."


def can_isolate() -> bool:
    tools = all(map(shutil.which, ("unshare", "ip", "mount")))
    return tools and subprocess.run([*NAMESPACE, "true"], capture_output=True, timeout=10).returncode == 0


pytestmark = pytest.mark.skipif(not can_isolate(), reason="no network namespaces here (they need Linux and iproute2)")


def bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


GOOD = [
    "http://public.test/picture.jpg",
    "http://PUBLIC.test./picture.jpg?a=b#c",
    "https://public.test/picture.jpg",
    "http://four.test/picture.jpg",
    "http://six.test/picture.jpg",
    "https://six.test/picture.jpg",
    "http://half-gone.test/picture.jpg",
    *(f"{scheme}://{bracketed(address)}/picture.jpg" for scheme in ("http", "https") for address in PUBLIC),
    "http://[::ffff:93.184.216.34]/picture.jpg",
    "http://public.test/redirect",
    "http://public.test/redirect-endless-body",
    "http://public.test/redirect-to?url=" + quote("https://public.test/picture.jpg"),
    "https://public.test/redirect-to?url=" + quote("//public.test/picture.jpg"),
]
PLACES = [
    *(f"http://{bracketed(address)}/picture.jpg" for address in FORBIDDEN),
    *(f"https://{bracketed(address)}/picture.jpg" for address in FORBIDDEN),
    "http://127.0.0.1/", "http://127.255.255.254/", "http://0.0.0.0/", "http://[::]/", "http://localhost/",
    "http://[::ffff:127.0.0.1]/", "http://[::ffff:10.1.2.3]/", "http://[::127.0.0.1]/", "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:0:127.0.0.1]/", "http://[64:ff9b:1::7f00:1]/", "http://[2001:0:1:2:3:4:80ff:fffe]/",
    "http://mixed.test/picture.jpg", "http://mixed-six.test/picture.jpg", "http://inside.test/picture.jpg",
    "http://loopback.test/picture.jpg", "http://mapped.test/", "http://zero.test/", "http://metadata.test/latest/",
    "http://public.test:8080/picture.jpg", "http://public.test:6379/", "http://93.184.216.34:22/", "http://public.test:0/",
]  # fmt: skip
FORBIDDEN_URLS = [*PLACES, *(f"http://public.test/redirect-to?url={quote(place)}" for place in PLACES)]
OTHER_FAILURES = {
    "http://nobody.test/": "unreachable",
    "http://not-there.test/": "unreachable",
    "http://gone.test/": "unreachable",
    "http://slow.test/": "slow",
    "https://four.test/picture.jpg": "broken",  # the certificate is another name's
    "https://wrong-name.test/picture.jpg": "broken",
    "http://public.test:443/picture.jpg": "broken",
    "https://public.test:80/picture.jpg": "broken",
    "http://public.test/slow-headers": "slow",
    "http://public.test/slow-body": "slow",
    "http://public.test/continue-flood": "slow",
    "http://public.test/endless-trailer": "slow",
    "http://public.test/chunk-of-negative-size": "broken",
    "http://public.test/missing": "broken",
    "http://public.test/redirect-forever": "broken",
    "http://public.test/redirect-to?url=" + quote("file:///etc/passwd"): "broken",
    "http://public.test/redirect-to?url=" + quote("gopher://public.test/"): "broken",
    "http://public.test/redirect-to?url=" + quote("http://user@public.test/picture.jpg"): "broken",
    "http://public.test/redirect-to?url=" + quote("http://2130706433/"): "broken",
    "http://public.test/redirect-to?url=" + quote("http://0x7f.1/"): "broken",
}
NO_URLS = [
    "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://127.1/", "http://127.0.0.1.:80/",
    "http://user@127.0.0.1/", "http://public.test@127.0.0.1/", "http://127.0.0.1\\@public.test/", "http://%6cocalhost/",
    "http://127。0。0。1/", "http://①②⑦.⓪.⓪.①/", "http://[::1%25lo]/", "http://[fe80::1%25lo]/", "file:///etc/passwd",
    "gopher://public.test/", "http:public.test", "http:///public.test", "//public.test/", "http://public.test /",
    "http://public.test\r\nX: y/", "http://public.test/\r\nX: y", "http://\tpublic.test/", "jar:http://public.test!/",
]  # fmt: skip
REBINDING = "http://rebind.test/picture.jpg"


@dataclass
class Seen:
    """What came of every URL."""

    answers: dict[str, list[Any]]
    log: list[dict[str, Any]]
    reached: list[str]
    asked: list[str]
    hits: list[str]

    def reason(self, url: str) -> str:
        """What the log says of a refusal."""
        (line,) = [line for line in self.log if line.get("request_id") == self.answers[url][3] and "status" in line]
        return str(line.get("reason", line.get("code")))


@pytest.fixture(scope="module")
def seen(tiny_model: TinyModel) -> Seen:
    urls = [*GOOD, *FORBIDDEN_URLS, *OTHER_FAILURES, *NO_URLS, REBINDING]
    command = [*NAMESPACE, sys.executable, "-m", "tests.end_to_end.isolated", str(tiny_model.models)]
    done = subprocess.run(command, cwd=ROOT, input=json.dumps(urls), capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    return Seen(**json.loads(done.stdout.splitlines()[-1]))


def test_nothing_but_the_public_origin_is_ever_reached(seen: Seen) -> None:
    reached = {ip_address(address) for address in seen.reached}
    assert reached == set(map(ip_address, PUBLIC))


@pytest.mark.parametrize("url", GOOD)
def test_picture_at_a_public_address_is_classified(seen: Seen, url: str) -> None:
    assert seen.answers[url][0] == 200, (seen.answers[url], seen.reason(url))


@pytest.mark.parametrize("url", FORBIDDEN_URLS)
def test_forbidden_place_is_422_directly_and_behind_a_redirect(seen: Seen, url: str) -> None:
    assert seen.answers[url][:2] == [422, DETAIL]
    assert seen.reason(url) == "forbidden"


@pytest.mark.parametrize("url", OTHER_FAILURES)
def test_other_failures_read_the_same_and_are_told_apart_in_the_log(seen: Seen, url: str) -> None:
    assert seen.answers[url][:2] == [422, DETAIL]
    assert seen.reason(url) == OTHER_FAILURES[url]
    assert seen.answers[url][2] < 15


@pytest.mark.parametrize("url", NO_URLS)
def test_what_is_no_plain_url_is_400_and_never_looked_up(seen: Seen, url: str) -> None:
    assert seen.answers[url][0] == 400


def test_names_of_refused_urls_are_never_looked_up(seen: Seen) -> None:
    assert not [name for name in seen.asked if not name.endswith(".test")]


def test_name_is_looked_up_once_and_what_it_was_then_is_dialled(seen: Seen) -> None:
    assert seen.answers[REBINDING][0] == 200
    assert seen.asked.count("rebind.test") == 2  # A and AAAA


def test_no_secret_of_a_url_is_logged(seen: Seen) -> None:
    assert "redirect-to?url" not in json.dumps(seen.log)
