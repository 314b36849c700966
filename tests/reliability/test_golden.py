"""Files of every version that was released are read for ever, and a training gives the bits that it gave then."""

import json
from pathlib import Path

import numpy as np
import pytest

import striate
from striate import checkpoints
from tests.reliability.golden import make

VERSIONS = sorted(path for path in Path(__file__).with_name("golden").iterdir() if (path / "facts.json").exists())


@pytest.mark.parametrize("folder", VERSIONS, ids=lambda path: path.name)
def test_files_of_every_version_are_read(folder):
    expected = json.loads((folder / "facts.json").read_text())["predictions"]
    weights = make.model().get_weights()
    for ending in make.ENDINGS:
        found = striate.models.load_model(folder / f"m{ending}")
        np.testing.assert_allclose(found.predict(make.images(), verbose=0), expected, rtol=1e-5, atol=1e-7)
    for ending in make.WEIGHTS:
        found = make.model()
        found.set_weights([array * 0 for array in weights])
        found.load_weights(folder / f"w{ending}")
        assert all((a == b).all() for a, b in zip(found.get_weights(), weights, strict=True))
    state = checkpoints.newest(folder / "state")
    assert state["step"] == 3 and state["x"].tolist() == list(range(5)) and state["best"] == float("inf")


def test_a_training_gives_the_bits_of_this_version():
    """If this fails on purpose, say so in CHANGELOG.md and run `python -m tests.reliability.golden.make`."""
    folder = Path(__file__).with_name("golden") / striate.__version__
    known = json.loads((folder / "facts.json").read_text())["trained"]
    if make.processor() not in known:
        pytest.skip(f"nobody has noted the bits for a processor with {make.processor()}")
    assert make.trained_bits() == known[make.processor()]
