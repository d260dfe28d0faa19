"""Which text of the main screen means which word: for each widget, patterns in the order in which
they are tried."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from playground.tui.explain.words import KIND_SENTENCES, SENTENCES

SILENT = ""
"""The word of what only separates: frames, the dots and commas between two pieces."""

TAKEN = "\0"
"""Stands for a character that a rule has found; the screen shows none."""
_PIECE = re.compile(rf"[^\s{TAKEN}](?:[^{TAKEN}]*[^\s{TAKEN}])?")
"""Text between spaces and what is taken."""

_NUMBER = r"[+-]?[\d,.]+(?:e[+-]?\d+)?|nan|[+-]?inf"
_LINES = r"(?:uniform|unigram|bigram|trigram)"


class Rule(NamedTuple):
    """Text that matches `pattern` means the word of that name."""

    pattern: re.Pattern[str]
    word: str


class Span(NamedTuple):
    """A piece of a line, from character `start` to `stop` - 1, and what it means."""

    start: int
    stop: int
    word: str


def _rules(*pairs: tuple[str, str]) -> tuple[Rule, ...]:
    return tuple(Rule(re.compile(pattern), word) for pattern, word in pairs)


def spans(line: str, rules: Iterable[Rule]) -> list[Span]:
    """The pieces of a line that mean something, from left to right. What an earlier rule has found
    is not for a later one, which gets the rest of what it matches."""
    found: list[Span] = []
    free = line
    for rule in rules:
        for match in rule.pattern.finditer(line):
            for piece in _PIECE.finditer(free, *match.span()):
                start, stop = piece.span()
                found.append(Span(start, stop, rule.word))
                free = f"{free[:start]}{TAKEN * (stop - start)}{free[stop:]}"
    return sorted(found)


def _prose(*texts: str) -> str:
    """A pattern for the words of these texts, however they are wrapped."""
    words = {re.escape(word) for text in texts for word in text.split()}
    word = rf"(?:{'|'.join(sorted(words, key=len, reverse=True))})(?!\S)"
    return rf"(?<!\S){word}(?: {word})*"


_RECORDED_LINE = _rules(
    (r"^›", "focus"),
    (r"step [\d,]+(?: of [\d,]+)?|[\d,]+ of [\d,]+$|[\d,]+$", "timeline step"),
    (r"●", "here"),
    (r"○", "target"),
    (r"◆", "edit"),
    (r"┴", "fork"),
    (r"·", "sampled"),
    (r"━+", "recorded"),
    (r"─+", "ahead"),
)

_READ_OUT = (r"^\W*step [\d,]+(?=  \w| ?─*╯)", "read out")

RULES: dict[str, tuple[Rule, ...]] = {
    "title": _rules(
        (r"^ ?microgpt-play", "program"),
        (r"✗ not recorded", "not recorded"),
        (r"(?<= · )[\d.,]+ parameters", "parameters"),
        (r"(?<= · )\d+ layers?, (?:\d+ heads, )?\d+ wide", "shape"),
        (r"(?<= · )without [a-z, ]+(?= · |$)", "without"),
        (r"(?<= · )SGD(?= · |$)", "SGD"),
        (r"(?<= · )\S+ engine", "engine"),
        (r"[\d.,]+× scalar", "scalar"),
        (r"(?<= · )seed -?\d+", "seed"),
        (r"(?<= · )run \d+(?: .+)?", "run"),
        (r"[\d,]+ tokens", "tokens"),
        (r"(?<= · )[^,·]+(?=, )", "tokenizer"),
        (r"(?<=   ).+?(?= · |$)", "dataset"),
        (r" · |, ", SILENT),
    ),
    "status": _rules(
        (r"◌.*", "under way"),
        (r"waiting for its answer, \d+ s|going to step .*esc stops|starting …", "under way"),
        (r"[○▶‖✓✗] (?:ready|running|paused|finished|failed)", "state"),
        (r"step [\d,]+/[\d,]+", "step"),
        (r"[━╾─]+ +\d+%", "progress"),
        (rf"(?<!\w)loss (?:{_NUMBER})", "loss"),
        (rf"ema (?:{_NUMBER})", "ema"),
        (rf"held out (?:{_NUMBER})", "held out"),
        (r"held: .+?(?=  |$)", "held still"),
        (r"± [\d.]+", "error"),
        (rf"lr (?:{_NUMBER})", "lr"),
        (r"[\d.]+[kMG]? steps/s", "steps/s"),
        (r"[\d.]+[kMG]? tok/s", "tok/s"),
        (r"[\d:]+ left", "left"),
        (r"speed (?:flat out|[\d.]+ a second)", "speed"),
    ),
    "sentence": _rules(
        (r"held out(?: [\d.]+)?|Held out", "held out"),
        (r"± [\d.]+", "error"),
        (r"ema(?!\w)|(?:the|The) average", "ema"),
        (r"nats(?: a token)?", "nats"),
        (r"(?:a|than a) blind guess", "blind guess"),
        (r"uniform(?: [\d.]+)?", "uniform"),
        (r"letter counting|unigram(?: [\d.]+)?", "unigram"),
        (r"counting pairs|bigram(?: [\d.]+)?", "bigram"),
        (r"counting triples|trigram(?: [\d.]+)?", "trigram"),
        (r"Made up: “.*?”\.?", "made up"),
        (r"\S+(?: \S+)*", "sentence"),
    ),
    "dataset-counts": _rules(
        (r"[\d,]+ documents?(?:, [\d,]+ different)?(?= *$)", "documents"),
        (r"^.+?(?=  |$)", "dataset"),
    ),
    "dataset-notices": _rules((r"\S.*", "notice")),
    "dataset-before": _rules((r"^ *[\d,]+", "number"), (r"\S.*", "document")),
    "dataset-current": _rules(
        (r"^ *[\d,]+", "number"),
        (r"[\d.]+ nats(?= *$)", "mean"),
        (r"up next(?= *$)", "up next"),
        (r"\S.*", "document"),
    ),
    "dataset-after": _rules((r"^ *[\d,]+", "number"), (r"\S.*", "document")),
    "dataset-tiles": _rules(
        (r"(?<!\S)\d+\.\d+(?!\S)", "surprise"),
        (r"…\+\d+", "cut"),
        (r"(?<!\S)·(?!\S)", "end"),
        (r"\S+", "token"),
    ),
    "dataset-beyond": _rules((r"\S.*", "beyond")),
    "dataset-vocabulary": _rules(
        (r"^ ?vocabulary +[\d,]+ tokens", "vocabulary"),
        (r"and [\d,]+ more", "vocabulary"),
        (r"(?<!\S)·(?!\S)", "end"),
        (r"\S+(?: \S+)*", "vocabulary"),
    ),
    "loss-chart": _rules(
        (r"⡇ loss(?: [\d.–]+)?", "loss curve"),
        (r"━ ema(?: [\d.–]+)?", "ema curve"),
        (r"◆ held out(?: [\d.–]+)?", "diamond"),
        *(
            (rf"{name}(?: on train)?(?: {_NUMBER})?", name)
            for name in ("uniform", "unigram", "bigram", "trigram")
        ),
        (r"no data yet", "no data"),
        (r"^ *[\d.,e+-]+[kM]? ┤", "nats axis"),
        (r"^ *[┤│]", SILENT),
        (r"^ *└[┬─┴]*", "steps axis"),
        (r"^ *(?:[\d,.]+[kM]? *)+$", "steps axis"),
        (r"┄+", "baseline"),
        (r"◆", "diamond"),
        (r"│", "cursor"),
        (r"[\u2800-\u28ff]+", "curve"),
    ),
    "timeline": _RECORDED_LINE,
    "parameters-line": _rules(
        (r"layer\d+(?=\.)", "layer"),
        *((rf"(?<![\w]){name}(?!\w)", name) for name in SENTENCES),
        (r"\d+×\d+", "size"),
        (r"‹weights›|(?<= )weights(?= |$)", "weights"),
        (r"‹grads›|(?<= )grads(?= |$)", "gradients"),
        (r"‹Δ›|(?<= )Δ(?= |$)", "update"),
        (r"‹m›|(?<= )m(?= |$)", "first_moment"),
        (r"‹v›|(?<= )v(?= |$)", "second_moment"),
        (r"\.|\d+ of \d+", SILENT),
    ),
    "parameters-map": _rules(
        (r"(?:rows|cols|r|c) \d+–\d+(?: of |/)\d+|\d+×\d+ in one.*", "sight"),
        (rf"^ *-(?:{_NUMBER}) .* \+(?:{_NUMBER})|^±.*", "scale"),
        (r"▀[▀ ]*", "colours"),
        (r"^[^\s▀]{1,5}(?= *▀)|^[^\s▀] ?(?= *[·░▒▓█╌─═≡▤?])", "labels"),
        (r"[·░▒▓█╌─═≡▤?][·░▒▓█╌─═≡▤? ]*", "colours"),
        (r"^\S{1,5}(?= |$)", "labels"),
    ),
    "parameters-name": _rules(
        (r"weight", "weight"), (r"gradient", "gradient"), (r"update", "update"),
        (r"Adam m", "first_moment"), (r"Adam v", "second_moment"),
    ),
    "parameters-readout": _rules(
        (r"\[\d+, \d+\]", "cell"),
        (rf"weight +(?:{_NUMBER})", "weight"),
        (rf"gradient +(?:{_NUMBER})", "gradient"),
        (rf"update +(?:{_NUMBER})", "update"),
        (rf"Adam m +(?:{_NUMBER})", "first_moment"),
        (rf"Adam v +(?:{_NUMBER})", "second_moment"),
        (r"(?:(?:query|key|value) of|from) head \d+\.\d+|head \d+\.\d+", "head"),
        (r"(?:from )?neuron \d+", "neuron"),
        (r"channel \d+", "channel"),
        (r"position \d+", "position"),
        (r"(?<=  )token BOS|\(begin, end\)|\(begin,|end\)", "end"),
        (r"^ ?row  token \S+", "row"),
        (r"^ ?row(?=  )", "row"),
        (r"^ ?col(?=  )", "column"),
        (_prose(*SENTENCES.values(), *KIND_SENTENCES.values()), "meaning"),
    ),
    "sampling-prompt-label": _rules((r"prompt", "prompt")),
    "sampling-prompt": _rules((r"\S.*", "prompt")),
    "sampling-next": _rules(
        (r"│ raw", "raw"),
        (r"next token(?= )", "next"),
        (r"at the start|after “.*”", "where"),
        (r"(?<!raw).*", "trouble"),
    ),
    "sampling-bars": _rules(
        (r"… [\d,]+ more, [\d.]+ in all", "rest"),
        (r"^[ ▸]\S+", "candidate"),
        (r"\d\.\d\d$", "chance"),
        (r"│", "raw"),
        (r"[█▏▎▍▌▋▊▉]+", "bar"),
    ),
    "sampling-texts": _rules(
        (r"g samples now;(?: every 100)?|every 100 steps too|steps too(?= *$)", "none yet"),
        (r"^step [\d,]+(?: .*)?", "batch"),
        (r"(?<= )new *$", "new"),
        (r"(?<= )in data *$", "in data"),
        (r"(?<= )recited *$", "recited"),
        (r"…(?= |$)", "cut"),
        (r"\S.*?(?= +(?:new|in data|recited) *$)", "sample"),
    ),
    "film-heading": _rules((r"\S.*", "film")),
    "film-sheet": _rules(
        (r"^▸", "film here"),
        (r"^.? *[\d,]+(?=  |$)", "film step"),
        (r"(?<=    )\d+\.\d+(?: [█▏▎▍▌▋▊▉]+)?(?= *$)", "film loss"),
        (r"·(?= |$)", "end"),
        (r"…(?= |$)", "cut"),
        (r"\S+(?: \S+)*", "sample"),
    ),
}  # fmt: skip
"""The rules of the widgets of the main screen, by the widgets' ids."""

RULES["parameters-other-name"] = RULES["parameters-name"]
RULES["parameters-other-map"] = RULES["parameters-map"]

CONTROL = _rules(
    (r"^›", "focus"),
    (r"[━─]*●[━─]*", "track"),
    (rf"(?<= )(?:off|{_NUMBER})(?= *$)", "value"),
)
"""The rules of a control in the sampling panel, but for its label."""
LABELS = {
    "temperature": "temperature",
    "repetition": "repetition",
    "repetition-penalty": "repetition",
    "top-k": "top-k",
    "top-p": "top-p",
    "min-p": "min-p",
}
"""The word of a control by its label; other labels are of the knobs of a plugin."""

_FRAME = ((r"[╭╮╰╯│─]+", SILENT),)

FRAMES: dict[int, tuple[Rule, ...]] = {
    1: _rules(
        (r"[\d,]+ train|[\d,]+(?= \+ )", "train"), (r"[\d,]+ held(?: out)?", "held"),
        (r"[·+]", SILENT), *_FRAME,
    ),
    2: _rules(
        (r"⡇ loss(?=  )", "loss curve"), (r"━ ema(?=  )", "ema curve"),
        (r"◆ held out", "diamond"), (r"nats a token(?:, by steps)?", "nats"), _READ_OUT,
        (rf"(?:loss|ema|held out) (?:{_NUMBER})(?: ± [\d.]+)?", "read out"), *_FRAME,
    ),
    3: _rules(
        (r"\[\d+,\d+\](?= )", "cell"), (rf"(?<=\] )(?:{_NUMBER})", "weight"),
        (rf"grad (?:{_NUMBER})", "gradient"), *_FRAME,
    ),
    4: _rules(*_FRAME),
    5: _rules(*_FRAME),
}  # fmt: skip
"""The rules of the frame of each panel; its number and title are the panel itself."""


def rules_for_labels(labels: Sequence[str], word: str) -> tuple[Rule, ...]:
    """Rules for words that a plugin or a chosen metric brought."""
    return tuple(Rule(re.compile(rf"(?<!\S){re.escape(one)}(?!\S)"), word) for one in labels if one)
