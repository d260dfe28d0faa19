"""The contract of every strategy, from the playground itself."""

from __future__ import annotations

import microgpt_play_contrast
from playground.testing import contract_tests

test_contract = contract_tests(microgpt_play_contrast)
