"""Kernels compiled by workers lie in the cache, and every one is announced."""

import json
import os
import subprocess
import sys

import pytest

SCRIPT = """
import json
from striate.kernels import ahead, cpu, jit
cpu.cores = lambda: 2
lanes = cpu.host().lanes
wanted = [("transpose", {"lanes": lanes}), ("column_sums", {"lanes": lanes}),
          ("sgd_update", {"lanes": lanes, "nesterov": 0}), ("adam_update", {"lanes": lanes})]
announced = []
jit.listeners.append(lambda name, seconds: announced.append(name))
missing = ahead.compile_ahead(wanted)
loaded = [bool(jit.compiled(name, **variant).cache_hits) for name, variant in wanted]
print(json.dumps([missing, sorted(announced), loaded, ahead.compile_ahead(wanted)]))
"""


@pytest.mark.slow
def test_workers_fill_the_cache(tmp_path):
    environment = os.environ | {"STRIATE_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    missing, announced, loaded, again = json.loads(done.stdout)
    assert missing == 4 and again == 0
    assert announced == ["adam_update", "column_sums", "sgd_update", "transpose"]
    assert loaded == [True] * 4
