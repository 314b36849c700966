"""The number of shards decides the bits; the number of ranks does not."""

import numpy as np
import pytest

import striate as keras
from striate import config, layers, zoo
from striate.errors import ArgumentError
from striate.models.training.data import Batch, Examples
from striate.models.training.sharding import cut, random_of
from striate.ranks import add_share, share_of, shares
from striate.runtime import pool
from tests.parallel.conftest import finished
from tests.parallel.job import digest, made
from tests.reliability import drawn


@pytest.fixture(autouse=True)
def whole_batches():
    yield
    config.set_value("shards", None)
    pool.set_threads(pool.default_threads())


NETWORKS = ["yale", "uva", "nova", "tue", "lenet5", "small"]


@pytest.fixture(scope="module")
def alone(mpi):
    """What one process that knows nothing of MPI comes to."""
    return finished(None, task="train", networks=["mixed", *NETWORKS], shards=4)


@pytest.mark.slow
def test_three_ranks_that_send_many_buckets_give_the_bits_of_one_process(run):
    order = {"task": "train", "networks": ["mixed"], "shards": 4}
    assert run(3, **order, message_bytes=4) == run(None, **order)


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [4, *(pytest.param(ranks, marks=pytest.mark.nightly) for ranks in (1, 2, 3))])
def test_ranks_give_the_bits_of_one_process_for_every_network(alone, ranks):
    order = {"task": "train", "networks": ["mixed", *NETWORKS], "shards": 4}
    assert finished(ranks, **order, message_bytes=2**10) == alone


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The dtype policy")
def test_drawn_trainings_in_shards(run, seed, by_level):
    """The number of shards decides the bits; threads and ranks do not, whatever kernels a network has."""
    for number, case in enumerate(drawn.cases(seed, by_level(0, 0, 60))):
        shards = 4 - number % 3
        pool.set_threads(1)
        expected = drawn.trained(case, shards)
        pool.set_threads(3)
        what = f"case {case}, {shards} shards: {drawn.described(case)}"
        assert drawn.trained(case, shards) == expected, what
        for ranks in (2, 3, 4) if number == 0 else (shards,):
            assert run(ranks, task="drawn_training", case=case, shards=shards) == expected, f"{ranks} ranks, {what}"


@pytest.mark.slow
def test_generators_and_metrics_on_ranks(run):
    order = {"task": "train", "networks": ["mixed"], "shards": 3, "generator": True}
    assert run(2, **order) == run(None, **order)
    assert run(2, task="metrics", shards=3) == run(None, task="metrics", shards=3)


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [3, pytest.param(2, marks=pytest.mark.nightly)])
def test_odd_sizes_weights_and_callbacks_on_ranks(run, tmp_path, ranks):
    order = {"task": "callbacks_and_weights", "folder": str(tmp_path)}
    alone = run(None, **order)
    assert run(ranks, **order) == alone
    assert any(len(set(history["learning_rate"])) > 1 for _, history, *_ in alone)


def trained(shards, **compile_options):
    model, x, y = made("mixed", shards, **compile_options)
    history = model.fit(x, y, batch_size=12, epochs=1, verbose=0, shuffle=False)
    return model, history.history


@pytest.mark.slow
def test_shards_of_a_network_without_statistics_give_nearly_the_whole_batch():
    results = {}
    for count in (1, 2, 5):
        config.set_value("shards", count)
        keras.utils.clear_session()
        keras.utils.set_random_seed(3)
        model = zoo.build("lenet5")
        model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
        draw = np.random.default_rng(0)
        history = model.fit(draw.random((22, 28, 28, 1), np.float32), draw.integers(0, 10, 22), batch_size=11,
                            epochs=2, verbose=0)
        results[count] = digest(model), model.get_weights(), history.history
    for count in (2, 5):
        for one, other in zip(results[1][1], results[count][1], strict=True):
            np.testing.assert_allclose(one, other, atol=2e-6)
        assert results[count][2]["loss"] == pytest.approx(results[1][2]["loss"], rel=1e-6)
        assert results[count][2]["accuracy"] == results[1][2]["accuracy"]


def test_moving_statistics_are_the_mean_over_shards():
    keras.utils.set_random_seed(0)
    config.set_value("shards", 2)
    model = keras.Sequential([keras.Input((3,)), layers.BatchNormalization(momentum=0.5), layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    model.train_on_batch(x, np.zeros((4, 1)))
    normalisation = model.layers[0]
    np.testing.assert_allclose(normalisation.moving_mean.numpy(), 0.5 * x.mean(axis=0), rtol=1e-6)
    within = (x[:2].var(axis=0) + x[2:].var(axis=0)) / 2
    np.testing.assert_allclose(normalisation.moving_variance.numpy(), 0.5 + 0.5 * within, rtol=1e-5)


def test_eager_steps_are_cut_as_well():
    compiled, eager = trained(3)[1]["loss"], trained(3, run_eagerly=True)[1]["loss"]
    assert eager == pytest.approx(compiled, rel=1e-5)


def test_each_shard_has_random_numbers_of_its_own():
    assert random_of((7, 5), 0) == (7, 5)
    assert len({random_of((7, 5), shard) for shard in range(9)}) == 9


def test_cuts_and_shares():
    batch = Batch(Examples(np.zeros((10, 2))), np.arange(100, 107))
    assert [part.indices.tolist() for part in cut(batch, 3)] == [[100, 101], [102, 103], [104, 105, 106]]
    assert [part.first for part in cut(Batch(Examples(np.zeros((10, 2)))), 4)] == [0, 2, 5, 7]
    assert len(cut(Batch(Examples(np.zeros((2, 2)))), 4)) == 2
    for size in range(1, 6):
        joined = [shard for rank in range(size) for shard in share_of(7, rank, size)]
        assert joined == list(range(7))


def test_stretches_are_added_alike_by_themselves():
    draw = np.random.default_rng(1)
    length = 40_000
    vectors, weights = draw.random((3, length), np.float32), shares([3, 4, 4])
    vectors.flags.writeable = False
    whole, parts = np.empty(length, np.float32), np.empty(length, np.float32)
    for index in range(3):
        add_share(whole, vectors[index], weights[index], first=index == 0)
    for stretch in (slice(0, 17), slice(17, length)):
        for index in range(3):
            add_share(parts[stretch], vectors[index][stretch], weights[index], first=index == 0)
    assert np.array_equal(whole, parts)
    expected = vectors[0] * weights[0] + vectors[1] * weights[1] + vectors[2] * weights[2]
    assert np.array_equal(whole, expected)


def test_what_cannot_be_cut_is_refused():
    with pytest.raises(ArgumentError, match="mean over samples"):
        trained(2, loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum"))
    config.set_value("shards", 2)
    model = keras.Sequential([keras.Input((3,)), layers.BatchNormalization(synchronized=True), layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ArgumentError, match="synchronized.*or train with one shard"):
        model.train_on_batch(np.zeros((4, 3)), np.zeros((4, 1)))
    config.set_value("shards", 1)
    model.train_on_batch(np.zeros((4, 3)), np.zeros((4, 1)))
    config.set_value("shards", 2)

    class Own(keras.Model):
        def train_step(self, data):
            return {}
    inputs = keras.Input((3,))
    model = Own(inputs, layers.Dense(1)(inputs))
    model.compile("sgd", "mse")
    with pytest.raises(ArgumentError, match="train_step"):
        model.train_on_batch(np.zeros((4, 3)), np.zeros((4, 1)))


@pytest.mark.slow
def test_a_loss_that_overflows_is_traced_to_its_layer():
    model, x, y = made("yale", 3)
    x[20] = 3e38
    model.layers[0].kernel.assign(model.layers[0].kernel.numpy() + 1.0)
    with pytest.warns(UserWarning, match="sample 20"):
        model.fit(x, y, batch_size=26, epochs=1, verbose=0, shuffle=False)
