"""No test writes to where the person who runs it keeps things, or depends on what is there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _home_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests that look at the home make one of their own; this one is for all others."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MICROGPT_PLAY_HOME", str(tmp_path_factory.mktemp("home") / "home"))
        yield
