"""Every failure of a test prints the one command that repeats it."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FAILING = """
import os, random
import pytest

@pytest.mark.nightly
@pytest.mark.parametrize("text", ["a b's"])
def test_drawn(text, seed, by_level):
    drawn = random.Random(seed).random(), by_level(1, 1, 1000), os.environ["STRIATE_CACHE_DIR"], text
    assert not drawn, drawn
"""


@pytest.mark.slow
@pytest.mark.parametrize("workers", [[], ["-n", "1"]])
def test_the_command_fails_in_the_same_way(tmp_path, workers):
    """With the level, the share, the seed, the time-out and the settings of the first time, whatever is in them."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_failing.py").write_text(FAILING)
    for name in ("pyproject.toml", "tests/conftest.py"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment = kept | {"STRIATE_CACHE_DIR": "/tmp/a folder; with 'all'", "PYTHONPATH": str(ROOT)}
    options = ["--level", "nightly", "--share", "0.25", "--seed", "4711", "--timeout", "77"]
    found = subprocess.run([sys.executable, "-m", "pytest", *workers, *options], cwd=tmp_path,
                           env=environment, capture_output=True, text=True)
    command = found.stdout.partition("commands that repeat these failures")[2].splitlines()[1]
    assert "--timeout 77" in command and found.returncode == 1, found.stdout
    again = subprocess.run(["sh", "-c", command.replace(" python ", f" {shlex.quote(sys.executable)} ", 1)],
                           cwd=tmp_path, env=kept | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    message = re.compile(r"AssertionError: (\(.*\))")
    assert message.search(again.stdout)[1] == message.search(found.stdout)[1], again.stdout + again.stderr
