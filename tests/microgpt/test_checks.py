"""What every engine checks before it computes."""

from __future__ import annotations

import pytest

from microgpt.checks import documents_a_step


@pytest.mark.parametrize(("documents", "steps", "each"), [(6, 2, 3), (4, 4, 1), (0, 0, 1)])
def test_documents_are_shared_out_among_steps(documents: int, steps: int, each: int) -> None:
    assert documents_a_step(documents, steps) == each


@pytest.mark.parametrize(("documents", "steps"), [(3, 2), (3, 4), (3, 0), (0, 2)])
def test_documents_that_cannot_be_shared_out_are_refused(documents: int, steps: int) -> None:
    with pytest.raises(ValueError, match=r"shared out evenly|at least one document"):
        documents_a_step(documents, steps)
