"""What the figures of a score say, in plain words. Nothing here is said without a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from playground.lab.score.competitors import COUNTS
from playground.lab.score.interval import Figure

MOSTLY = 0.5
"""Share of recited samples from which on a model is said to recite."""


def verdict(
    bits: Figure | None,
    unit: str,
    differences: Mapping[str, Figure],
    whole: Figure | None,
    recited: Figure | None,
    reference: Figure | None,
) -> str:
    """One sentence, or two.

    bits: what the model needs for unseen texts; None if none are held out. unit: of `bits`.
    differences: by competitor, what the model needs more than it; below 0 is better. whole,
    recited: shares of the samples that are training documents, and that are recited, whole or in
    pieces; None without samples. reference: share of held-out texts that pieces of training
    documents cover as well, as in a text of few phrases.
    """
    copies = whole is not None and whole.value >= MOSTLY
    in_pieces = recited is not None and recited.value >= MOSTLY
    usual = reference is not None and reference.value >= (recited.low if recited else 0.0)
    said = []
    if recited is not None and (copies or (in_pieces and not usual)):
        said.append(
            f"It recites: {recited.value:.0%} of its samples (95 % {recited.low:.0%} to "
            f"{recited.high:.0%}) are training texts, whole or in long pieces."
        )
    if bits is None:
        said.append(
            "No unseen text is held out, so how good it is on new text is not known: train with "
            "--holdout 0.1, on more different texts if these are few."
        )
    else:
        said.append(_on_unseen(bits, unit, differences))
    return " ".join(said)


def _on_unseen(bits: Figure, unit: str, differences: Mapping[str, Figure]) -> str:
    better = [name for name in COUNTS if differences[name].high < 0]
    worse = [name for name in COUNTS if differences[name].low > 0]
    same = [name for name in COUNTS if name not in better and name not in worse]
    begin = f"On text it has not seen it needs {bits.value:.2f} {unit}"
    parts = []
    if "unigram" not in better:
        parts.append("no better than counting single tokens")
    if better:
        parts.append(f"better than {_listed(better)}")
    if same:
        parts.append(f"not told apart from {_listed(same)}")
    if worse:
        parts.append(f"worse than {_listed(worse)}")
    return f"{begin}: {', '.join(parts)}."


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
