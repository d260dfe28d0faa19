"""A tiny app around one screen, and a model built by hand."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

import pytest
from textual.screen import Screen

from microgpt.config import ABILITIES
from playground.catalog import Catalog, Control, Entry, Plugin, Problem
from playground.lab.protocol.frames import Frame, Metrics
from playground.lab.protocol.run import Baseline, Matrix, RunInfo
from playground.tui.key_order import OrderedApp
from playground.tui.model import PlaygroundModel

CATALOG = Catalog(
    entries=(
        Entry("dataset", "names", "builtin", "built in", "32,469 given names, United States 2017"),
        Entry(
            "dataset", "text-file", "builtin", "built in",
            "a text file of your own: lines, paragraphs or windows",
            (
                Control("path", "file", "text", "", help="a text file in UTF-8"),
                Control("split", "split", "choice", "lines",
                        choices=("lines", "paragraphs", "windows"),
                        help="what one document is: a line, a paragraph, or a window"),
                Control("window", "window", "slider", 0, 0, 4096, 1, True, " characters",
                        neutral=0, follows="block_size", help="length of a window"),
            ),
        ),
        Entry("dataset", "haiku", "poems", "package microgpt-poems 1.2",
              "haiku of Bashō [red]in three lines[/red]",
              (Control("season", "season", "choice", "all", choices=("all", "spring", "autumn"),
                       help="only the poems of one season"),)),
        Entry("tokenizer", "char", "builtin", "built in", "one token per character"),
        Entry("tokenizer", "byte", "builtin", "built in", "the bytes of UTF-8: no text is unknown"),
        Entry("tokenizer", "word", "builtin", "built in",
              "words, spaces and signs, as they occur in training"),
        Entry("tokenizer", "bpe", "my-bpe", "/home/ann/.config/microgpt-play/plugins/bpe.py",
              "byte pairs merged by how often they meet",
              (Control("merges", "merges", "slider", 100, 1, 1000, 1, True,
                       help="how many pairs are merged"),)),
        Entry("strategy", "temperature", "builtin", "built in",
              "sharpen or flatten the chances",
              (Control("temperature", "temperature", "slider", 1.0, 0.0, 2.0, 0.05,
                       help="below 1 sharper, above 1 flatter"),)),
        Entry("strategy", "top-k", "builtin", "built in", "only the k likeliest tokens",
              (Control("top_k", "top k", "slider", 0, 0, 100, 1, True, neutral=0,
                       help="how many tokens stay"),)),
        Entry("strategy", "top-p", "builtin", "built in", "the likeliest tokens up to a sum of p",
              (Control("top_p", "top p", "slider", 1.0, 0.0, 1.0, 0.01, neutral=1.0),)),
        Entry("strategy", "min-p", "builtin", "built in", "no token below p times the likeliest",
              (Control("min_p", "min p", "slider", 0.0, 0.0, 1.0, 0.01, neutral=0.0),)),
        Entry("strategy", "repetition-penalty", "builtin", "built in",
              "tokens that were there lately become less likely",
              (Control("penalty", "penalty", "slider", 1.0, 1.0, 2.0, 0.05, neutral=1.0,
                       help="1 is none"),
               Control("window", "window", "slider", 16, 1, 64, 1, True,
                       help="tokens looked back at"))),
        Entry("strategy", "greedy", "builtin", "built in", "always the likeliest token"),
        Entry("engine", "vector", "builtin", "built in", "row by row; the fast one",
              knows=ABILITIES),
        Entry("engine", "scalar", "builtin", "built in", "one Value per number; slow, to be read",
              knows=ABILITIES),
    ),
    problems=(
        Problem("broken", "/home/ann/.config/microgpt-play/plugins/broken.py", "import",
                "SyntaxError: '(' was never closed (broken.py, line 3)",
                'Traceback (most recent call last):\n  File "broken.py", line 3\n'
                "    print(\n         ^\nSyntaxError: '(' was never closed"),
    ),
    plugins=(Plugin("builtin", "built in", "loaded", 14),),
)  # fmt: skip


@pytest.fixture
def catalog() -> Catalog:
    return CATALOG


def build_model(**spec: Any) -> PlaygroundModel:
    """The default run on names, 312 steps done."""
    from playground.lab.spec import RunSpec

    model = PlaygroundModel()
    model.catalog = CATALOG
    model.opened(
        RunInfo(
            spec=RunSpec().replace(spec).to_json(),
            dataset_title="names",
            source="given names, United States, 2017",
            licence="public domain",
            documents=32469,
            train_documents=29222,
            heldout_documents=3247,
            longest=15,
            vocabulary=tuple("abcdefghijklmnopqrstuvwxyz·"),
            vocab_size=27,
            bos_id=26,
            matrices=(Matrix("wte", 27, 16),),
            parameter_count=4192,
            block_size=16,
            n_head=4,
            baselines=(Baseline("uniform", 3.296),),
        )
    )
    model.take(
        Frame(
            state="paused",
            step=312,
            steps=1000,
            epoch=0,
            metrics=Metrics(1, array("d"), array("d"), ()),
            learning_rate=0.0069,
            base_learning_rate=0.01,
            engine=RunSpec().replace(spec).engine,
            tokens_seen=2250,
            steps_per_second=391,
            tokens_per_second=2800,
            speed=None,
        )
    )
    return model


@pytest.fixture
def make_model() -> Callable[..., PlaygroundModel]:
    """Changes of the RunSpec by dotted name -> a model of that run."""
    return build_model


@pytest.fixture
def model() -> PlaygroundModel:
    return build_model()


class Host(OrderedApp[None]):
    """Shows one screen, and keeps what it was dismissed with."""

    def __init__(self, screen: Screen[Any], theme: str = "textual-dark") -> None:
        super().__init__()
        self._shown = screen
        self.answers: list[Any] = []
        self.left = False
        self.theme = theme

    def on_mount(self) -> None:
        self.push_screen(self._shown, self.answers.append)

    def action_leave(self) -> None:
        self.left = True

    @property
    def answer(self) -> Any:
        """What the screen was dismissed with; fails if it is still there."""
        assert self.answers, "the screen is still open"
        return self.answers[-1]


@pytest.fixture
def host() -> Callable[..., Host]:
    return Host
