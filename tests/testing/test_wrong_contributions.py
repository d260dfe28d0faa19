"""The kit can fail for every kind: every fault is caught by the check that is about it."""

from __future__ import annotations

import gc
import random
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from playground.api import Contribution
from playground.catalog import KINDS
from playground.testing import (
    ContractError,
    checks_of,
    contribution_checks,
    datasets,
    run_checks,
    smoke_checks,
    strategies,
    tokenizers,
)
from playground.testing import writers as writer_kit
from tests.testing import wrong_datasets as data
from tests.testing import wrong_lessons as lessons
from tests.testing import wrong_lookers as looks
from tests.testing import wrong_strategies as picks
from tests.testing import wrong_tokenizers as words
from tests.testing import wrong_writers as writers

STREAMING = (
    "first-document-soon",
    "iterated-again-alike",
    "closed-early",
    "count-is-true",
    "prepared-again-alike",
)

WRONG = [
    # (kind, what is wrong, the check that is about it, checks that may notice it too)
    ("strategy", picks.CannotBeStrong, "is-made", ()),
    ("strategy", picks.NoMethod, "is-made", ()),
    ("strategy", picks.TransformsAndPicks, "is-made", ()),
    ("strategy", picks.NeedsATextAfterBos, "takes-any-logits", ()),
    ("strategy", picks.Overflows, "takes-any-logits", ()),
    ("strategy", picks.LeavesBosOut, "a-logit-for-each-token", ("neutral-changes-nothing",)),
    (
        "strategy",
        picks.GivesBooleans,
        "a-logit-for-each-token",
        ("ruled-out-stays-ruled-out", "neutral-changes-nothing"),
    ),
    ("strategy", picks.SubtractsInfinity, "logits-stay-numbers", ("neutral-changes-nothing",)),
    ("strategy", picks.BarsWhatIsThere, "one-token-is-left", ("neutral-changes-nothing",)),
    ("strategy", picks.BringsBack, "ruled-out-stays-ruled-out", ()),
    ("strategy", picks.SortsInPlace, "arguments-stay-as-they-are", ()),
    (
        "strategy",
        picks.CountsItsCalls,
        "same-seed-same-result",
        ("randomness-from-the-context-only", "neutral-changes-nothing"),
    ),
    (
        "strategy",
        picks.DrawsFromAnywhere,
        "randomness-from-the-context-only",
        ("neutral-changes-nothing",),
    ),
    ("strategy", picks.SeedsTheWorld, "global-random-state", ()),
    ("strategy", picks.Talks, "quiet", ()),
    ("strategy", picks.NeverNeutral, "neutral-changes-nothing", ()),
    ("strategy", picks.PicksAnything, "picks-a-possible-token", ()),
    ("strategy", picks.PicksOneTooFar, "picks-a-possible-token", ()),
    ("strategy", picks.PicksAProbability, "picks-a-possible-token", ()),
    (
        "strategy",
        picks.PicksByItsOwnChance,
        "same-seed-same-result",
        ("randomness-from-the-context-only",),
    ),
    ("strategy", picks.ClearsTheProbabilities, "arguments-stay-as-they-are", ()),
    ("tokenizer", words.NoDisplay, "is-made", ()),
    ("tokenizer", words.ReadsTwice, "round-trip", ()),
    ("tokenizer", words.BosBeyondTheVocabulary, "trains", ()),
    ("tokenizer", words.LowersCase, "round-trip", ()),
    ("tokenizer", words.ForgetsTheLastDocument, "round-trip", ()),
    ("tokenizer", words.KnowsNothing, "round-trip", ()),
    ("tokenizer", words.GivesTuples, "ids-in-range", ("empty-text",)),
    ("tokenizer", words.IdsFromOne, "ids-in-range", ()),
    ("tokenizer", words.BeginsWithBos, "bos-apart", ()),
    ("tokenizer", words.SpellsBos, "bos-apart", ()),
    ("tokenizer", words.EndsWithAnEnd, "empty-text", ()),
    ("tokenizer", words.HasOneForUnknown, "unknown-text", ()),
    ("tokenizer", words.CountsFromOne, "unknown-text", ()),
    ("tokenizer", words.AlwaysTheFirst, "unknown-text", ()),
    ("tokenizer", words.RaisesKeyError, "unknown-text", ("vocabulary-stays",)),
    ("tokenizer", words.ShowsControlCharacters, "display-can-be-shown", ()),
    ("tokenizer", words.NoNameForBos, "display-can-be-shown", ()),
    ("tokenizer", words.StateOfBytes, "state-through-json", ()),
    ("tokenizer", words.LosesTheOrder, "state-through-json", ()),
    ("tokenizer", words.InAnyOrderAndLoaded, "same-documents-same-ids", ()),
    ("tokenizer", words.Seeds, "global-random-state", ()),
    ("tokenizer", words.Talks, "quiet", ()),
    (
        "tokenizer",
        words.LearnsOn,
        "vocabulary-stays",
        ("unknown-text", "state-through-json", "same-documents-same-ids"),
    ),
    ("dataset", data.NoCount, "is-made", ()),
    ("dataset", data.FailsWithoutAWord, "prepares-or-says-why", ()),
    ("dataset", data.RaisesOSError, "prepares-or-says-why", ()),
    ("dataset", data.DownloadsBluntly, "prepares-or-says-why", ()),
    ("dataset", data.HasEmptyDocuments, "documents-are-texts", ()),
    ("dataset", data.GivesBytes, "documents-are-texts", ()),
    ("dataset", data.GivesAList, "documents-are-texts", STREAMING),
    (
        "dataset",
        data.HasNone,
        "documents-are-texts",
        ("first-document-soon", "closed-early"),
    ),
    (
        "dataset",
        data.ReadsOnce,
        "iterated-again-alike",
        ("closed-early", "prepared-again-alike"),
    ),
    ("dataset", data.OneIterator, "iterated-again-alike", ()),
    (
        "dataset",
        data.ClosesForGood,
        "closed-early",
        STREAMING,
    ),
    ("dataset", data.CountsWrongly, "count-is-true", ()),
    ("dataset", data.CountsInWords, "count-is-true", ()),
    ("dataset", data.NoLicence, "provenance-is-said", ()),
    ("dataset", data.OddChecksum, "provenance-is-said", ()),
    ("dataset", data.ProvenanceIsAMethod, "provenance-is-said", ()),
    ("dataset", data.LooksItUpLater, "no-network-outside-prepare", ()),
    ("dataset", data.CannotBeCancelled, "prepare-can-be-cancelled", ()),
    ("dataset", data.CallsItAFault, "prepare-can-be-cancelled", ()),
    ("dataset", data.SaysPercent, "prepare-can-be-cancelled", ()),
    ("dataset", data.WritesWhereItIs, "writes-to-its-cache-only", ()),
    ("dataset", data.Shuffles, "global-random-state", ()),
    ("dataset", data.Talks, "quiet", ()),
    ("dataset", data.UsesUpItsCache, "prepared-again-alike", ()),
    ("dataset", data.Grows, "prepared-again-alike", ()),
    ("schedule", looks.NoFactor, "is-made", ()),
    ("schedule", looks.DividesByZero, "factors-are-numbers", ()),
    ("schedule", looks.GoesBelowZero, "factors-are-numbers", ()),
    ("schedule", looks.SaysNan, "factors-are-numbers", ()),
    ("schedule", looks.Halves, "factors-depend-on-the-step-only", ()),
    (
        "schedule",
        looks.Jitters,
        "factors-depend-on-the-step-only",
        ("global-random-state",),
    ),
    ("schedule", looks.Jitters, "global-random-state", ("factors-depend-on-the-step-only",)),
    ("schedule", looks.LooksAround, "factors-depend-on-the-step-only", ()),
    ("schedule", looks.TalkingSchedule, "quiet", ("factor-is-quick",)),
    ("schedule", looks.SlowSchedule, "factor-is-quick", ()),
    ("metric", looks.Neither, "is-made", ()),
    ("metric", looks.NeedsSamples, "a-number-or-none", ()),
    ("metric", looks.NeedsFiniteLosses, "a-number-or-none", ()),
    ("metric", looks.SaysYes, "a-number-or-none", ()),
    ("metric", looks.SortsThem, "facts-stay-as-they-are", ()),
    ("metric", looks.DrawingMetric, "global-random-state", ()),
    ("metric", looks.TalkingMetric, "quiet", ()),
    ("panel", looks.NoRender, "is-made", ()),
    ("panel", looks.NeedsLosses, "lines-that-fit", ()),
    ("panel", looks.OneLineTooMany, "lines-that-fit", ()),
    ("panel", looks.OneText, "lines-that-fit", ()),
    ("panel", looks.LineBreaks, "lines-that-fit", ()),
    ("panel", looks.NumbersForLines, "lines-that-fit", ()),
    ("panel", looks.EmptiesTheLosses, "facts-stay-as-they-are", ()),
    ("panel", looks.DrawingPanel, "global-random-state", ()),
    ("panel", looks.TalkingPanel, "quiet", ()),
    ("panel", looks.SlowPanel, "render-is-quick", ()),
    ("exporter", looks.NoExport, "is-made", ()),
    ("exporter", looks.WritesNothing, "writes-something", ()),
    ("exporter", looks.OrdinaryRunsOnly, "writes-something", ()),
    ("exporter", looks.RefusesWithoutAWord, "writes-something", ()),
    ("exporter", looks.TakesNamesForPaths, "writes-something", ()),
    ("exporter", looks.OnlyOnce, "replaces-what-was-there", ()),
    ("exporter", looks.WritesBeside, "writes-nowhere-else", ()),
    ("exporter", looks.WritesWhereItIs, "writes-nowhere-else", ()),
    ("exporter", looks.ClearsTheRun, "run-stays-as-it-is", ()),
    ("exporter", looks.CannotBeCancelled, "can-be-cancelled", ()),
    ("exporter", looks.CallsItAFault, "can-be-cancelled", ()),
    ("exporter", looks.ProgressInWords, "can-be-cancelled", ()),
    ("exporter", looks.DrawingExporter, "global-random-state", ()),
    ("exporter", looks.TalkingExporter, "quiet", ()),
    ("lesson", lessons.cannot_be_made, "is-made", ()),
    ("lesson", lessons.no_lesson, "is-a-lesson", ()),
    ("lesson", lessons.no_title, "is-a-lesson", ()),
    ("lesson", lessons.one_step, "is-a-lesson", ()),
    ("lesson", lessons.odd_step, "is-a-lesson", ()),
    ("lesson", lessons.keeps_a_list, "is-a-lesson", ()),
    ("lesson", lessons.unknown_setting, "is-a-lesson", ()),
    ("lesson", lessons.impossible_setting, "is-a-lesson", ()),
    ("lesson", lessons.own_data, "is-a-lesson", ()),
    ("lesson", lessons.hardest_is_later, "is-a-lesson", ()),
    ("lesson", lessons.needs_a_loss, "speaks-at-every-moment", ()),
    ("lesson", lessons.needs_held_out, "speaks-at-every-moment", ()),
    ("lesson", lessons.needs_an_e, "speaks-at-every-moment", ()),
    ("lesson", lessons.tells_a_number, "speaks-at-every-moment", ()),
    ("lesson", lessons.says_one_for_true, "speaks-at-every-moment", ()),
    ("lesson", lessons.one_choice, "speaks-at-every-moment", ()),
    ("lesson", lessons.points_fall, "speaks-at-every-moment", ()),
    ("lesson", lessons.forgets_after_going_back, "speaks-at-every-moment", ()),
    ("lesson", lessons.quotes_the_document, "texts-fit", ()),
    ("lesson", lessons.long_labels, "texts-fit", ()),
    ("lesson", lessons.beyond_the_choices, "answers-fit-their-questions", ()),
    ("lesson", lessons.answers_nan, "answers-fit-their-questions", ()),
    ("lesson", lessons.outside_of_the_table, "answers-fit-their-questions", ()),
    ("lesson", lessons.too_few_values, "answers-fit-their-questions", ()),
    ("lesson", lessons.stores_the_answer, "answers-are-computed", ()),
    ("lesson", lessons.done_already, "nothing-is-done-beforehand", ()),
    ("lesson", lessons.empties_the_losses, "facts-stay-as-they-are", ()),
    ("lesson", lessons.counts_its_calls, "same-answer-twice", ()),
    ("lesson", lessons.draws, "global-random-state", ("same-answer-twice",)),
    ("lesson", lessons.talks, "quiet", ()),
    ("lesson", lessons.slow_condition, "conditions-are-quick", ()),
    ("writer", writers.NoOutlet, "is-made", ()),
    ("writer", writers.OutletInWords, "outlet-is-said", ()),
    ("writer", writers.NoScheme, "outlet-is-said", ()),
    ("writer", writers.SendsNothing, "outlet-is-said", ()),
    ("writer", writers.SendsOneText, "outlet-is-said", ()),
    ("writer", writers.KeyOfTwoLines, "outlet-is-said", ()),
    ("writer", writers.Wanders, "outlet-stays-as-it-is", ()),
    ("writer", writers.SlowOutlet, "outlet-is-quick", ()),
    ("writer", writers.LooksItUp, "no-network-before-write", ()),
    ("writer", writers.SendsAsItIsMade, "no-network-before-write", ()),
    ("writer", writers.ShowsTheKey, "key-is-not-shown", ()),
    ("writer", writers.NeedsAPrompt, "continues-or-refuses", ()),
    ("writer", writers.RefusesWithoutAWord, "continues-or-refuses", ()),
    ("writer", writers.GivesAText, "continues-or-refuses", ()),
    ("writer", writers.GivesBytes, "continues-or-refuses", ()),
    ("writer", writers.EndedIsAReason, "continues-or-refuses", ()),
    ("writer", writers.CountsInWords, "counts-are-numbers", ()),
    ("writer", writers.CountsBelowZero, "counts-are-numbers", ()),
    ("writer", writers.PriceIsNan, "counts-are-numbers", ()),
    ("writer", writers.TellsPieces, "tells-the-text-so-far", ()),
    ("writer", writers.TellsBytes, "tells-the-text-so-far", ()),
    ("writer", writers.CannotBeGivenUp, "can-be-given-up", ()),
    ("writer", writers.CallsItAFault, "can-be-given-up", ()),
    ("writer", writers.SendsUnsaid, "sends-nothing-unsaid", ()),
    ("writer", writers.SendsADatagram, "sends-nothing-unsaid", ()),
    ("writer", writers.KeepsADiary, "writes-no-files", ()),
    ("writer", writers.Draws, "global-random-state", ()),
    ("writer", writers.Talks, "quiet", ()),
]

OTHERWISE = {"quick-enough", "trains-quickly", "first-document-soon"}
"""Checks whose failure has a test of its own, because a clock has to be moved."""


def contribution(factory: Callable[..., object]) -> Contribution:
    cold = isinstance(factory, type) and issubclass(factory, picks.Cold)
    knobs = picks.PowerKnobs if cold else None
    return Contribution("wrong", "wrong in one way", factory, knobs)


def failures(kind, factory, checks=contribution_checks) -> dict[str, str]:
    """The names of failed checks and their messages."""
    findings = run_checks(checks(kind, contribution(factory)))
    return {found.check.name: found.message for found in findings if found.outcome == "failed"}


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    """The current folder is a new one, since some contributions write to it."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("kind", "factory", "about", "also"),
    WRONG,
    ids=[f"{kind}-{factory.__name__}-{about}" for kind, factory, about, _ in WRONG],
)
def test_a_fault_is_caught_by_the_check_that_is_about_it(kind, factory, about, also):
    failed = failures(kind, factory)
    assert about in failed
    assert set(failed) <= {about, *also}
    for part in ("Promised: ", "Found: ", "To do: "):
        assert part in failed[about]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "engine"])
def test_every_check_can_fail(kind):
    caught = {about for its_kind, _, about, _ in WRONG if its_kind == kind}
    names = {check.name for check in contribution_checks(kind, contribution(looks.Linear))}
    assert names - OTHERWISE == caught


@pytest.mark.parametrize(
    ("kind", "factory"),
    [
        ("strategy", picks.Cold),
        ("strategy", picks.Draw),
        ("tokenizer", words.Right),
        ("dataset", data.Right),
        ("dataset", data.Downloads),
        ("schedule", looks.Linear),
        ("metric", looks.Worst),
        ("panel", looks.Countdown),
        ("exporter", looks.LossList),
        ("lesson", lessons.right),
        ("writer", writers.Right),
        ("writer", writers.Remote),
    ],
)
@pytest.mark.parametrize("checks", [contribution_checks, smoke_checks])
def test_the_base_of_the_wrong_contributions_keeps_every_contract(kind, factory, checks):
    assert failures(kind, factory, checks) == {}


def clock_that_jumps(seconds):
    """A clock that is `seconds` later at each look."""
    now = iter(range(10**6))
    return SimpleNamespace(perf_counter=lambda: seconds * next(now))


def test_a_slow_strategy_is_noticed(monkeypatch):
    monkeypatch.setattr(strategies, "time", clock_that_jumps(0.003))  # for two calls
    assert failures("strategy", picks.Cold) == {}
    monkeypatch.setattr(strategies, "time", clock_that_jumps(0.005))
    failed = failures("strategy", picks.Cold)
    assert list(failed) == ["quick-enough"]
    assert "Found: 2.5 ms a call for 27 tokens" in failed["quick-enough"]


def test_slow_training_is_noticed(monkeypatch):
    monkeypatch.setattr(tokenizers, "time", clock_that_jumps(4))
    failed = failures("tokenizer", words.Right)
    assert list(failed) == ["trains-quickly"]
    assert "Found: 4.0 seconds." in failed["trains-quickly"]


def test_a_late_first_document_is_noticed(monkeypatch):
    monkeypatch.setattr(datasets, "time", clock_that_jumps(0.1))
    assert failures("dataset", data.Right) == {}
    monkeypatch.setattr(datasets, "time", clock_that_jumps(2))
    assert "Found: 2.0 s" in failures("dataset", data.Right)["first-document-soon"]


def test_a_data_set_is_downloaded_only_if_that_is_allowed(monkeypatch):
    dialled = []

    def connect(address, *_, **__):
        dialled.append(address)
        raise OSError("nobody there")

    monkeypatch.setattr(socket, "create_connection", connect)
    item = contribution(data.Downloads)
    findings = run_checks(checks_of([item], "dataset", network=True))
    assert {found.outcome for found in findings} == {"passed", "skipped"}
    assert dialled
    skipped = [found.message for found in findings if found.outcome == "skipped"]
    assert set(skipped) == {"prepare cannot, and says: No network"}


def test_a_data_set_that_needs_the_network_is_held_to_saying_so():
    findings = run_checks(contribution_checks("dataset", contribution(data.Downloads)))
    skipped = {found.message for found in findings if found.outcome == "skipped"}
    assert skipped == {"prepare needs the network, and says: No network"}
    assert "failed" not in {found.outcome for found in findings}


def test_a_writer_is_asked_over_the_network_only_if_that_is_allowed(monkeypatch):
    monkeypatch.setattr(writers.Remote, "asked", [], raising=False)
    item = Contribution("far", "of three models", lambda _: writers.Remote(), writers.Models)
    findings = run_checks(contribution_checks("writer", item))
    assert writers.Remote.asked == []
    skipped = {found.message for found in findings if found.outcome == "skipped"}
    assert skipped == {
        "it sends to http://127.0.0.1:9/v1, and is asked only with --network (network=True)"
    }
    findings = run_checks(contribution_checks("writer", item, network=True))
    assert "failed" not in {found.outcome for found in findings}
    assert "write cannot, and says: Nobody there" in {found.message for found in findings}
    assert set(writers.Remote.asked) == set(writer_kit.PROMPTS.values())
    assert len(writers.Remote.asked) <= 8  # somebody may have to pay for each


def test_a_slow_writer_is_asked_with_one_setting_in_full(monkeypatch):
    item = Contribution("slow", "of three models", lambda _: writers.Slow(), writers.Models)

    def asked():
        monkeypatch.setattr(writers.Slow, "asked", 0)
        run_checks(contribution_checks("writer", item))
        return writers.Slow.asked

    every = asked()
    monkeypatch.setattr(writer_kit, "time", clock_that_jumps(30))
    assert asked() == every - 2


def test_a_key_in_an_exception_is_found_and_not_shown(monkeypatch):
    monkeypatch.setenv("NO_SUCH_KEY", "sk-very-secret")
    item = contribution(writers.RaisesTheKey)
    findings = run_checks(contribution_checks("writer", item, network=True))
    assert [found.check.name for found in findings if found.outcome == "failed"] == [
        "key-is-not-shown"
    ]
    assert "sk-very-secret" not in "".join(found.message + found.traceback for found in findings)


def test_a_writer_of_one_s_own_machine_is_asked_without_network_even_if_others_may_use_it():
    checks = contribution_checks("writer", contribution(writers.SendsUnsaid), network=True)
    failed = [found.check.name for found in run_checks(checks) if found.outcome == "failed"]
    assert failed == ["sends-nothing-unsaid"]


def test_the_cache_of_a_data_set_is_removed_with_its_checks(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    checks = contribution_checks("dataset", contribution(data.Right))
    run_checks(checks)
    assert [path.name for path in tmp_path.rglob("*.txt")] == ["words.txt"]
    del checks
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_sockets_work_again_after_the_contract():
    connect, lookup = socket.socket.connect, socket.getaddrinfo
    sendto = socket.socket.sendto
    failures("dataset", data.DownloadsBluntly)
    failures("dataset", data.LooksItUpLater)
    failures("writer", writers.SendsADatagram)
    assert socket.socket.connect is connect
    assert socket.getaddrinfo is lookup
    assert socket.socket.sendto is sendto


def test_the_random_stream_and_the_folder_are_left_as_they_were():
    random.seed(5)
    state, folder = random.getstate(), Path.cwd()
    failures("strategy", picks.SeedsTheWorld)
    failures("dataset", data.WritesWhereItIs)
    assert random.getstate() == state
    assert Path.cwd() == folder


def message_of(kind, factory, name) -> str:
    checks = contribution_checks(kind, contribution(factory))
    (check,) = [check for check in checks if check.name == name]
    with pytest.raises(ContractError) as caught:
        check()
    return str(caught.value)


def test_messages_name_the_setting_the_input_and_what_to_do():
    message = message_of("strategy", picks.BarsWhatIsThere, "one-token-is-left")
    assert "with the defaults" in message
    assert "27 tokens, " in message
    assert "if none would be left, rule out none" in message
    assert "with power=10" in message_of("strategy", picks.CannotBeStrong, "is-made")
    message = message_of("tokenizer", words.LowersCase, "round-trip")
    assert "trained on" in message
    assert "no change of case" in message
    message = message_of("lesson", lessons.needs_a_loss, "speaks-at-every-moment")
    assert "IndexError" in message
    assert "text of step 0 (on names, before the first step)" in message
    message = message_of("panel", looks.NeedsLosses, "lines-that-fit")
    assert "IndexError" in message
    assert "before the first step, 80x24" in message
