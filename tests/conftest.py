"""Levels of tests, and the command that repeats a failure.

`pytest --level LEVEL` runs the tests of that level and of those below: quick (nothing that takes more than a few
seconds), test (what continuous integration runs; the default), nightly and release. Tests that draw numbers or repeat
something many times ask the fixtures `seed` and `by_level` how.
"""

import os
import shlex
import signal
import zlib

import pytest

from striate import seeds

LEVELS = ("quick", "test", "nightly", "release")
_MARKS = {"slow": "test", "nightly": "nightly", "release": "release"}
"""Which level a mark puts a test into; a test without one is quick."""
_QUICK_LANES = 8
"""Kernels are compiled for this width in the quick level; other widths (the parameter `lanes`) come in the next."""
_QUICK_CASES = 60
"""Of a test with more cases the quick level runs this many, evenly chosen."""
_SETTINGS = ("STRIATE_", "PYTHONHASHSEED", "NUMBA_")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # A shell that starts `make test &` has its jobs ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption("--level", choices=LEVELS, default="test", help="how much is tested: %(choices)s")
    parser.addoption("--share", type=float, default=1.0, help="how much of what the level asks for: 0.1 kills, "
                     "damages and soaks a tenth as often and long")
    parser.addoption("--seed", type=int, default=0, help="what tests that draw numbers begin with")


def level_of(item) -> str:
    """The lowest level that a test belongs to."""
    found = [level for mark, level in _MARKS.items() if mark in item.keywords]
    if getattr(item, "callspec", None) and item.callspec.params.get("lanes", _QUICK_LANES) != _QUICK_LANES:
        found.append("test")
    return max(found, key=LEVELS.index, default="quick")


def _quick(items) -> set:
    """The items of the quick level: all without a mark, but of a test with many cases an even sample."""
    cases: dict = {}
    for item in items:
        if level_of(item) == "quick":
            cases.setdefault(item.nodeid.partition("[")[0], []).append(item)
    return {found[i * len(found) // min(len(found), _QUICK_CASES)]
            for found in cases.values() for i in range(min(len(found), _QUICK_CASES))}


def pytest_collection_modifyitems(config, items):
    chosen = LEVELS.index(config.getoption("level"))
    left_out, quick = [], _quick(items)
    for item in items:
        if item in quick:
            item.add_marker(pytest.mark.quick)
        elif LEVELS.index(level_of(item)) > chosen or chosen == 0:
            left_out.append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Each test draws numbers of its own: the same ones alone, among others and on any worker."""
    seeds.set_random_seed(zlib.crc32(item.nodeid.encode()) ^ item.config.getoption("seed"))


def repeat_command(item) -> str:
    """The one command that repeats a test as it was run here."""
    config, given = item.config, []
    if config.getoption("level") != "test":
        given += ["--level", config.getoption("level")]
    if config.getoption("share") != 1:
        given += ["--share", str(config.getoption("share"))]
    if config.getoption("seed"):
        given += ["--seed", str(config.getoption("seed"))]
    if config.getoption("timeout", None) is not None:
        given += ["--timeout", f"{config.getoption('timeout'):g}"]
    settings = [f"{name}={shlex.quote(value)}" for name, value in sorted(os.environ.items())
                if name.startswith(_SETTINGS)]
    return " ".join([*settings, shlex.join(["python", "-m", "pytest", item.nodeid, *given])])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and item.config.getoption("level") == "release":
        report.outcome, report.longrepr = "failed", f"Nothing may be skipped before a release: {report.longrepr}"
    if report.failed:
        report.sections.append(("Repeat this failure", repeat_command(item)))
        report.user_properties.append(("repeat", repeat_command(item)))
    return report


def pytest_runtest_logreport(report):
    _failed.extend(value for name, value in report.user_properties if name == "repeat" and report.failed)


_failed: list[str] = []


def pytest_terminal_summary(terminalreporter):
    if _failed:
        terminalreporter.section("commands that repeat these failures")
        for command in dict.fromkeys(_failed):
            terminalreporter.write_line(command)


@pytest.fixture(scope="session")
def seed(pytestconfig) -> int:
    """What a test that draws numbers begins with: `--seed`."""
    return pytestconfig.getoption("seed")


@pytest.fixture(scope="session")
def by_level(pytestconfig):
    """by_level(quick, test, nightly, release): the amount for the level that runs, times `--share`; a missing one is
    that before it, and what is not 0 never becomes 0."""
    chosen, share = LEVELS.index(pytestconfig.getoption("level")), pytestconfig.getoption("share")

    def amount(*amounts):
        wanted = amounts[min(chosen, len(amounts) - 1)]
        return max(1, round(wanted * share)) if wanted else 0
    return amount
