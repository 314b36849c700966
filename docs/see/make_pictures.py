"""Runs the examples of the pages in docs/see, which save the pictures that the pages show.

    python docs/see/make_pictures.py [FOLDER]

The pictures come into FOLDER/pictures; FOLDER is docs/see unless given. That of the report, which is a page, is taken
by a browser: chromium, driven by Playwright.
"""

import io
import os
import re
import runpy
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
PAGES = ("numbers", "films", "inside", "answers", "mathematics", "letters", "training", "doctor")


def examples(page: str) -> str:
    """All Python of a page."""
    return "\n".join(re.findall(r"```python\n(.*?)```", (HERE / f"{page}.md").read_text("utf-8"), re.DOTALL))


def run(code: str, names: dict) -> dict:
    """Runs code that knows `names`; gives all names that it knows in the end."""
    with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
        file.write(code)
        file.flush()
        return {name: value for name, value in runpy.run_path(file.name, names).items() if not name.startswith("__")}


def photograph(page: Path, picture: Path) -> None:
    """The head of a page as a PNG of few colours."""
    from PIL import Image
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1000, "height": 1000})
        tab.goto(page.resolve().as_uri())
        image = Image.open(io.BytesIO(tab.screenshot())).convert("RGB")
        browser.close()
    image.quantize(256, dither=Image.Dither.NONE).save(picture, optimize=True)


def main(folder: Path) -> None:
    """Runs every page in a folder."""
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        os.symlink((folder / "pictures").resolve(), Path(work) / "pictures")
        os.chdir(work)
        names = run(examples("index"), {})
        for page in PAGES:
            run(examples(page), dict(names))
            print(page)
        photograph(Path("report.html"), folder / "pictures" / "report.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else HERE.resolve())
