"""Writers are asked in a process of their own: the run trains on meanwhile, giving up ends the
process, and one that fails, hangs or dies harms nothing else."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from playground.hooks.sources import PluginSources
from playground.lab.client.events import Limits
from playground.lab.client.lab import Lab
from playground.lab.protocol.failures import LabError
from playground.lab.protocol.writing import (
    MOST_TEXT,
    Leaving,
    WriterChoice,
    Written,
    kept_of,
    kept_text,
)
from tests.lab.conftest import text_run, within

PLUGIN = """
import os, time
from pathlib import Path
from playground.api import Continuation, Contribution, Knob, Knobs, Outlet, WriterError, hookimpl

HERE = Path(__file__).parent

class K(Knobs):
    way: str = Knob("say")
    address: str = Knob("")

class Mine:
    def __init__(self, knobs):
        self.way, self.address = knobs.way, knobs.address

    def outlet(self):
        sends = ("the prompt", "a greeting")
        return Outlet(self.address, sends, "the air") if self.address else None

    def write(self, prompt, tell):
        (HERE / "asked").open("a").write(prompt + "\\n")
        if self.way == "wait":
            tell(" so far")
            (HERE / "pid").write_text(str(os.getpid()))
            time.sleep(600)
        if self.way == "die":
            os._exit(3)
        if self.way == "spin":
            while True: pass
        if self.way == "refuse":
            raise WriterError("No [b]way[/b]", "Because.\\nTry again.")
        if self.way == "long":
            return Continuation("x" * 50_000)
        tell(" one")
        return Continuation(" one two", tokens_read=3, tokens_written=2, dollars=0.25, model="m")

@hookimpl
def microgpt_writers():
    yield Contribution(name="mine", summary="x", factory=Mine, knobs=K)
"""


def choice(way: str = "say", address: str = "") -> WriterChoice:
    return WriterChoice("mine", {"way": way, "address": address})


@pytest_asyncio.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    plugin = tmp_path / "mine.py"
    plugin.write_text(PLUGIN, encoding="utf-8")
    sources = PluginSources(files=(str(plugin),), entry_points=False)
    lab = Lab(sources, limits=Limits(ping=0.1, writer=1.0, close=30.0))
    yield lab
    await lab.close()


def gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


async def until(holds, seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.01)


async def test_what_is_written_comes_with_its_time_and_price_and_what_leaves_is_told(
    lab: Lab,
) -> None:
    told: list[str] = []
    there = await lab.writing.leaving(choice())
    assert there == Leaving()
    written = await lab.writing.write(choice(), "an", there, told.append)
    assert (written.prompt, written.text, written.ended) == ("an", " one two", True)
    assert (written.tokens_read, written.tokens_written, written.dollars) == (3, 2, 0.25)
    assert written.first is not None and 0 < written.first <= written.seconds < 10
    assert told == [" one"]
    sends = await lab.writing.leaving(choice(address="https://a.example"))
    assert sends == Leaving("https://a.example", ("the prompt", "a greeting"), "the air")
    long = await lab.writing.write(choice("long"), "", there, told.append)
    assert len(long.text) == MOST_TEXT and not long.ended


async def test_nothing_is_asked_but_what_a_person_agreed_to(lab: Lab, tmp_path: Path) -> None:
    agreed = await lab.writing.leaving(choice(address="https://a.example"))
    with pytest.raises(LabError, match="Something else would leave this machine"):
        await lab.writing.write(choice(address="https://b.example"), "an", agreed, print)
    assert not (tmp_path / "asked").exists()
    await lab.writing.write(choice(address="https://a.example"), "an", agreed, print)
    assert (tmp_path / "asked").read_text() == "an\n"


async def test_the_run_trains_on_while_a_writer_waits_and_giving_up_ends_its_process(
    lab: Lab, tmp_path: Path, words: Path
) -> None:
    await lab.open(text_run(words, steps=100_000).to_json())
    told: list[str] = []
    asked = asyncio.create_task(lab.writing.write(choice("wait"), "an", Leaving(), told.append))
    await until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    process = int((tmp_path / "pid").read_text())
    before = (await lab.frame()).step
    await lab.advance(5)
    assert (await lab.frame()).step == before + 5 and not asked.done()
    await until(lambda: told == [" so far"])
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    await until(lambda: gone(process))
    written = await within(30, lab.writing.write(choice(), "an", Leaving(), print))
    assert isinstance(written, Written)


@pytest.mark.parametrize(
    ("way", "said"),
    [("refuse", r"No \[b\]way\[/b\]: Because\. Try again\."), ("die", "ended|died"),
     ("spin", "does not answer|hang|hung")],
)  # fmt: skip
async def test_one_that_fails_dies_or_hangs_is_said_and_the_next_is_asked(
    lab: Lab, way: str, said: str
) -> None:
    with pytest.raises(LabError, match=said):
        await within(60, lab.writing.write(choice(way), "an", Leaving(), print))
    assert (await lab.writing.write(choice(), "an", Leaving(), print)).text == " one two"


async def test_knobs_and_names_that_cannot_be_are_named(lab: Lab) -> None:
    with pytest.raises(LabError, match="no writer 'nobody'"):
        await lab.writing.leaving(WriterChoice("nobody"))
    with pytest.raises(LabError) as refused:
        await lab.writing.leaving(WriterChoice("mine", {"times": 3}))
    assert refused.value.failure.problems


TEXTS = st.text(max_size=20)


@given(
    st.text(min_size=1, max_size=9).filter(lambda text: text.isprintable()),
    st.dictionaries(TEXTS, st.one_of(st.none(), st.booleans(), st.integers(-9, 9), TEXTS)),
    st.one_of(st.none(), st.builds(Leaving, TEXTS, st.lists(TEXTS).map(tuple), TEXTS)),
)
def test_a_choice_is_kept_and_read_back(name: str, options: dict, agreed: Leaving | None) -> None:
    kept = WriterChoice(name, options)
    assert kept_of(kept_text(kept, agreed)) == (kept, agreed)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"name": "a", "options": {}, "agreed": 3}', '{"name": 3, "options": {}}',
     '{"name": "a", "options": {"b": []}, "agreed": null}', "[" * 1000],
)  # fmt: skip
def test_a_preference_that_is_none_is_as_none(text: str) -> None:
    assert kept_of(text) is None
