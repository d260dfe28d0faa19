"""The contract of a writer: what `playground.api.Writer` promises.

A writer that tells of an outlet is asked for no text unless the subject may use the network, so
that nothing leaves this machine. A writer that tells of none is asked without network.
"""

from __future__ import annotations

import math
import os
import re
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import astuple, dataclass, field
from typing import Any

from playground.api import Continuation, Outlet, WriterError
from playground.testing.contract import ContractError, said
from playground.testing.subject import (
    Clause,
    Setting,
    Subject,
    check_words,
    clause,
    made_with_every_setting,
    manners,
)
from playground.testing.watching import check_empty, empty_folder, without_network

SHORT = {"the prompt 'an'": "an"}
PROMPTS = {
    **SHORT,
    "no prompt": "",
    "a prompt with markup, codes and emoji": (
        "[red]an[/red] \x1b[31m\x00 {0} %s\n\t\xe9 \U0001f469\u200d\U0001f467 \u202ean"
    ),
    "a prompt of 2,000 characters": "ann and hannah. " * 125,
}
"""What is continued, by what it is called in messages."""
OUTLET = 0.05
"""Seconds that one call of `outlet` may take."""
LONG = 20.0
"""Seconds after which no further setting is asked for texts: a model of this machine is slow."""
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
"""The name of an environment variable in words: EXAMPLE_API_KEY."""
_FALSE_KEY = "the-key-that-nobody-may-see-2017"
_TOO_SHORT = 8
"""Characters below which a value is no key that could be recognized in a text."""


def _outlet(writer: Any) -> Any:
    """What the writer says of where it sends to, asked without network."""
    with without_network():
        return writer.outlet()


def _is_line(value: object) -> bool:
    """True for one line of text that can be shown and is not blank."""
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()


# ---------------------------------------------------------------- where it sends to


@clause(
    "outlet-is-said",
    "outlet gives None, or an Outlet with an address that has a scheme, and with at least one line"
    " of words about what is sent",
    essential=True,
    smoke=True,
)
def outlet_is_said(subject: Subject) -> None:
    """Asks for the outlet with every setting."""
    for setting in subject.settings:
        outlet = _outlet(subject.make(setting))
        where = f"({setting.words})"
        if outlet is None:
            continue
        if not isinstance(outlet, Outlet):
            raise ContractError(
                f"a {type(outlet).__name__} {where}",
                "give a playground.api.Outlet, or None if nothing is sent",
            )
        if not _is_line(outlet.address) or not _ADDRESS.fullmatch(outlet.address):
            raise ContractError(
                f"the address {outlet.address!r} {where}",
                'give all of it, with its scheme: "https://api.example.org/v1/completions"',
            )
        sends = outlet.sends
        if not isinstance(sends, tuple) or not sends or not all(map(_is_line, sends)):
            raise ContractError(
                f"sends is {sends!r} {where}",
                'name each thing that is sent, in a tuple of lines: ("the prompt",)',
            )
        if outlet.key != "" and not _is_line(outlet.key):
            raise ContractError(
                f"key is {outlet.key!r} {where}",
                'say in one line where the key comes from, or "" if none is sent',
            )


@clause(
    "outlet-stays-as-it-is",
    "outlet gives the same when it is asked again, and so does another object with the same knobs",
    smoke=True,
)
def outlet_stays_as_it_is(subject: Subject) -> None:
    """A person agrees to one outlet, and what is sent must go there."""
    for setting in subject.settings:
        writer = subject.make(setting)
        first = _outlet(writer)
        for again in (_outlet(writer), _outlet(subject.make(setting))):
            if again != first:
                raise ContractError(
                    f"{again!r} after {first!r} ({setting.words})",
                    "let it depend on the knobs alone",
                )


@clause("outlet-is-quick", f"outlet takes less than {OUTLET * 1000:g} ms")
def outlet_is_quick(subject: Subject) -> None:
    """Takes the best of three calls."""
    for setting in subject.settings[:10]:
        writer = subject.make(setting)
        seconds = min(_seconds(writer.outlet) for _ in range(3))
        if seconds > OUTLET:
            raise ContractError(
                f"{seconds * 1000:.0f} ms ({setting.words})",
                "say what the knobs say; read and compute in write",
            )


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    with without_network():
        call()
    return time.perf_counter() - began


@clause(
    "no-network-before-write",
    "nothing but write connects to anywhere: neither making it nor outlet",
    smoke=True,
)
def no_network_before_write(subject: Subject) -> None:
    """Finds also a connection whose failure the writer hides."""
    with without_network() as tried, suppress(Exception):  # other checks tell of exceptions
        for setting in subject.settings:
            subject.make(setting).outlet()
    if tried:
        raise ContractError(f"a connection to {tried[0]} was tried", "connect in write alone")


@clause(
    "key-is-not-shown",
    "no text that outlet gives, and no exception, holds the key",
    smoke=True,
)
def key_is_not_shown(subject: Subject) -> str | None:
    """Puts a made-up key into each environment variable that the outlet names as the source of its
    key; looks for the true key in exceptions of `write`, if it was asked over the network."""
    named = False
    for setting in subject.settings:
        outlet = _outlet(subject.make(setting))
        names = _variables(outlet)
        named = named or bool(names)
        with _environment(dict.fromkeys(names, _FALSE_KEY)):
            shown = _outlet(subject.make(setting)) if names else None
        if shown is not None and _FALSE_KEY in str(astuple(shown)):
            raise ContractError(
                f"the key is in what outlet gives ({setting.words})",
                "name the place that the key comes from, and read the key in write",
            )
    for answer in _answers(subject)[0]:
        if answer.leaks:
            raise ContractError(
                f"the key is in what write raised ({answer.words})",
                "raise a WriterError in words of your own, `from None`",
            )
    return None if named else "it names no environment variable with a key"


def _variables(outlet: Outlet | None) -> list[str]:
    """The environment variables that the words about the key name."""
    return _VARIABLE.findall(outlet.key) if outlet is not None else []


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Run the block with these environment variables."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


# ---------------------------------------------------------------- what it writes


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one prompt."""

    words: str
    """The prompt and the setting in messages."""
    setting: Setting
    prompt: str
    told: list[Any] = field(default_factory=list)
    """What `tell` was called with."""
    given: Any = None
    """What `write` returned."""
    raised: Exception | None = None
    leaks: bool = False
    """True if the exception holds a key that the outlet names."""
    tried: tuple[str, ...] = ()
    """Addresses that a writer without an outlet tried to connect to."""

    @property
    def refusal(self) -> WriterError | None:
        """The reason that the writer gave for writing nothing."""
        return self.raised if isinstance(self.raised, WriterError) else None


def _ask(
    subject: Subject, setting: Setting, prompts: Mapping[str, str], tell: Any = None
) -> list[Answer]:
    """Have one object continue these prompts; nothing is asked, and the list is empty, if the
    writer tells of an outlet and the subject may not use the network. tell: called instead of
    keeping what is told; what it raises is kept like any other exception."""
    writer = subject.make(setting)
    outlet = _outlet(writer)
    if outlet is not None and not subject.network:
        return []
    keys = [os.environ.get(name, "") for name in _variables(outlet)]
    answers = []
    for called, prompt in prompts.items():
        told: list[Any] = []
        given, raised = None, None
        fence: AbstractContextManager[list[str]] = (
            without_network() if outlet is None else nullcontext([])
        )
        with fence as tried:
            try:
                given = writer.write(prompt, tell or told.append)
            except Exception as error:
                raised = error
        text = "".join(traceback.format_exception(raised)) if raised is not None else ""
        leaks = any(key in text for key in keys if len(key) >= _TOO_SHORT)
        words = f"{called}; {setting.words}"
        answers.append(Answer(words, setting, prompt, told, given, raised, leaks, tuple(tried)))
    return answers


def _answers(subject: Subject) -> tuple[list[Answer], str]:
    """The answers to all prompts with the first setting, and to a short one with the others; and
    why there are none. Each address outside of this machine is asked with one setting. All are
    asked once, for several checks."""
    if subject.smoke:  # run on each save, when a model on this machine may need its minute
        return [], "a short contract asks for no text"
    if "answers" not in subject.memo:
        answers: list[Answer] = []
        addresses: list[str] = []
        began = time.perf_counter()
        for setting in subject.settings:
            if answers and time.perf_counter() - began > LONG:
                break
            outlet = _outlet(subject.make(setting))
            if outlet is not None:
                if outlet.address in addresses:
                    continue
                addresses.append(outlet.address)
            answers += _ask(subject, setting, SHORT if answers else PROMPTS)
        subject.memo["answers"] = answers
        subject.memo["addresses"] = addresses
    kept: list[Answer] = subject.memo["answers"]
    if kept:
        return kept, ""
    address = subject.memo["addresses"][0]
    return [], f"it sends to {address}, and is asked only with --network (network=True)"


def _written(subject: Subject) -> tuple[list[tuple[Answer, Continuation]], str]:
    """The answers that are continuations; and why there are none."""
    answers, reason = _answers(subject)
    written = [(one, one.given) for one in answers if isinstance(one.given, Continuation)]
    if answers and not written:
        refusal = answers[0].refusal
        reason = f"write cannot, and says: {refusal.title}" if refusal else "it writes nothing"
    return written, reason


@clause(
    "continues-or-refuses",
    "write gives a Continuation with a text, or raises a WriterError with a title and a message",
)
def continues_or_refuses(subject: Subject) -> str | None:
    """Tries no prompt, a short and a long one, and one with markup, control codes and emoji."""
    answers, reason = _answers(subject)
    for answer in answers:
        if answer.leaks:
            continue  # the check key-is-not-shown tells of it, and not of the exception
        if answer.refusal is not None:
            check_words(answer.refusal, f"({answer.words})")
        elif answer.raised is not None:
            raise ContractError(
                f"{said(answer.raised)} ({answer.words})",
                "continue any text, or raise a WriterError that says why not",
            ) from answer.raised
        else:
            _check_continuation(answer.given, answer.words)
    return reason


def _check_continuation(given: Any, words: str) -> None:
    if not isinstance(given, Continuation):
        raise ContractError(
            f"a {type(given).__name__} ({words})", "give a playground.api.Continuation"
        )
    for name, kind in (("text", str), ("ended", bool), ("model", str)):
        value = getattr(given, name)
        if not isinstance(value, kind):
            raise ContractError(f"{name} is {value!r} ({words})", f"give a {kind.__name__}")


@clause(
    "counts-are-numbers",
    "the tokens are whole numbers from 0 or None, and so is the price, which may be a fraction",
)
def counts_are_numbers(subject: Subject) -> str | None:
    """Takes None for what is not known."""
    written, reason = _written(subject)
    for answer, given in written:
        for name in ("tokens_read", "tokens_written"):
            value = getattr(given, name)
            if value is not None and (type(value) is not int or value < 0):
                raise ContractError(
                    f"{name} is {value!r} ({answer.words})", "give None for what is not known"
                )
        dollars = given.dollars
        if dollars is not None and not (
            type(dollars) in (int, float) and math.isfinite(dollars) and dollars >= 0
        ):
            raise ContractError(
                f"dollars is {dollars!r} ({answer.words})",
                "give 0 if there is nothing to pay, and None if the price is not known",
            )
    return reason


@clause(
    "tells-the-text-so-far",
    "tell is called with the whole text so far, and the final text begins with it",
)
def tells_the_text_so_far(subject: Subject) -> str | None:
    """Compares each text that is told with the text that is returned."""
    written, reason = _written(subject)
    for answer, given in written:
        for told in answer.told:
            if not isinstance(told, str):
                raise ContractError(f"tell({told!r}) ({answer.words})", "tell a text")
            if not str(given.text).startswith(told):
                raise ContractError(
                    f"tell({told[:40]!r}), and the text is {given.text[:40]!r} ({answer.words})",
                    "tell all of the text, not its last piece, and only what will stay",
                )
    return reason


class _GivenUp(Exception):
    """Raised by tell, as when a person gives up."""


@clause("can-be-given-up", "what tell raises passes through")
def can_be_given_up(subject: Subject) -> str | None:
    """Asks again for a text that was told in parts."""
    answers, reason = _answers(subject)
    telling = [answer for answer in answers if answer.told]
    if not telling:
        return reason or "it never calls tell"

    calls = 0

    def give_up(_: object) -> None:
        nonlocal calls
        calls += 1
        raise _GivenUp

    (again,) = _ask(subject, telling[0].setting, {"": telling[0].prompt}, give_up)
    if not calls or isinstance(again.raised, _GivenUp):
        return None if calls else "it did not call tell again"
    if again.raised is not None:
        raise ContractError(
            f"tell raised, and write made a {type(again.raised).__name__} of it",
            "catch only the errors that you expect, around what can raise them",
        )
    raise ContractError(
        "write went on after tell had raised",
        "let the exception through, for the person has given up",
    )


@clause(
    "sends-nothing-unsaid",
    "write connects to nowhere if outlet gives None, not even to another program on this machine",
)
def sends_nothing_unsaid(subject: Subject) -> str | None:
    """Every writer without an outlet is asked without network."""
    answers, reason = _answers(subject)
    for answer in answers:
        if answer.tried:
            raise ContractError(
                f"a connection to {answer.tried[0]} was tried ({answer.words})",
                "let outlet give an Outlet that says where to, and what is sent",
            )
    return reason


@clause("writes-no-files", "no file is written to the current folder")
def writes_no_files(subject: Subject) -> str | None:
    """Looks in the current folder, which is a new empty one for this check."""
    answers, reason = _answers(subject)
    if answers:
        with empty_folder() as here:
            _ask(subject, answers[0].setting, SHORT)
            check_empty(here, "keep nothing on disk, or below a folder of your own")
    return reason


def _use(subject: Subject) -> None:
    for setting in subject.settings:
        _outlet(subject.make(setting))
    for answer in _answers(subject)[0][:1]:
        _ask(subject, answer.setting, SHORT)


CLAUSES: tuple[Clause, ...] = (
    made_with_every_setting("a writer", ("outlet", "write")),
    outlet_is_said,
    outlet_stays_as_it_is,
    outlet_is_quick,
    no_network_before_write,
    key_is_not_shown,
    continues_or_refuses,
    counts_are_numbers,
    tells_the_text_so_far,
    can_be_given_up,
    sends_nothing_unsaid,
    writes_no_files,
    *manners(_use, "use a random.Random() of your own"),
)
