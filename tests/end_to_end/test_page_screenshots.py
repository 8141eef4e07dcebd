"""The README's pictures can be taken."""

from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser

from docs.screenshots import FOLDER, SHOTS, take
from tests.end_to_end.conftest import System
from tests.end_to_end.pages import Watched


def test_every_screenshot_is_taken(web: Watched, browser: Browser, site: System, tmp_path: Path) -> None:
    take(browser, site.base, tmp_path)
    assert {path.stem for path in tmp_path.iterdir()} == set(SHOTS)
    for name in SHOTS:
        with Image.open(tmp_path / f"{name}.webp") as taken, Image.open(FOLDER / f"{name}.webp") as shown:
            assert taken.size == shown.size
            assert len(taken.getcolors(2**24) or ()) > 1000
