"""Questions that nobody would ask in earnest, to every route: an answer or one sentence, never an error of Python's."""

import json

import pytest

from striate.explore.app import GETS, POSTS

VALUES = ["", "-", "--5", "+1", "1e9", "0x1", "9" * 9, "9" * 400, "-1", "nan", "\u0663", "\u00b2", "a" * 300, "\0",
          "../x", "<img>", "1,2,3", ",,,", "1,-,2", "sample-0", "live", "None", "true"]
NAMES = ["layer", "image", "at", "what", "index", "channel", "filter", "size", "stride", "padding", "dilation",
         "kernel", "since", "numbers"]
THINGS = [None, True, -1, 0, 1.5, 10 ** 400, float("nan"), float("inf"), "", "x", [], [[]], {}, {"a": 1}, ["x"] * 9,
          [1e308] * 9, [10 ** 400] * 9, [True] * 9, "AAAA", "=" * 8, "\ud800"]
FIELDS = {"image": ["data", "name", "invert"], "drawing": ["pixels", "values"], "reset": ["name"],
          "edit": ["layer", "channel", "filter", "values"], "train": ["action", "epochs"]}


def judged(answer, asked):
    assert answer.status_code in (200, 400), (asked, answer.status_code, answer.text[:200])
    assert "Traceback" not in answer.text
    if answer.status_code == 400:
        assert len(json.loads(answer.content)["error"]) > 15, asked


@pytest.mark.slow
@pytest.mark.parametrize("route", GETS)
def test_questions(client, route):
    """One value of every kind in the place of each argument, beside arguments that are sound."""
    sound = {"layer": "0", "image": "sample-0", "index": "0,0,0"}
    for number, name in enumerate(NAMES):
        for value in VALUES[number % 3::3]:
            asked = sound | {name: value}
            judged(client.get(f"/api/{route}", params=asked), asked)


@pytest.mark.slow
@pytest.mark.parametrize("route", POSTS)
def test_changes(client, route):
    assert set(POSTS) == set(FIELDS)
    sound = {"edit": {"layer": "0", "channel": 0, "filter": 0, "values": [0.0] * 9}, "train": {"action": "pause"}}
    for name in FIELDS[route]:
        for thing in THINGS:
            if (route, name) == ("train", "epochs"):
                continue  # it would train
            content = json.dumps(sound.get(route, {}) | {name: thing})
            answer = client.post(f"/api/{route}", content=content, headers={"content-type": "application/json"})
            judged(answer, content[:200])
