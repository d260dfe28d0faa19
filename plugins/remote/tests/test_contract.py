"""The contract of every writer, from the playground itself."""

from __future__ import annotations

import microgpt_play_remote
from playground.testing import contract_tests

test_contract = contract_tests(microgpt_play_remote)
