"""The slides' numbers, computed again: nothing is missed, and the known slips are found."""

import json

import pytest
from click.testing import CliRunner

from striate import lectures
from striate.cli import main
from striate.errors import ArgumentError
from striate.lectures import Claim

SLIPS = {
    "yale": ["30,752 x 2", "validation_split"],
    "uva": ["shifts every pixel", "own padding", "Cross-correlation"],
    "nova": ["x(t) inside the sum", "line of imports", "followed by something nonlinear", "rows 300 to 391",
             "standardising"],
    "tue": ["Biases", "Numbers that the convolution", "stride of 2", "RGB", "nowhere made", "tells predictions",
            "gives classes"],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", lectures.NAMES)
def test_everything_is_reproduced_or_explained(name):
    found = lectures.check(name)
    assert [claim.what for claim in found.claims if claim.verdict == "missed"] == []
    slips = [claim for claim in found.claims if claim.verdict == "slip"]
    assert len(slips) == len(SLIPS[name])
    assert all(words in claim.what for words, claim in zip(SLIPS[name], slips, strict=True))
    assert found.count("reproduced") >= 10 and all(claim.why for claim in slips)


@pytest.mark.slow
def test_the_numbers_of_the_slips():
    found = {claim.what: claim for name in lectures.NAMES for claim in lectures.check(name).claims}
    product = next(claim for what, claim in found.items() if "30,752 x 2" in what)
    assert (product.said, product.found) == (61506, 61504)
    floor = next(claim for what, claim in found.items() if "stride of 2" in what)
    assert (floor.said, floor.found) == (13.5, 13)
    pooled = next(claim for what, claim in found.items() if "own padding" in what)
    assert (pooled.said, pooled.found) == (4, 3)


def test_verdicts():
    assert Claim("slide", "what", 2, 2).verdict == "reproduced"
    assert Claim("slide", "what", 2, 3, "because").verdict == "slip"
    assert Claim("slide", "what", 2, 3).verdict == "missed"
    assert Claim("slide", "what", 0.8983, 0.91, least=True).verdict == "reproduced"
    assert Claim("slide", "what", 0.8983, 0.88, least=True).verdict == "missed"
    assert "the slide says 2, striate finds 3" in str(Claim("slide", "what", 2, 3))


def test_command():
    done = CliRunner().invoke(main, ["lecture", "tue"])
    assert done.exit_code == 0 and "lacks a floor" in done.output and "0 missed" in done.output
    found = json.loads(CliRunner().invoke(main, ["lecture", "yale", "--json"]).stdout)
    assert found["missed"] == 0 and found["slip"] == 2 and not found["trained"]
    assert CliRunner().invoke(main, ["lecture", "nowhere"]).exit_code == 2
    with pytest.raises(ArgumentError, match="yale, uva, nova, tue"):
        lectures.check("nowhere")


@pytest.mark.slow
def test_a_training_that_shows_a_slip():
    found = {claim.what: claim for claim in lectures.check("tue", train=True).claims}
    assert found["Two epochs with categorical_crossentropy change the weights"].verdict == "slip"
    assert found["Two epochs with binary_crossentropy change the weights"].verdict == "reproduced"
