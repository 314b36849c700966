"""Has hostile files loaded by `child.py` and judges what it reports."""

import atexit
import functools
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@functools.cache
def _loader(kind):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.Popen([sys.executable, str(Path(__file__).with_name("child.py")), kind], env=environment,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    atexit.register(process.stdin.close)
    return process


def load_in_child(path, kind="reading"):
    """The child's report; a crash, a forbidden act or too much memory or time fails the test at once."""
    loader = _loader(kind)
    loader.stdin.write(f"{path}\n")
    report = json.loads(loader.stdout.readline())
    assert report.get("caught", "died") is None, report
    assert report["megabytes"] < 300 and report["seconds"] < 10, report
    return report


def assert_refused(path, words, kind="reading"):
    """The file is refused with a ModelFileError that holds these words."""
    report = load_in_child(path, kind)
    assert report["outcome"] == "refused", report
    assert words in report["message"], report
