"""Networks of every kind in a real browser: files that Keras wrote, a residual network, and one over lines."""

import importlib.util
import json
from pathlib import Path

import pytest
from explore_tiny import serving

from striate.cli.explore import make_subject
from striate.explore import views
from striate.explore.session import LIVE, Session

pytestmark = pytest.mark.slow
TESTS = Path(__file__).parents[1]
KERAS_FILES = TESTS / "saving" / "keras_files"
_spec = importlib.util.spec_from_file_location("explore_networks", TESTS / "see" / "networks.py")
networks = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(networks)


@pytest.fixture(scope="module", params=[
    "functional.keras",
    *(pytest.param(name, marks=pytest.mark.nightly) for name in ("sequential.keras", "residual", "line"))])
def explored(request, tmp_path_factory):
    """(name, address, session) of a model file, opened as `striate explore FILE` does it."""
    file = KERAS_FILES / request.param
    if not file.suffix:
        file = tmp_path_factory.mktemp("models") / f"{request.param}.keras"
        networks.NETWORKS[request.param]().save(file)
    session = Session(make_subject(str(file), (), None))
    with serving(session) as address:
        yield request.param, address, session


def overflows(page):
    wide, room = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    return wide > room


def rows(page):
    return page.locator(".row-name").all_inner_texts()[1:]  # The first is the input.


def go_to(page, place):
    page.locator(".row-name").nth(place + 1).click()
    page.wait_for_selector(".piece.engine, .neuron p.lead:not(:empty)")


def test_every_layer_shows_the_numbers_of_the_engine(explored, open_tab, pictures_folder):
    name, address, session = explored
    with open_tab(address) as page:
        assert len(rows(page)) == len(session.nodes)
        page.screenshot(path=pictures_folder / f"{name}-network.png", full_page=True)
        explained = 0
        for place, node in enumerate(session.nodes):
            go_to(page, place)
            assert node.operation.name in page.inner_text(".page h2")
            if page.locator(".piece.engine").count():
                index = tuple(int(i) for i in page.inner_text(".neuron h3").split("[")[1].split("]")[0].split(","))
                shown = float(page.get_attribute(".piece.engine b >> xpath=..", "data-value"))
                assert shown == views.number(session, str(place), index, "sample-0")["engine"]
                explained += 1
            page.screenshot(path=pictures_folder / f"{name}-{place}.png", full_page=True)
            page.keyboard.press("Escape")
            page.wait_for_selector(".layers")
        assert explained >= len(session.nodes) - 1, "at most a merging layer has no sum"


@pytest.mark.parametrize("width, scheme", [(1280, "light"), (390, "dark"), *(
    pytest.param(*look, marks=pytest.mark.nightly) for look in ((1280, "dark"), (390, "light")))])
def test_nothing_overflows_and_keys_reach_everything(explored, open_tab, pictures_folder, width, scheme):
    name, address, session = explored
    with open_tab(address) as page:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 844})
        assert not overflows(page)
        page.screenshot(path=pictures_folder / f"{name}-{width}-{scheme}.png", full_page=True)
        for place in range(len(session.nodes)):
            page.locator(".row-name").nth(place + 1).focus()
            page.keyboard.press("Enter")
            page.wait_for_selector(".piece.engine, .neuron p.lead:not(:empty)")
            assert not overflows(page), place
            page.keyboard.press("Escape")
            page.wait_for_selector(".layers")


def test_the_page_as_one_file(explored, open_tab, tmp_path):
    from striate.explore.export import html

    name, _, session = explored
    file = tmp_path / "page.html"
    file.write_text(html(session, "sample-0", LIVE), "utf-8")
    with open_tab(file.as_uri()) as page:
        assert len(rows(page)) == len(session.nodes)
        go_to(page, 0)
        assert page.locator(".piece.engine").count() == 1


def test_the_command_says_the_address(tmp_path):
    from click.testing import CliRunner

    from striate.cli import main

    (tmp_path / "empty").mkdir()
    file = str(KERAS_FILES / "sequential.keras")
    done = CliRunner().invoke(main, ["explore", file, "--export", str(tmp_path / "page.html"), "--json"])
    assert done.exit_code == 0 and json.loads(done.stdout)["file"].endswith("page.html")
    done = CliRunner().invoke(main, ["explore", file, str(tmp_path / "empty")])
    assert done.exit_code != 0 and "no image in this folder" in done.output
