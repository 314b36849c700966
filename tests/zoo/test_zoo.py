"""The networks of the zoo have the sizes of their sources and recipes that compile."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from striate import optimizers, zoo
from striate.errors import ArgumentError

PARAMETERS = {"yale": 62_338, "uva": 1_413_834, "nova": 1_679_082, "tue": 824_201, "lenet5": 61_706,
              "small": 225_034}
PICTURES = [name for name in zoo.names() if name != "signal"]
SAMPLES = 1000


@pytest.mark.parametrize("name", [*zoo.names(), *zoo.generators()])
def test_recipes_compile_and_say_where_they_are_from(name):
    model, recipe = zoo.build(name), zoo.recipe(name)
    assert model.name == name and recipe.compile(model, SAMPLES) is model and model.optimizer.name
    assert recipe.epochs and recipe.batch_size and recipe.source and recipe.inputs and recipe.title


@pytest.mark.parametrize("name", PARAMETERS)
def test_sizes(name):
    assert zoo.build(name).count_params() == PARAMETERS[name]


def test_layers_of_the_yale_baseline():
    model = zoo.yale()
    assert [layer.output.shape for layer in model.layers] == [
        (None, 124, 124, 32), (None, 31, 31, 32), (None, 30752), (None, 2)]
    assert [layer.count_params() for layer in model.layers] == [832, 0, 0, 61_506]


@pytest.mark.slow
@pytest.mark.parametrize("name", PICTURES)
def test_other_pictures_and_classes(name):
    model = zoo.build(name, input_shape=(32, 28, 3), classes=3)
    assert model.output_shape == (None, 3)
    assert np.isfinite(model.predict(np.ones((1, 32, 28, 3), np.float32), verbose=0)).all()


def test_better_brain_networks_have_fewer_parameters_than_the_baseline_or_hardly_more():
    assert zoo.brain_small().count_params() < zoo.yale().count_params() / 2
    assert zoo.brain_residual().count_params() < 1.3 * zoo.yale().count_params()


@pytest.mark.slow
def test_a_motif_in_dna_is_learnt():
    """Two classes of random letters; one has a fixed word of eight somewhere."""
    rng = np.random.default_rng(5)
    letters, labels = rng.integers(0, 4, (512, 64)), rng.integers(0, 2, 512)
    word = rng.integers(0, 4, 8)
    for row in np.flatnonzero(labels):
        start = rng.integers(0, 56)
        letters[row, start:start + 8] = word
    x = np.eye(4, dtype=np.float32)[letters]
    recipe = replace(zoo.recipe("signal"), epochs=8, batch_size=32)
    model = recipe.compile(zoo.signal(input_shape=(64, 4)), 384)
    model.fit(x[:384], labels[:384], batch_size=32, epochs=8, verbose=0)
    assert model.evaluate(x[384:], labels[384:], verbose=0)[1] > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(128, 128, 1), (28, 28, 1), (32, 48, 3)])
def test_generators_make_pictures_of_the_size_asked_for(shape):
    model = zoo.dcgan_generator(shape)
    pictures = model.predict(np.random.default_rng(0).standard_normal((2, 64)).astype(np.float32), verbose=0)
    assert pictures.shape == (2, *shape) and np.abs(pictures).max() <= 1
    assert zoo.dcgan_discriminator(shape).predict(pictures, verbose=0).shape == (2, 1)


def test_generators_refuse_sides_that_cannot_be_doubled_into():
    with pytest.raises(ArgumentError, match="multiples of 4"):
        zoo.dcgan_generator((30, 28, 1))


def test_nova_is_trained_as_the_slides_say():
    optimizer = zoo.recipe("nova").make_optimizer()
    assert float(optimizer.learning_rate) == pytest.approx(0.01) and optimizer.momentum == 0.9
    assert optimizer.decay == pytest.approx(0.01 / 25)
    assert zoo.recipe("nova").one_hot_labels and zoo.recipe("yale").make_loss().get_config()["from_logits"] is True


def test_one_cycle_rises_and_falls_over_the_whole_training():
    recipe = replace(zoo.recipe("fast92"), learning_rate=0.1, epochs=4, batch_size=10, warmup=0.25)
    schedule = optimizers.serialize(recipe.make_optimizer(100))["config"]["learning_rate"]
    schedule = optimizers.schedules.deserialize(schedule)
    rates = [schedule(step) for step in range(recipe.steps(100) + 1)]
    assert rates[0] == pytest.approx(0.01) and rates[40] == pytest.approx(0, abs=1e-12) and len(rates) == 41
    assert np.argmax(rates) == 10 and rates[10] == pytest.approx(0.1)
    assert (np.diff(rates[:11]) > 0).all() and (np.diff(rates[10:]) < 0).all()


def test_answers_of_a_mirrored_recipe_are_means_over_both_sides():
    class Left:
        """Says how bright the left half is."""

        def predict(self, x, **ignored):
            return x[:, :, :2].mean(axis=(1, 2))
    x = np.zeros((1, 4, 4, 1), np.float32)
    x[:, :, :2] = 1
    assert zoo.recipe("fast90").predict(Left(), x).item() == 1 and not zoo.recipe("fast90").mirrored
    assert zoo.recipe("fast94").predict(Left(), x).item() == 0.5


def test_a_schedule_needs_the_number_of_samples():
    with pytest.raises(ArgumentError, match="number of training samples"):
        zoo.recipe("fast90").make_optimizer()


def test_unknown_names():
    with pytest.raises(ArgumentError, match="uva, nova, tue, lenet5, small"):
        zoo.build("vgg")


TABLES = Path(__file__).parents[2] / "docs" / "tables"
RUNS = {"yale": "brain", "brain_small": "brain", "brain_residual": "brain", "uva": "fashion-mnist",
        "nova": "fashion-mnist", "tue": "zoo", "lenet5": "zoo", "small": "zoo", "residual": "zoo-subset",
        "separable": "zoo-subset", "signal": "dna", "dcgan_discriminator": "brain-gan"}
"""Which stored table says what a network reached."""


def rows_of(table, name):
    """The rows of a network in a stored table: column name to text."""
    lines = (TABLES / f"{table}.txt").read_text("utf-8").splitlines()
    head = next(line for line in lines if line.startswith("variant"))
    names = re.split(r"\s{2,}", head)
    rows = [re.split(r"\s{2,}", line) for line in lines]
    known = {name, "discriminator of the DCGAN" if name == "dcgan_discriminator" else name}
    # A search has no parameters, the discriminator no spread: what is behind counts from the end.
    return [{"test": row[names.index("test accuracy")], "seconds": row[-1]} for row in rows
            if row[0] in known or row[0].startswith(f"{name}, seed ")]


@pytest.mark.parametrize("name", RUNS)
def test_results_are_those_of_stored_runs(name):
    """What a recipe promises can be made again: docs/tables has the table, and the command in its first line."""
    assert (TABLES / f"{RUNS[name]}.txt").read_text("utf-8").startswith("$ striate compare ")
    rows = rows_of(RUNS[name], name)
    said, scores = zoo.recipe(name).result, [float(row["test"]) for row in rows]
    assert f"test accuracy {np.mean(scores):.3f}" in said, np.mean(scores)
    if len(rows) > 1:
        assert f"{min(scores):.3f} to {max(scores):.3f}" in said
    if name != "dcgan_discriminator":
        assert f"{min(float(row['seconds'].replace(',', '')) for row in rows):,.0f} seconds" in said


def test_every_recipe_says_what_to_expect():
    assert [name for name in (*zoo.names(), *zoo.generators()) if not zoo.recipe(name).result] == []
