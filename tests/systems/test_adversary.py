"""A generator and a discriminator trained against each other, and the exercise with the generator's fakes."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from striate import optimizers, utils, zoo
from striate.cli import main
from striate.systems import brain, brain_gan
from striate.systems.adversary import Adversary

SHAPE, FILTERS = (16, 16, 1), (4, 8)


def pair(discriminator_rate=0.005, generator_rate=0.005):
    utils.clear_session()
    utils.set_random_seed(0)
    made = Adversary(zoo.build("dcgan_generator", output_shape=SHAPE, noise=8, filters=FILTERS[::-1]),
                     zoo.build("dcgan_discriminator", input_shape=SHAPE, filters=FILTERS))
    made.compile(*(optimizers.Adam(rate, beta_1=0.5) for rate in (discriminator_rate, generator_rate)))
    return made


def discs(count):
    """Bright discs on a dark ground, at slightly different places."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:16, :16]
    centres = 7.5 + random.uniform(-2, 2, (count, 2, 1, 1))
    inside = np.hypot(rows - centres[:, 0], columns - centres[:, 1]) < 5
    return (inside * 1.6 - 0.8).astype(np.float32)[..., np.newaxis]


def changed(before, model):
    return any((one != other).any() for one, other in zip(before, [v.numpy() for v in model.trainable_variables],
                                                          strict=True))


@pytest.mark.parametrize(("rates", "expected"), [((0.01, 0.0), (True, False)), ((0.0, 0.01), (False, True))])
def test_each_optimizer_moves_its_own_network_alone(rates, expected):
    both = pair(*rates)
    before = [[v.numpy().copy() for v in part.trainable_variables] for part in (both.discriminator, both.generator)]
    both.fit(discs(16), batch_size=8, verbose=0)
    assert (changed(before[0], both.discriminator), changed(before[1], both.generator)) == expected


@pytest.mark.slow
def test_the_generator_comes_nearer_to_the_real_pictures():
    real, both = discs(64), pair()
    mean = real.mean(axis=0)
    before = np.abs(both.pictures(32).mean(axis=0) - mean).mean()
    history = both.fit(real, batch_size=16, epochs=25, verbose=0).history
    after = np.abs(both.pictures(32).mean(axis=0) - mean).mean()
    assert after < 0.6 * before
    assert set(history) == {"discriminator_loss", "generator_loss", "reals_found", "fakes_found"}
    assert all(0 <= share <= 1 for share in history["fakes_found"])


def test_the_same_seed_gives_the_same_pair():
    weights = []
    for _ in range(2):
        both = pair()
        both.fit(discs(16), batch_size=8, epochs=2, verbose=0)
        weights.append(both.pictures(4))
    np.testing.assert_array_equal(*weights)
    assert (both.pictures(4, seed=1) != weights[0]).any()


def test_fakes_are_half_of_every_part_and_new_in_each():
    both = pair()
    (x, y), (other, _) = (brain_gan.mixed(discs(6), both, part, seed=0) for part in (1, 2))
    assert x.shape == (12, *SHAPE) and np.bincount(y).tolist() == [6, 6]
    assert {picture.tobytes() for picture in x[y == 0]} == {picture.tobytes() for picture in discs(6)}
    assert not {picture.tobytes() for picture in x[y == 1]} & {picture.tobytes() for picture in other}


def test_the_discriminator_calls_positive_scores_real():
    class Sure:
        """Says "real" of pictures that are bright."""

        def predict(self, x, **ignored):
            return x.mean(axis=(1, 2))

        def count_params(self):
            return 7
    bright, dark = np.ones((3, *SHAPE), np.float32), -np.ones((3, *SHAPE), np.float32)
    part = np.concatenate([bright, dark]), np.array([0, 0, 0, 1, 1, 0])
    row = brain_gan.judged(Sure(), {name: part for name in ("train", "same", "other", "test", "stranger")})
    assert row["test accuracy"] == pytest.approx(5 / 6) and row["parameters"] == 7


@pytest.mark.slow
def test_the_exercise_with_a_generator(tmp_path):
    def made():
        return brain_gan.compare(("yale",), seeds=(0,), epochs=1, frames=8, rounds=2, folder=tmp_path)
    found = made()
    assert [row["variant"] for row in found.rows] == ["yale", brain_gan.DISCRIMINATOR]
    assert all(0 <= row[brain.STRANGER] <= 1 for row in found.rows)
    assert any("simulated" in note for note in found.notes)
    drawn = (tmp_path / "generator.svg").read_text("utf-8")
    assert "epoch 1" in drawn and "epoch 2" in drawn and "real" in drawn
    kept = (tmp_path / "generator.keras").read_bytes()
    assert made().rows == json.loads((tmp_path / "comparison.json").read_text())["rows"]
    assert (tmp_path / "generator.keras").read_bytes() == kept


@pytest.mark.nightly
def test_the_command_from_the_generator_to_the_table(tmp_path, monkeypatch):
    """The exercise as a user makes it, small: all networks, the discriminator, and a generator that has learnt."""
    monkeypatch.chdir(tmp_path)
    words = ["compare", "brain", "--data", "gan", "--limit", "32", "--rounds", "6", "--seeds", "1", "--epochs", "2",
             "--out", "made", "--json"]
    found = json.loads(CliRunner().invoke(main, words, catch_exceptions=False).stdout)
    assert [row["variant"] for row in found["rows"]] == [*brain.NETWORKS, brain_gan.DISCRIMINATOR]
    assert all(0 <= row[column] <= 1 for row in found["rows"] for column in ("test accuracy", brain.STRANGER))
    kept = {path.name for path in (tmp_path / "made").iterdir()}
    assert {"generator.keras", "discriminator.keras", "generator.svg", "comparison.json", "yale.keras"} <= kept
    before = (tmp_path / "made" / "generator.keras").read_bytes()
    assert json.loads(CliRunner().invoke(main, words, catch_exceptions=False).stdout)["rows"] == found["rows"]
    assert (tmp_path / "made" / "generator.keras").read_bytes() == before, "what is there is not trained again"
