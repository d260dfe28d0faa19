"""The contract of every data set, from the playground itself.

A few names in a file stand in for the true ones, since the contract allows no network; another
file tests what happens without one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import microgpt_play_makemore
from microgpt_play_makemore import dataset
from playground.testing import contract_tests

STAND_IN = b"ada\ngrace\nmary\n"


@pytest.fixture(scope="module", autouse=True)
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    path: Path = tmp_path_factory.mktemp("web") / "names.txt"
    path.write_bytes(STAND_IN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "URL", path.as_uri())
        patch.setattr(dataset, "SHA256", hashlib.sha256(STAND_IN).hexdigest())
        patch.setattr(dataset, "SIZE", len(STAND_IN))
        yield


test_contract = contract_tests(microgpt_play_makemore)
