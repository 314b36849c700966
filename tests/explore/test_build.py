"""The files of the page that ship are what its sources give."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from striate.see import palette

ROOT = Path(__file__).resolve().parents[2]
SOURCES, BUILT = ROOT / "explorer", ROOT / "striate" / "explore" / "static"


@pytest.fixture(scope="module")
def node():
    if shutil.which("node") is None:
        pytest.skip("there is no node: the page cannot be rebuilt and compared")
    if not (SOURCES / "node_modules" / "esbuild").is_dir():
        pytest.skip("explorer/node_modules is missing: npm ci --prefix explorer")
    return "node"


def test_shipped_files_are_the_built_ones(node, tmp_path):
    subprocess.run([node, "build.mjs", str(tmp_path)], cwd=SOURCES, check=True, capture_output=True)
    names = sorted(path.name for path in BUILT.iterdir())
    assert names == sorted(path.name for path in tmp_path.iterdir())
    for name in names:
        assert (tmp_path / name).read_bytes() == (BUILT / name).read_bytes(), f"{name} is old: run `make explorer`"


@pytest.mark.slow
def test_types(node):
    if not (SOURCES / "node_modules" / "typescript").is_dir():
        pytest.skip("typescript is not installed: npm ci --prefix explorer")
    done = subprocess.run([node, "node_modules/typescript/bin/tsc", "--noEmit"], cwd=SOURCES, capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stdout


def test_the_palette_is_the_figures():
    style, colours = (SOURCES / "src" / "style.css").read_text(), (SOURCES / "src" / "colour.ts").read_text()
    light = style.split('[data-theme="dark"]')[0]
    for name in ("PAPER", "INK", "MUTED", "LINE", "SHADE", "BLUE", "ORANGE", "GREEN", "PURPLE", "YELLOW"):
        assert f"--{name.lower()}: {getattr(palette, name)}" in light, name
    assert f'BLUE = "{palette.BLUE}"' in colours and f'ORANGE = "{palette.ORANGE}"' in colours
    stops = [[int(part) for part in stop.split(",")] for stop in
             re.findall(r"\[(\d+, \d+, \d+)\]", colours.split("const HEAT")[1].split(";")[0])]
    assert palette.heat([0, 0.25, 0.5, 0.75, 1.0], 0, 1).tolist() == stops
    assert f"ABOVE = {list(palette.rgb(palette.BLUE))}" in colours


def test_the_lock_file_names_no_registry():
    assert "resolved" not in (SOURCES / "package-lock.json").read_text()
