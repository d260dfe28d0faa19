"""Small corpora that tokenizers are trained on, and texts that none of them holds."""

from __future__ import annotations

import random
from collections.abc import Sequence

NAMES = ("emma", "olivia", "ava", "anna", "ann", "hannah", "aoife", "x", "oo")

CORPORA: dict[str, tuple[str, ...]] = {
    "names": NAMES,
    "sentences": (
        "The cat sat on the mat, didn't it?",
        "  two  spaces, a tab\tand a full stop. ",
        "1 + 1 = 2; 10% of 3.50",
        "the mat sat on the cat",
    ),
    "many scripts": (
        "Ångström na\u0308ive cafe\u0301",  # marks apart from their letters
        "ÅÄÖ straße ǅ İstanbul",
        "日本語のテキスト",
        "مرحبا بالعالم \u200fשלום",
        "नमस्ते दुनिया",
        "👩‍👩‍👧 🇫🇮 👍🏽 ok",
        "Ω\u2126 ﬁ fi",  # look alike, and are not the same
        "two\nlines\r\nand\u00a0more\u2028",
    ),
    "one document": ("abracadabra",),
    "duplicates": ("ba", "ab", "ba", "ba", "ab", "abba"),
}

STRANGERS = ("\u2603", "\U00012000", "\u0416")
"""Characters that no corpus holds: a snowman, a cuneiform sign beyond the first plane, a Cyrillic
letter."""


def random_texts(letters: Sequence[str], count: int) -> list[str]:
    """`count` texts of these characters, up to 12 long, always the same; none without letters."""
    rng = random.Random(len(letters))
    if not letters:
        return []
    return ["".join(rng.choices(letters, k=rng.randint(1, 12))) for _ in range(count)]
