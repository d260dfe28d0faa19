"""The contract of every engine, from the playground itself."""

from __future__ import annotations

import pytest

from microgpt_play_torch import microgpt_engines
from playground.testing import contract_tests

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

ENGINES = {contribution.name: contribution for contribution in microgpt_engines()}

test_contract = contract_tests([ENGINES["torch"], ENGINES["torch-float32"]])
