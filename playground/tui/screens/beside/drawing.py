"""The two columns as lines: what each model wrote, how long it took, what it cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from playground.lab.protocol.failures import Failure
from playground.lab.protocol.sampling import SampleBatch
from playground.lab.protocol.writing import Written
from playground.tui.control.beside import Ours, OursAsked, Theirs
from playground.tui.screens.inside.page import Page
from playground.tui.screens.probes.answers import prompt_words
from playground.tui.widgets.text import fit, visible
from playground.widths import wrap
from playground.words import many

GAP = 3
FREE = "nothing to pay"
UNKNOWN = "price not known"
_SEVERAL = 50
"""Columns of a column from which on its facts stand in one line."""


def seconds_words(seconds: float) -> str:
    """A time to two or three digits: "3 ms", "1.2 s", "41 s"."""
    if seconds < 0.9995:
        return f"{max(seconds * 1000, 0.1):.{0 if seconds >= 0.00995 else 1}f} ms"
    return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"


def price_words(dollars: float | None) -> str:
    """A price: "$0.12", and of less than a cent its first two digits, "$0.000012"."""
    if dollars is None:
        return UNKNOWN
    if dollars == 0:
        return FREE
    if dollars >= 0.00995:
        return f"${dollars:,.2f}"
    return "$" + f"{dollars:.{_decimals(dollars)}f}".rstrip("0")


def _decimals(dollars: float) -> int:
    """Decimals that show the first two digits; at most 12."""
    places = 1
    while dollars < 1 and places < 11:
        dollars *= 10
        places += 1
    return places


def tokens_words(written: Written) -> str:
    """ "12 tokens read, 9 written", as far as that is known; "" if nothing is."""
    parts = []
    if written.tokens_read is not None:
        parts.append(f"{many(written.tokens_read, 'token')} read")
    if written.tokens_written is not None:
        count = written.tokens_written
        parts.append(f"{count:,} written" if parts else f"{many(count, 'token')} written")
    return ", ".join(parts)


def columns(page: Page) -> tuple[Page, Page]:
    """Two empty pages that stand side by side."""
    width = (page.width - GAP) // 2
    return page.part(width, 10_000), page.part(width, 10_000)


def level(left: Page, right: Page) -> None:
    """Let what follows the first blank line of each page begin in the same line."""
    pages = [page for page in (left, right) if [] in page.lines]
    lowest = max((page.lines.index([]) for page in pages), default=0)
    for page in pages:
        at = page.lines.index([])
        page.lines[at:at] = [[] for _ in range(lowest - at)]


# ---------------------------------------------------------------- the prompt of Sampling


def draw_ours(page: Page, ours: Ours | None, prompt: str) -> None:
    """What the run's own model wrote to the prompt. page: the left column."""
    if ours is None:
        page.say("g samples")
        return
    batch = ours.batch
    drawn = sum(len(text.letters) for text in batch.texts)
    facts = [
        f"{many(len(batch.texts), 'text')}, {many(drawn, 'token')}",
        seconds_words(ours.seconds),
        FREE,
    ]
    _facts(page, f"step {batch.step:,}", facts)
    if batch.prompt != prompt:
        page.say(f"to the prompt {prompt_words(batch.prompt)}", "caution")
    page.blank()
    _batch(page, batch)


def _batch(page: Page, batch: SampleBatch) -> None:
    if batch.note:
        page.say(visible(batch.note), "caution")
    for text in batch.texts:
        shown = visible(text.text) + ("" if text.complete else "…")
        lines = wrap(shown or "(empty)", page.width)
        for line in lines[:-1]:
            page.add((line, "text"))
        ink = "good" if text.mark == "new" else "muted"
        if len(lines[-1]) + 2 + len(text.mark) <= page.width:
            page.add((lines[-1], "text"), (f"  {text.mark}", ink))
        else:
            page.add((lines[-1], "text"))
            page.add((text.mark, ink))


def draw_theirs(page: Page, theirs: Theirs | None, prompt: str) -> None:
    """What the other model wrote. page: the right column."""
    if theirs is None:
        page.say("g asks it")
        return
    if theirs.trouble is not None:
        say_trouble(page, theirs.trouble)
        return
    written = theirs.written
    if written is None:
        _facts(page, "writing", [seconds_words(theirs.waited), "esc gives up"])
        page.blank()
        _continued(page, prompt, theirs.so_far, "")
        return
    took = seconds_words(written.seconds)
    if written.first is not None:
        took += f", the first text after {seconds_words(written.first)}"
    facts = [tokens_words(written), took]
    _facts(
        page,
        visible(written.model) or "a model without a name",
        [*facts, price_words(written.dollars)],
    )
    page.blank()
    _continued(page, prompt, written.text, "" if written.ended else "… cut at a limit")


def _facts(page: Page, head: str, facts: Sequence[str]) -> None:
    """Say what is known of a text: in one line where there is room."""
    known = [one for one in (head, *facts) if one]
    if page.width >= _SEVERAL:
        page.say(" · ".join(known))
        return
    for one in known:
        page.say(one)


def _continued(page: Page, prompt: str, text: str, end: str) -> None:
    """The prompt, muted, and what follows it."""
    before = visible(prompt)
    rest = len("".join(before.split()))  # wrapping moves blanks, and nothing else
    for number, paragraph in enumerate(text.split("\n")):
        for line in wrap(("" if number else before) + visible(paragraph), page.width):
            cut = 0
            while rest and cut < len(line):
                rest -= not line[cut].isspace()
                cut += 1
            page.add((line[:cut], "muted"), (line[cut:], "text"))
    if end:
        page.say(end, "caution")


def say_trouble(page: Page, trouble: Failure) -> None:
    """Why there is no text."""
    page.say(f"✗ {visible(trouble.title)}. {visible(trouble.message)}", "bad")


# ---------------------------------------------------------------- the probes


@dataclass(frozen=True, slots=True)
class Sums:
    """What the other model took for all prompts that it has continued."""

    texts: int
    seconds: float
    dollars: float
    unknown: int
    """Texts whose price is not known."""

    @classmethod
    def of(cls, found: Iterable[Theirs]) -> Sums:
        """The sums of these."""
        written = [one.written for one in found if one.written is not None]
        known = [one.dollars for one in written if one.dollars is not None]
        seconds = sum(one.seconds for one in written)
        return cls(len(written), seconds, sum(known), len(written) - len(known))

    @property
    def price(self) -> str:
        """The price in words."""
        if self.unknown == self.texts:
            return UNKNOWN
        more = f", {self.unknown:,} not known" if self.unknown else ""
        return price_words(self.dollars) + more


def draw_probes(page: Page, asked: OursAsked | None, texts: Mapping[str, Theirs]) -> None:
    """Each probe with what both models made of it."""
    if asked is None:
        page.say("g asks")
        return
    prompts = asked.probes.prompts
    left, right = columns(page)
    answers = asked.answers
    if answers is not None:
        took = "asked there before" if asked.seconds is None else seconds_words(asked.seconds)
        _facts(left, f"step {answers.step:,}", [many(len(prompts), "prompt"), took, FREE])
    sums = Sums.of(texts[prompt] for prompt in dict.fromkeys(prompts) if prompt in texts)
    if sums.texts:
        count = f"{sums.texts:,} of {many(len(dict.fromkeys(prompts)), 'prompt')}"
        _facts(right, count, [seconds_words(sums.seconds), sums.price])
    page.beside([left, right], GAP)
    skipped = {one.number: one.reason for one in asked.skipped}
    for number, prompt in enumerate(prompts, 1):
        page.blank()
        page.add((fit(f"{number} {prompt_words(prompt)}", page.width).rstrip(), "strong"))
        left, right = columns(page)
        if number in skipped:
            left.say(f"not asked: {visible(skipped[number])}", "caution")
        elif answers is not None and number <= len(answers.answers):
            for text in answers.answers[number - 1]:
                left.say(visible(text) or "(empty)", "text")
        _probe(right, texts.get(prompt), prompt)
        page.beside([left, right], GAP)


def _probe(page: Page, theirs: Theirs | None, prompt: str) -> None:
    if theirs is None:
        page.say("not asked yet")
    elif theirs.trouble is not None:
        say_trouble(page, theirs.trouble)
    elif theirs.written is None:
        _continued(page, prompt, theirs.so_far, "writing …")
    else:
        written = theirs.written
        _continued(page, prompt, written.text, "" if written.ended else "… cut at a limit")
        page.say(f"{seconds_words(written.seconds)} · {price_words(written.dollars)}")
