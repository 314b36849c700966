"""Drawn trainings in other circumstances: the same bits on any number of threads, also broken off and gone on with.
`parallel/test_same_bits.py` has them in shards and on ranks."""

import pytest

from striate.runtime import pool
from tests.reliability import drawn

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:The dtype policy")]
@pytest.fixture(autouse=True)
def threads():
    yield
    pool.set_threads(pool.default_threads())


def test_threads_and_interruptions(seed, by_level, tmp_path):
    for case in drawn.cases(seed, by_level(0, 0, 60)):
        pool.set_threads(1)
        expected = drawn.trained(case)
        for count in (2, 3, 5, 8):
            pool.set_threads(count)
            assert drawn.trained(case) == expected, f"case {case}, {count} threads: {drawn.described(case)}"
        for stop in (2, 5):
            place = tmp_path / f"{case}-{stop}"
            pool.set_threads(stop)
            assert drawn.trained(case, folder=place, stop=stop) is None
            pool.set_threads(3)
            found = drawn.trained(case, folder=place)
            assert found == expected, f"case {case}, gone on with after step {stop}: {drawn.described(case)}"
