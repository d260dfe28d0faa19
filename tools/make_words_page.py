"""Write docs/words.md: every word and sign of the main screen, from the playground's own sentences.

    python tools/make_words_page.py [--check]

The sentences are those of playground/tui/explain/words.py, which the screen shows as well. With
--check nothing is written: the exit code is 1 if the page would change.
"""

from __future__ import annotations

import sys
from pathlib import Path

from playground.tui.explain.words import PART_NAMES, WORDS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "words.md"
HEAD = """\
<!-- Made by tools/make_words_page.py from playground/tui/explain/words.py: change the sentences
there and run `make docs`. -->
# Every word and sign of the main screen

Rest the mouse on a word or a sign, and its explanation appears beside it. Without a mouse, `.`
walks over the words of the chosen panel: the arrow keys go from one to the next, `tab` and the
numbers go to another panel, `esc` ends. The line above the panels explains the word that is marked.
`?` shows the words of a panel all at once. The tables here are made from the same sentences, and a
test reads the screen and fails if a word on it has none.

Each key in the last line of the screen explains itself in the same two ways.
"""


def page() -> str:
    """The page as it shall be."""
    lines = [HEAD]
    for part, words in WORDS.items():
        lines += [f"## {PART_NAMES[part]}", "", "| on the screen | what it means |", "|---|---|"]
        lines += [f"| {cell(word.name)} | {cell(word.whole)} |" for word in words.values()]
        lines.append("")
    return "\n".join(lines)


def cell(text: str) -> str:
    """A text within a table."""
    return text.replace("|", r"\|").replace("[", r"\[")


def main() -> int:
    new = page()
    if "--check" in sys.argv[1:]:
        return int(not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != new)
    PAGE.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
