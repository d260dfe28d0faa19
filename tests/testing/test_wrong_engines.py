"""The kit can fail: every fault is caught by the check that is about it."""

from __future__ import annotations

import random
import sys
from types import SimpleNamespace

import pytest

from playground.testing import ContractError, engine_checks, run_checks
from playground.testing.engines import CLAUSES
from tests.testing import wrong_engines as wrong
from tests.testing import wrong_manners as manners

TRAINING = ("names-trajectory", "moved-in-mid-run", "weights-set-between-steps")
NUMBERS = (
    "one-token-documents",
    "mean-over-all-tokens",
    "gradient-check",
    "batches-of-any-size",
    "losses-and-gradients",
    "larger-models",
)
TRAIN = (
    "train-is-single-steps",
    "train-stops-where-the-loss-is-not-finite",
    "weights-set-between-steps",
)

WRONG = [
    # (the engine, the check that is about its fault, checks that may notice it too)
    (manners.NoLosses, "is-an-engine", ()),
    (manners.needs_what_is_not_there, "is-an-engine", ()),
    (manners.BeginsWithMoments, "begins-with-the-weights-given", ("adam", *TRAINING)),
    (manners.SumsByThread, "several-threads-same-bits", ()),
    (manners.CannotBeCancelled, "prepare-says-how-far-it-is", ()),
    (manners.SaysPercent, "prepare-says-how-far-it-is", ()),
    (wrong.DoublesAMatrix, "losses-and-gradients", (*NUMBERS, *TRAINING)),
    (wrong.CutsTheKeys, "gradient-check", (*NUMBERS, *TRAINING)),
    (wrong.SlipsWhereItIsWide, "larger-models", ()),
    (
        wrong.NothingToLearnFromOne,
        "one-token-documents",
        ("mean-over-all-tokens", *NUMBERS, *TRAINING),
    ),
    (wrong.MeanOverDocuments, "mean-over-all-tokens", (*NUMBERS, *TRAINING)),
    (wrong.ReadsTheEnd, "cut-off-at-block-size", NUMBERS),
    (wrong.SixteenAtMost, "batches-of-any-size", ()),
    (wrong.NoEps, "adam", TRAINING),
    (wrong.SecondMomentNotCorrected, "adam", TRAINING),
    (wrong.EpsUnderTheRoot, "adam", TRAINING),
    (wrong.StepsFromOne, "adam", TRAINING),
    (wrong.CountsForItself, "adam", ("what-follows-depends-on-the-state-alone", *TRAINING)),
    (wrong.microgpts_own_optimizer, "adam", ()),
    (wrong.TiresAfterSixteenSteps, "names-trajectory", ()),
    (wrong.DecoderOneOff, "decoder-is-the-forward-pass", ()),
    (
        wrong.OneCacheForAll,
        "decoders-do-not-disturb-each-other",
        (
            "decoder-has-the-weights-of-now",
            "decoder-ends-with-the-block",
            "logits-are-a-new-list",
        ),
    ),
    (wrong.WeightsOfTheBeginning, "decoder-has-the-weights-of-now", ()),
    (wrong.EndlessDecoder, "decoder-ends-with-the-block", ()),
    (wrong.TakesAnyId, "decoder-ends-with-the-block", ()),
    (wrong.OneBufferForLogits, "logits-are-a-new-list", ("decoders-do-not-disturb-each-other",)),
    (
        wrong.SharesItsState,
        "state-is-copied",
        ("mean-over-all-tokens", "weights-set-between-steps"),
    ),
    (
        wrong.KeepsFloat32,
        "state-is-read-as-it-was-written",
        (
            "begins-with-the-weights-given",
            "adam",
            "decoder-is-the-forward-pass",
            "decoder-has-the-weights-of-now",
            "what-follows-depends-on-the-state-alone",
            *NUMBERS,
            *TRAINING,
        ),
    ),
    (wrong.ForgetsTheMoments, "state-is-read-as-it-was-written", TRAINING),
    (
        wrong.LosesASign,
        "state-is-read-as-it-was-written",
        ("moved-in-mid-run", "what-follows-depends-on-the-state-alone"),
    ),
    (
        wrong.TransposesWhatItKeeps,
        "moved-in-mid-run",
        ("decoder-is-the-forward-pass", *NUMBERS, *TRAINING),
    ),
    (wrong.UpdatesACopy, "weights-set-between-steps", ()),
    (wrong.LossesLeaveGradients, "losses-touch-nothing", ()),
    (
        wrong.EvaluatesOldWeights,
        "what-follows-depends-on-the-state-alone",
        ("gradient-check",),
    ),
    (manners.TakesNegativeIds, "impossible-batches-are-refused", ()),
    (manners.ChangesThenRefuses, "impossible-batches-are-refused", ()),
    (manners.TakesNegativeMoments, "impossible-states-are-refused", ()),
    (manners.NeverInfinite, "impossible-tokens-cost-inf", ()),
    (manners.RaisesOnNan, "huge-weights", ()),
    (manners.HidesNan, "huge-weights", ()),
    (manners.ChecksItsGradients, "huge-gradients", ("huge-weights",)),
    (
        manners.NeverTheSame,
        "same-run-same-bits",
        ("what-follows-depends-on-the-state-alone", "other-threads"),
    ),
    (manners.DrawsRandomNumbers, "global-random-state", ()),
    (manners.Talks, "quiet", ()),
    (manners.TalksAsCompilersDo, "quiet", ()),
    (manners.Warns, "no-runtime-warnings", ()),
    (manners.CutsTheDocumentsGiven, "arguments-stay-as-they-are", ()),
    (manners.GivesArrays, "losses-are-new-lists", ()),
    (manners.MainThreadOnly, "other-threads", ()),
    (manners.OneRateLate, "train-is-single-steps", TRAIN),
    (manners.OneStepLate, "train-is-single-steps", TRAIN),
    (manners.LossesOfTheFirstStep, "train-is-single-steps", TRAIN),
    (manners.TrainsApart, "train-is-single-steps", ("weights-set-between-steps",)),
    (manners.DecodesAsBefore, "train-is-single-steps", TRAIN),
    (manners.CountsOneStep, "train-is-single-steps", TRAIN),
    (manners.UpdatesAllTheSame, "train-stops-where-the-loss-is-not-finite", ()),
    (manners.KeepsQuietAboutTheLast, "train-stops-where-the-loss-is-not-finite", ()),
    (manners.LeavesTheRest, "train-refuses-what-cannot-be", ()),
    (manners.FindsOutLate, "train-refuses-what-cannot-be", TRAIN),
    (wrong.NormalizesAnyway, "parts-left-out", ()),
    (wrong.NoGradientPastTheBlock, "parts-left-out", ()),
    (wrong.AdamAnyway, "sgd", ()),
]

NAMES = [engine.__name__ for engine, _, _ in WRONG]


def failures(factory) -> dict[str, str]:
    """The names of failed checks of the whole contract, and their messages."""
    knows = getattr(factory, "KNOWS", ())
    findings = run_checks(engine_checks(factory, small=True, knows=knows))
    return {found.check.name: found.message for found in findings if found.outcome == "failed"}


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.parametrize(("factory", "about", "also"), WRONG, ids=NAMES)
def test_a_fault_is_caught_by_the_check_that_is_about_it(factory, about, also):
    failed = failures(factory)
    assert about in failed
    assert set(failed) <= {about, *also}
    assert "Promised: " in failed[about]
    assert "Found: " in failed[about]
    assert "To do: " in failed[about]


def test_every_check_can_fail():
    assert {about for _, about, _ in WRONG} == {clause.name for clause in CLAUSES}


@pytest.mark.parametrize(
    "factory", [wrong.OwnAdam, wrong.KnowsAll, manners.Bulk, manners.Threaded, manners.Prepared]
)
def test_the_base_of_the_wrong_engines_keeps_the_contract(factory):
    assert failures(factory) == {}


def test_numpys_random_state_is_watched_where_numpy_is_loaded(monkeypatch):
    stream = random.Random(1)
    fake = SimpleNamespace(random=SimpleNamespace(get_state=stream.getstate, random=stream.random))
    monkeypatch.setitem(sys.modules, "numpy", fake)
    (check,) = [
        check
        for check in engine_checks(manners.DrawsFromNumpy)
        if check.name == "global-random-state"
    ]
    with pytest.raises(AssertionError, match=r"the state of numpy\.random has changed"):
        check()


def test_an_engine_that_wrongs_the_random_stream_does_not_leave_it_changed():
    random.seed(5)
    before = random.getstate()
    failures(manners.Talks)
    assert random.getstate() == before


def message_of(name: str, factory) -> str:
    (check,) = [check for check in engine_checks(factory, small=True) if check.name == name]
    with pytest.raises(ContractError) as caught:
        check()
    return str(caught.value)


def test_messages_name_the_place_and_what_to_do():
    message = message_of("losses-and-gradients", wrong.DoublesAMatrix)
    assert "the gradient of layer0.attn_wk[0, 0] is " in message
    assert "n_layer" in message
    assert "microgpt/scalar_engine.py" in message
    assert "the weights, number 0" in message_of("adam", wrong.NoEps)
    message = message_of("is-an-engine", manners.needs_what_is_not_there)
    assert "No module named 'no_such_library'" in message
    assert "install what the engine imports" in message
