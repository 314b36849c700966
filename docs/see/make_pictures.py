"""Runs the examples of the pages in docs/see, which save the pictures that the pages show.

    python docs/see/make_pictures.py [FOLDER]

The pictures come into FOLDER/pictures; FOLDER is docs/see unless given.
"""

import os
import re
import runpy
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


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else HERE.resolve())
