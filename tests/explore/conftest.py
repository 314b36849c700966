"""A small network that can learn, explored; the page's client, and a real browser where there is one."""

import importlib.util
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the extra `explore` is not installed")
pytest.importorskip("uvicorn", reason="the extra `explore` is not installed")

# The folder is no package, so that test files of other folders may have equal names.
_spec = importlib.util.spec_from_file_location("explore_tiny", Path(__file__).parent / "tiny.py")
tiny = importlib.util.module_from_spec(_spec)
sys.modules["explore_tiny"] = tiny
_spec.loader.exec_module(tiny)

@pytest.fixture
def session():
    from striate.explore.session import Session

    made = Session(tiny.make_subject())
    yield made
    made.learner.close()


@pytest.fixture
def client(session):
    """A browser's part of the conversation, with the cookie."""
    pytest.importorskip("httpx", reason="httpx is not installed (extra `dev`)")
    from starlette.testclient import TestClient

    from striate.explore.app import make_app
    from striate.explore.guard import Access

    access = Access(tiny.TOKEN, tiny.PORT)
    made = TestClient(make_app(session, access), base_url=f"http://127.0.0.1:{tiny.PORT}", follow_redirects=False)
    made.cookies.set(access.cookie, tiny.TOKEN)
    return made


CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = ("--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
             "--disable-component-update --disable-sync").split()


@pytest.fixture(scope="session")
def chromium():
    """A real browser; where there is none, the tests that need it say so."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra `dev`)")
    if not Path(CHROMIUM).exists():
        pytest.skip("there is no chromium: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def pictures_folder():
    """Where screenshots are kept: build/explorer of the repository."""
    folder = Path(__file__).resolve().parents[2] / "build" / "explorer"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def served():
    """(address, session) of a page that a real server serves on a free port."""
    from striate.explore.session import Session

    session = Session(tiny.make_subject())
    session.taps("sample-0")
    session.slopes("sample-0")
    with tiny.serving(session) as address:
        yield address, session
    session.learner.close()


@pytest.fixture
def page(chromium, served):
    """A tab with the page open; whatever the page's console complains about fails the test."""
    with opened(chromium, served[0]) as tab:
        yield tab


@contextmanager
def opened(browser, address):
    """A tab with a page; whatever the page's console complains about fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    tab, complaints = context.new_page(), []
    tab.set_default_timeout(60_000)
    tab.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.goto(address)
    tab.wait_for_selector(".answer-row")
    yield tab
    context.close()
    assert not complaints


@pytest.fixture
def open_tab(chromium):
    """Opens an address in a tab of its own: `with open_tab(address) as tab`."""
    return lambda address: opened(chromium, address)

