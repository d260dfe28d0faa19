"""How many threads NumPy's library takes in the process of a run."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from microgpt_play_numpy.threads import VARIABLES

SCRIPT = """
{before}
from array import array
from microgpt import ModelConfig, OptimizerConfig, parameter_count
from microgpt_play_numpy import make_engine
config = ModelConfig(5)
make_engine(config, OptimizerConfig(), array("d", bytes(8 * parameter_count(config))))
from threadpoolctl import threadpool_info
print(*(one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"))
"""


def threads(before: str, **variables: str) -> list[str]:
    environment = {name: word for name, word in os.environ.items() if name not in VARIABLES}
    script = SCRIPT.format(before=before)
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


@pytest.mark.parametrize("before", ["", "import numpy"], ids=["fresh", "loaded before"])
def test_the_library_takes_one_thread(before):
    assert threads(before) == ["1"]


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="there is one core")
def test_who_asked_for_more_threads_has_them():
    assert threads("", OPENBLAS_NUM_THREADS="2") == ["2"]
