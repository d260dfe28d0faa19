"""The contract of every tokenizer, from the playground itself."""

from __future__ import annotations

import microgpt_play_bpe
from playground.testing import contract_tests

test_contract = contract_tests(microgpt_play_bpe)
