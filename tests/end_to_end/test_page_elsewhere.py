"""The page where something is missing or elsewhere: the model server, the history, or the API itself."""

import functools
import re
import subprocess
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from bench.processes import Processes, free_port, wait_for
from tests.conftest import ROOT, Running, TinyModel, running_model_server
from tests.end_to_end.pages import VIEWS, answers, give, predict, progress, sample, watched
from tests.waiting import until

STATIC_HOST = (ROOT / "docs" / "static-host.md").read_text()


@contextmanager
def gateway(state: Path, **environment: str) -> Iterator[str]:
    """A gateway alone; its address."""
    processes, port = Processes(), free_port()
    own = {"PORT": str(port), "GATEWAY_WORKERS": "1", "GATEWAY_DATA_DIR": str(state), **environment}
    processes.start("gateway", "-m", "gunicorn", "-c", "gateway/gunicorn.conf.py", "gateway.app:create_app()", **own)
    try:
        wait_for(f"http://127.0.0.1:{port}/ping")
        yield f"http://127.0.0.1:{port}"
    finally:
        processes.stop()


@pytest.fixture
def tiny(model_server: Running, tiny_model: TinyModel) -> dict[str, str]:
    """A small model, for a gateway that is asked little."""
    return {
        "GATEWAY_MODEL_SERVER": model_server.address,
        "GATEWAY_MODEL_DIR": str(tiny_model.models),
        "GATEWAY_DEFAULT_MODEL": "tiny",
    }


def test_with_the_model_server_away_all_else_works(
    browser: Browser, tiny: dict[str, str], tiny_model: TinyModel, tmp_path: Path
) -> None:
    with gateway(tmp_path, **tiny) as base:
        predict(base, "tennis")
    port = free_port()
    with (
        gateway(tmp_path, **tiny | {"GATEWAY_MODEL_SERVER": f"127.0.0.1:{port}"}) as base,
        watched(browser, base) as web,
    ):
        page = web.open()
        give(page, "drop", sample("tennis"))
        expect(answers(page)).to_contain_text("Try again when it is back")
        page.get_by_role("button", name="karate").click()
        expect(progress(page)).to_have_text("2 of 2 pictures done, 2 failed")
        page.goto(f"{base}/#/history")
        expect(page.locator("#history li[data-id]")).to_have_count(1)
        page.goto(f"{base}/#/statistics")
        expect(page.locator("#statistics svg[role=img]").first).to_be_visible()
        page.goto(f"{base}/#/models")
        expect(page.locator("#models")).to_contain_text(re.compile("unknown|away", re.IGNORECASE))
        version = page.locator("#model option[value='tiny/1']")
        expect(version).to_be_disabled()
        with running_model_server(
            f"--port={port}", "--model_name=tiny", f"--model_base_path={tiny_model.models / 'tiny'}"
        ):
            # The picker follows by itself; to be looked at again hurries it.
            until(
                lambda: page.evaluate("document.dispatchEvent(new Event('visibilitychange'))") and version.is_enabled()
            )
            page.get_by_role("link", name="Classify").click()
            page.get_by_role("button", name="Try again").first.click()
            expect(progress(page)).to_have_text("2 of 2 pictures done, 1 failed")
    assert set(web.refused) == {503}


def test_without_a_history_the_page_says_so(browser: Browser, tiny: dict[str, str], tmp_path: Path) -> None:
    with gateway(tmp_path, **tiny, GATEWAY_HISTORY="off") as base, watched(browser, base) as web:
        page = web.open()
        give(page, "drop", sample("tennis"))
        expect(progress(page)).to_have_text("1 of 1 picture done")
        for view in ("history", "statistics"):
            page.goto(f"{base}/#/{view}")
            expect(page.locator(f"#{view}")).to_contain_text("switched the history off")
    assert set(web.refused) == {404}


@contextmanager
def static_host(folder: Path, policy: list[str]) -> Iterator[str]:
    """A host of files, which sends the policy (its one item, once it is there); its address."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def end_headers(self) -> None:
            self.send_header("Content-Security-Policy", policy[0])
            super().end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_page_works_from_a_static_host_as_its_document_says(
    browser: Browser, tiny: dict[str, str], tmp_path: Path
) -> None:
    policy: list[str] = []
    (tmp_path / "gateway").symlink_to(ROOT / "gateway")
    with (
        static_host(tmp_path / "site", policy) as host,
        gateway(tmp_path, **tiny, GATEWAY_CORS_ORIGINS=host, GATEWAY_KEEP_IMAGES="true") as base,
        watched(browser, host, origins=(f"{base}/",)) as web,
    ):
        said = STATIC_HOST.replace("https://api.example.org", base)
        policy += re.findall("Content-Security-Policy: (.*)", said)
        commands = textwrap.dedent(re.findall("```sh\n(.*?)```", said, re.DOTALL)[0])
        subprocess.run(["sh", "-ec", commands], cwd=tmp_path, check=True)
        page = web.open()
        page.get_by_role("button", name="karate").click()
        expect(progress(page)).to_have_text("1 of 1 picture done")
        expect(page.get_by_role("link", name="API", exact=True)).to_have_attribute("href", f"{base}/docs")
        page.goto(f"{host}/#/history")
        rows = page.locator("#history li[data-id]")
        assert rows.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
        rows.locator("[data-act=delete]").click()
        with page.expect_response(lambda told: told.request.method == "DELETE") as deleted:
            page.get_by_role("button", name="Dismiss").click()
        assert deleted.value.status == 204
        for view in VIEWS:
            web.open(view)
    assert web.refused == []
