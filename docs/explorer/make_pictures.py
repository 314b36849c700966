"""Makes the pictures of docs/explorer.md: `python docs/explorer/make_pictures.py` (needs chromium and the extra `dev`).

The network is `small` of the zoo, trained on the page itself on the tenth of Fashion-MNIST that comes with striate.
"""

from __future__ import annotations

import io
import shutil
import threading
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from striate.cli.explore import make_subject
from striate.explore.server import serve
from striate.explore.session import Session
from striate.utils import set_random_seed

FOLDER = Path(__file__).parent
ARGUMENTS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking".split()


def keep(page: Page, name: str, full: bool = False) -> None:
    """Writes a screenshot as a PNG of 256 colours, small enough for a repository."""
    page.wait_for_timeout(700)
    image = Image.open(io.BytesIO(page.screenshot(full_page=full))).convert("RGB")
    image.quantize(256, dither=Image.Dither.NONE).save(FOLDER / f"{name}.png", optimize=True)


def take(page: Page, session: Session) -> None:
    """Every picture."""
    learner = session.learner
    learner.act("start", 3)
    while len(learner.epochs) < 3:
        time.sleep(0.2)
    page.locator(".picks button").nth(7).click()
    keep(page, "network")
    page.click(".row:nth-child(4) .row-name")
    page.wait_for_selector(".piece.engine")
    keep(page, "layer", full=True)
    page.click(".segments button:has-text('Gradients')")
    keep(page, "gradients")
    page.click("header nav button:has-text('Lab')")
    page.select_option(".lab-tools select >> nth=0", "conv2d")
    page.select_option(".lab-tools select >> nth=1", "vertical edges")
    keep(page, "lab")
    page.click("header nav button:has-text('Network')")
    page.click("header button:has-text('Dark')")
    keep(page, "dark")
    page.set_viewport_size({"width": 390, "height": 844})
    keep(page, "phone")


def main() -> None:
    """Serves the page, drives a browser through it."""
    set_random_seed(0)
    session = Session(make_subject("small", [], None))
    session.taps("sample-0")
    told: list[str] = []
    threading.Thread(target=serve, args=(session, "127.0.0.1", 0, False, told.append), daemon=True).start()
    while not told:
        time.sleep(0.05)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(told[0])
        page.wait_for_selector(".answer-row")
        take(page, session)
        browser.close()


if __name__ == "__main__":
    main()
