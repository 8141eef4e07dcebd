"""A network of its own, and the gateway in it with default settings: where does it go when strangers name addresses?

Run by `unshare --net --mount`: on loopback this network has public addresses, where an origin answers, and addresses
that must not be reached; its name server lies; and the origin listens on all addresses, so that it sees who is reached.
Prints one JSON document: what each URL was answered, the log, and every address that was reached.
"""

import contextlib
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import certifi
import dns.flags
import dns.message
import dns.rrset
import requests
import trustme

from tests.conftest import ROOT
from tests.image_server import ImageServer

PUBLIC = ("93.184.216.34", "2606:2800:220:1::34")
"""Where the origin may be reached."""
UNREACHED = "93.184.216.99"
"""A public address that nobody has: there is no way to it."""
FORBIDDEN = (
    "10.1.2.3", "100.64.0.1", "100.100.100.200", "168.63.129.16", "169.254.169.254", "172.16.0.1", "192.0.0.192",
    "192.168.0.1", "198.18.0.1", "203.0.113.7", "::1", "64:ff9b::7f00:1", "2001:db8::1", "2002:7f00:1::1",
    "fc00::1", "fd00:ec2::254", "fd20:ce::254", "fec0::1", "3fff::1",
)  # fmt: skip
PORTS = (80, 443, 8080, 6379)
ADDRESSES = {
    "public.test": PUBLIC,
    "four.test": PUBLIC[:1],
    "six.test": PUBLIC[1:],
    "half-gone.test": (UNREACHED, PUBLIC[0]),
    "wrong-name.test": PUBLIC[:1],
    "gone.test": (UNREACHED,),
    "mixed.test": (PUBLIC[0], "10.1.2.3"),
    "mixed-six.test": (PUBLIC[0], "fd00:ec2::254"),
    "inside.test": ("192.168.0.1",),
    "loopback.test": ("127.0.0.1", "::1"),
    "mapped.test": ("::ffff:127.0.0.1",),
    "zero.test": ("0.0.0.0", "::"),
    "metadata.test": ("169.254.169.254",),
    "nobody.test": (),
}
"""What the name server says. `rebind.test` is public when it is first asked and loopback from then on, `slow.test` is
never answered, and any other name doesn't exist."""

Answer = tuple[int, str, float, str]
"""Status, detail, seconds, request id."""


class NameServer:
    """Answers on 127.0.0.1:53."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            wire, sender = self._socket.recvfrom(4096)
            if answer := self._answer(dns.message.from_wire(wire)):
                self._socket.sendto(answer.to_wire(), sender)

    def _answer(self, query: dns.message.Message) -> dns.message.Message | None:
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), question.rdtype
        self.asked.append(name)
        if name == "slow.test":
            return None
        addresses = ADDRESSES.get(name)
        if name == "rebind.test":
            addresses = PUBLIC[:1] if self.asked.count(name) <= 2 else ("127.0.0.1",)  # a look-up asks for A and AAAA
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if addresses is None:
            answer.set_rcode(3)
        wanted = [address for address in addresses or () if (":" in address) == (kind == 28)]
        if wanted and kind in (1, 28):
            answer.answer.append(dns.rrset.from_text(question.name, 0, "IN", kind, *wanted))
        return answer


def build_network(folder: Path) -> trustme.CA:
    """The addresses, the name server's name, and an authority that this network trusts."""
    run("ip", "link", "set", "lo", "up")
    for address in (*PUBLIC, *FORBIDDEN):
        if address != "::1":
            family, length = ("-6", "128") if ":" in address else ("-4", "32")
            flags = ["nodad"] if family == "-6" else []
            run("ip", family, "address", "add", f"{address}/{length}", "dev", "lo", *flags)
    authority = trustme.CA()
    mount(folder, "/etc/resolv.conf", b"nameserver 127.0.0.1\n")
    mount(folder, "/etc/hosts", b"127.0.0.1 localhost\n::1 localhost ip6-localhost\n")
    mount(folder, certifi.where(), authority.cert_pem.bytes())
    return authority


def mount(folder: Path, over: str, content: bytes) -> None:
    replacement = folder / Path(over).name
    replacement.write_bytes(content)
    run("mount", "--bind", str(replacement), over)


def run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=10)


@contextlib.contextmanager
def origins(authority: trustme.CA) -> Iterator[list[ImageServer]]:
    """One origin a port and protocol family, on every address that there is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("public.test", "six.test", *PUBLIC).configure_cert(context)
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(ImageServer(host, port, context if port == 443 else None))
            for port in PORTS
            for host in ("0.0.0.0", "::")
        ]


@contextlib.contextmanager
def gateway(log: Path, model_server: str, model_dir: str) -> Iterator[str]:
    """The gateway on 127.0.0.1:9696, with default settings but for its model."""
    own = {"GATEWAY_MODEL_SERVER": model_server, "GATEWAY_MODEL_DIR": model_dir, "GATEWAY_DEFAULT_MODEL": "tiny"}
    command = [sys.executable, "-m", "gunicorn", "-c", "gateway/gunicorn.conf.py", "gateway.app:create_app()"]
    with log.open("wb") as errors:
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | own, stderr=errors)
        try:
            base = "http://127.0.0.1:9696"
            for _ in range(300):
                with contextlib.suppress(requests.ConnectionError):
                    if requests.get(f"{base}/readyz", timeout=5).ok:
                        break
                time.sleep(0.1)
            yield base
        finally:
            process.terminate()
            process.wait(30)


def main(models: str, urls: list[str]) -> None:
    """Ask the gateway for every URL."""
    from tests.conftest import running_model_server

    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        listening = stack.enter_context(origins(build_network(folder)))
        names = NameServer()
        flags = ("--model_name=tiny", f"--model_base_path={models}/tiny")
        model = stack.enter_context(running_model_server(*flags))
        with gateway(folder / "log", model.address, models) as base, ThreadPoolExecutor(24) as pool:

            def ask(url: str) -> Answer:
                start = time.monotonic()
                answer = requests.post(f"{base}/predict", json={"url": url}, timeout=30)
                document = answer.json()
                detail = document["detail"] if answer.status_code >= 400 else document
                return answer.status_code, detail, time.monotonic() - start, answer.headers["X-Request-Id"]

            answers = dict(zip(urls, pool.map(ask, urls), strict=True))
        log = [json.loads(line) for line in (folder / "log").read_text().splitlines() if line.startswith("{")]
        reached = sorted({address for origin in listening for address in origin.reached})
        hits = {path for origin in listening for path in origin.hits}
    print(json.dumps({"answers": answers, "log": log, "reached": reached, "asked": names.asked, "hits": sorted(hits)}))


if __name__ == "__main__":
    main(sys.argv[1], json.load(sys.stdin))
