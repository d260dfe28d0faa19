"""The metrics that come with the playground, each on its own."""

from __future__ import annotations

import re
import signal
import threading

import pytest

from playground.api import SampleFacts
from playground.hooks.errors import KnobError
from playground.hooks.manager import load
from playground.hooks.sources import PluginSources

REGISTRY = load(PluginSources(entry_points=False))
DISASTER = "(a+)+b"
LONG = "a" * 60
"""On which that takes 2 to the power of 60 attempts."""


def valid_share(*texts: str, **knobs: str) -> float | None:
    metric = REGISTRY.make("metric", "valid-share", knobs)
    return metric.of_samples(SampleFacts(7, texts, (False,) * len(texts)))  # type: ignore[union-attr]


def test_the_share_of_texts_that_the_rule_allows_is_counted() -> None:
    assert valid_share("anna", "bob", "c3po", "D") == 0.5
    assert valid_share("anna", "bob", "c3po", "D", rule=".*[0-9].*|D") == 0.5
    assert valid_share("anna", "ann", rule="ann") == 0.5, "from end to end"
    assert valid_share("anna\n", rule="anna") == 0.0
    assert valid_share("") == 0.0 and valid_share("", rule="") == 1.0


def test_a_recited_text_is_not_new_where_it_is_known_which_texts_are_recited() -> None:
    metric = REGISTRY.make("metric", "new-share", {})
    three, in_data = ("anna", "the quick br", "xo"), (True, False, False)
    assert metric.of_samples(SampleFacts(7, three, in_data, (False, True, False))) == 1 / 3  # type: ignore[union-attr]
    assert metric.of_samples(SampleFacts(7, three, in_data)) == 2 / 3  # type: ignore[union-attr]
    assert metric.of_samples(SampleFacts(7, (), ())) is None  # type: ignore[union-attr]


def test_no_texts_have_no_share() -> None:
    assert valid_share() is None


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("[a-z", "no regular expression: unterminated character set, at character 1"),
        ("ab(", "missing ), unterminated subpattern, at character 3"),
        ("*a", "nothing to repeat, at character 1"),
        ("x" * 1001, "has 1,001 characters; at most 1,000"),
        ("a{99999999999999}", "take smaller repetitions"),
    ],
)
def test_a_rule_that_cannot_be_read_is_refused_by_its_knob_in_words(rule: str, said: str) -> None:
    with pytest.raises(KnobError) as caught:
        REGISTRY.validate("metric", "valid-share", {"rule": rule})
    assert caught.value.field == "rule" and said in caught.value.message


def test_a_rule_with_commas_can_be_said_on_the_command_line() -> None:
    entry, options = REGISTRY.parse_choice("metric", 'valid-share:rule="[a-z]{2,5}"')
    assert entry.name == "valid-share" and valid_share("anna", "x", **options) == 0.5  # type: ignore[arg-type]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer here: the watchdog is left")
def test_a_rule_that_would_take_for_ever_is_stopped_and_explained() -> None:
    with pytest.raises(ValueError, match=re.escape("(a+)+, does that")) as caught:
        valid_share("ab", LONG, rule=DISASTER)
    assert "'aaaaaaa" in str(caught.value)
    assert signal.getsignal(signal.SIGVTALRM) is signal.SIG_DFL, "all is as it was before"
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)
    assert valid_share("ab", LONG) == 1.0


def test_texts_without_end_count_as_not_valid() -> None:
    assert valid_share("a" * 10_001, "a" * 10_000) == 0.5


def test_a_rule_works_in_a_thread_too() -> None:
    found: list[float | None] = []
    thread = threading.Thread(target=lambda: found.append(valid_share("anna", "X")))
    thread.start()
    thread.join()
    assert found == [0.5]
