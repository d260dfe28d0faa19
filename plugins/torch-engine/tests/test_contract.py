"""The contract of every engine, from the playground itself, and moves in mid-run."""

from __future__ import annotations

import pytest

from microgpt import ScalarEngine, VectorEngine
from microgpt_play_torch import microgpt_engines
from playground.testing import Check, contract_tests, move_checks

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

ENGINES = {contribution.name: contribution for contribution in microgpt_engines()}
HERE = ("torch", "torch-float32")

test_contract = contract_tests([ENGINES[name] for name in HERE])

test_contract_on_a_gpu = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="there is no GPU that PyTorch can compute on"
)(contract_tests([one for name, one in ENGINES.items() if name not in HERE]))


@pytest.mark.parametrize(
    "check",
    move_checks(
        {
            "scalar": ScalarEngine,
            "vector": VectorEngine,
            **{name: ENGINES[name].factory for name in HERE},
        },
        {name: ENGINES[name].precision for name in HERE},
    ),
    ids=str,
)
def test_a_run_goes_on_in_another_engine(check: Check) -> None:
    check()
