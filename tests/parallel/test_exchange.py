"""Sending gradients while the backward pass runs: when buckets are final, how they are added, and what is sent."""

import random
from functools import partial

import numpy as np
import pytest

import striate as keras
from striate import config, zoo
from striate.models.training import buckets as bucketing
from striate.models.training.buckets import buckets_of
from striate.models.training.data import Batch, Examples
from striate.parallel.exchange import Exchange
from striate.ranks import Alone, add_share, share_of


class Post:
    """All messages between ranks of this process, each on the way for a random number of looks."""

    def __init__(self, seed):
        self.draw, self.waiting, self.messages, self.bytes = random.Random(seed), {}, {}, {}


class Communicator:
    """One rank's side of the post, as much of mpi4py as an exchange uses."""

    def __init__(self, post, rank, size):
        self.post, self.rank, self.size = post, rank, size

    def Get_rank(self):
        return self.rank

    def Get_size(self):
        return self.size

    def Isend(self, array, to, tag):
        self.post.messages[self.rank] = self.post.messages.get(self.rank, 0) + 1
        self.post.bytes[self.rank] = self.post.bytes.get(self.rank, 0) + array.nbytes
        key = self.rank, to, tag
        assert key not in self.post.waiting, "two messages that cannot be told apart"
        self.post.waiting[key] = array, self.post.draw.randrange(4)  # read when it arrives, as MPI may do
        return lambda: True

    def Irecv(self, array, source, tag):
        return partial(self._come, array, (source, self.rank, tag), [])

    def _come(self, array, key, done):
        if done or key not in self.post.waiting:
            return bool(done)
        sent, looks = self.post.waiting[key]
        if looks:
            self.post.waiting[key] = sent, looks - 1
            return False
        array[...] = sent
        del self.post.waiting[key]
        done.append(True)
        return True


def exchanged(size, buckets, rows, vectors, seed, windowed=False):
    """(each rank's sum, the post) of an exchange in which ranks and buckets are ready in a random order; in a window
    they have the sum in common."""
    post, draw = Post(seed), random.Random(seed + 1)
    window = np.full((1 + len(rows), vectors.shape[1]), np.nan, np.float32)
    ranks = [Exchange(Communicator(post, rank, size), lambda requests: all([ask() for ask in requests]),
                      lambda name, length: np.full(length, np.nan, np.float32), buckets, rows,
                      (window[0], window[1:]) if windowed else None) for rank in range(size)]
    events = [[(shard, bucket) for shard in one.mine for bucket in draw.sample(range(len(buckets)), len(buckets))]
              for one in ranks]
    while any(events):
        rank = draw.choice([rank for rank in range(size) if events[rank]])
        shard, bucket = events[rank].pop(0)
        elements = vectors[shard][slice(*buckets[bucket])].copy()
        ranks[rank].ready(shard, bucket, elements)
        if shard != ranks[rank].mine[-1]:
            elements[:] = np.nan  # The next shard needs the memory.
        else:
            elements.flags.writeable = False
    for _ in range(10_000):
        if all([one.advance() for one in ranks]):
            break
    assert all(one.advance() for one in ranks) and not post.waiting
    return [one.total for one in ranks], post


@pytest.mark.parametrize("windowed", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 7])
def test_the_sum_has_the_bits_of_one_process_whatever_comes_when(size, windowed):
    for seed in range(6):
        draw = np.random.default_rng(seed)
        count = int(draw.integers(1, 9))
        borders = [0, *np.cumsum(draw.integers(1, 90, draw.integers(1, 5)))]
        buckets = [(int(a), int(b)) for a, b in zip(borders, borders[1:], strict=False)][::-1]
        rows = draw.integers(1, 5, count).tolist()
        vectors = draw.standard_normal((count, borders[-1]), np.float32)
        wanted, _ = Alone().sum_shards(buckets, rows, lambda shard, ready, v=vectors: (v[shard].copy(), None))
        for total in exchanged(size, buckets, rows, vectors, seed, windowed)[0]:
            assert np.array_equal(total.view(np.uint32), wanted.view(np.uint32))


@pytest.mark.parametrize(("size", "count"), [(2, 2), (3, 3), (4, 4), (2, 6), (3, 4)])
def test_as_many_bytes_and_messages_as_counted(size, count):
    buckets, length = [(768, 1920), (0, 768)], 1920
    _, post = exchanged(size, buckets, [3] * count, np.ones((count, length), np.float32), 0)
    for rank in range(size):
        shards = len(share_of(count, rank, size))
        assert post.messages[rank] == (shards + 1) * (size - 1) * len(buckets)
    whole = 4 * length
    assert sum(post.bytes.values()) == (count + size) * (size - 1) * whole // size
    if count == size:  # what the best all-reduce sends
        assert set(post.bytes.values()) == {2 * (size - 1) * whole // size}


def test_messages_about_a_window_are_empty_and_as_many():
    buckets, vectors = [(768, 1920), (0, 768)], np.ones((6, 1920), np.float32)
    counts = [exchanged(2, buckets, [3] * 6, vectors, 0, windowed)[1].messages for windowed in (False, True)]
    assert counts[0] == counts[1] == {0: 8, 1: 8}
    assert set(exchanged(2, buckets, [3] * 6, vectors, 0, True)[1].bytes.values()) == {0}


def test_buckets_cover_the_vector_from_its_end(monkeypatch):
    monkeypatch.setattr(bucketing, "MESSAGE_BYTES", 25)
    assert buckets_of([0, 96, 112, 224], 240, 2) == [(112, 240), (0, 112)]
    assert buckets_of([0, 96, 192], 240, 16) == [(96, 240), (0, 96)]
    assert buckets_of([0, 96, 112, 224], 240, 30) == [(0, 240)]  # more ranks, fewer messages
    assert buckets_of([0], 16, 2) == [(0, 16)] and buckets_of([], 0, 2) == [(0, 0)]


@pytest.mark.slow
@pytest.mark.parametrize("network", ["lenet5", "yale"])
def test_a_bucket_that_is_announced_is_final(network, monkeypatch):
    """At the pause for each bucket, its elements are those that the run ends with; and some come early."""
    monkeypatch.setattr(bucketing, "MESSAGE_BYTES", 64)
    monkeypatch.setattr(config, "value", lambda name, known=config.value: 2 if name == "shards" else known(name))
    keras.utils.set_random_seed(1)
    model = zoo.build(network)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=network == "yale"))
    x = np.random.default_rng(0).random((4, *model.input_shape[1:]), np.float32)
    model.train_on_batch(x, np.zeros(4))
    program = model._programs.sharded
    part = Batch(Examples(x, [np.zeros(4, np.int32)], [None])).between(0, 2)
    seen = {}

    def ready(bucket, elements):
        assert bucket not in seen
        seen[bucket] = elements.copy()
    vector = program.compute(part, (3, 4), ready)[0].copy()
    again, _ = program.compute(part, (3, 4), None)
    assert np.array_equal(vector, again) and np.abs(vector).max() > 0
    assert len(program.buckets) > 1 and seen
    for bucket, elements in seen.items():
        assert np.array_equal(elements, vector[slice(*program.buckets[bucket])])


@pytest.mark.parametrize("size", [1, 1000, 16384, 40000])
def test_shares_are_added_in_order_and_vectors_stay_as_they_are(size):
    vectors = np.random.default_rng(0).standard_normal((3, size), dtype=np.float32)
    weights, total = np.float32([0.2, 0.5, 0.3]), np.full(size, np.nan, np.float32)
    before, expected = vectors.copy(), vectors[0] * weights[0]
    for i in (1, 2):
        expected = expected + vectors[i] * weights[i]
    for i, weight in enumerate(weights):
        add_share(total, vectors[i], weight, first=i == 0)
    assert total.tobytes() == expected.tobytes() and (vectors == before).all()
