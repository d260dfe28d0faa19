"""The lines of `gpt` as they are run, whatever its source says."""

from __future__ import annotations

import gc
import inspect
import itertools
import re
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from microgpt import (
    ScalarEngine,
    scalar_engine,
)
from microgpt.autograd import Value
from microgpt.graph import Graph
from microgpt.trace import Run, run_lines, source_of
from tests.microgpt.small import ANATOMY, SMALL, TEXT, WEIGHTS


@pytest.fixture
def edited(tmp_path: Path) -> Callable[..., Any]:
    """A copy of `gpt` whose source was edited, from a file as any other source."""
    count = itertools.count()

    def edit(change: Callable[[str], str]) -> Any:
        path = tmp_path / f"copy{next(count)}.py"
        path.write_text(change(textwrap.dedent(inspect.getsource(ScalarEngine.gpt))))
        names = dict(vars(scalar_engine))
        exec(compile(path.read_text(), str(path), "exec"), names)
        return names["gpt"]

    return edit


def made(runs: list[Run], name: str, words: str = "") -> list[Any]:
    """What each run of a line in that context made under a name."""
    return [each for run in runs for each in run.made if each.name == name and run.words == words]


# ---------------------------------------------------------------- the lines


def test_the_source_is_that_of_the_installed_function() -> None:
    own = textwrap.dedent(inspect.getsource(ScalarEngine.gpt)).splitlines()
    assert list(source_of(ScalarEngine.gpt).lines) == own


def test_every_statement_is_shown_where_it_stands_and_with_its_loops(graph: Graph) -> None:
    lines = graph.source.lines
    assert [len(runs) > 20 for runs in graph.runs] == [True] * 4, "one run for each position"
    for run in graph.runs[2]:
        assert lines[run.first].strip() and not lines[run.first].strip().startswith(("#", '"""'))
        for each in run.made:
            own = "\n".join(lines[run.first : run.last + 1])
            assert each.name in own, "a name stands in the lines that made it"
    contexts = {run.words for run in graph.runs[0]}
    layers = {f"layer {layer}" for layer in range(2)}
    assert contexts == {"", *layers, *(f"{layer}, h {h}" for layer in layers for h in range(2))}
    assert [each.value for each in made(graph.runs[0], "h", "layer 1")] == [0, 1]


def test_a_name_has_the_value_that_it_had_then(graph: Graph) -> None:
    """Lists that grow later are shown as they were."""
    sizes = [made(runs, "cache.keys[layer]", "layer 0")[0].shape for runs in graph.runs]
    assert sizes == [(1, 4), (2, 4), (3, 4), (4, 4)]
    found = [each.shape for each in made(graph.runs[0], "x_attn", "layer 0")]
    assert found == [(0,)], "empty, before the first head"
    assert made(graph.runs[0], "x_attn", "layer 0, h 1")[0].shape == (4,)
    assert made(graph.runs[0], "head", "layer 0, h 1")[0].value == slice(2, 4)
    assert made(graph.runs[0], "head", "layer 0, h 1")[0].shape is None
    assert made(graph.runs[0], "return")[0].shape == (5,)


def test_one_position_alone_makes_what_it_makes_in_the_whole_text(graph: Graph) -> None:
    for position, whole in enumerate(graph.runs):
        alone = run_lines(ANATOMY, position)
        assert [(r.first, r.last, r.context) for r in alone] == [
            (r.first, r.last, r.context) for r in whole
        ]
        for run, other in zip(alone, whole, strict=True):
            for one, two in zip(run.made, other.made, strict=True):
                assert (one.name, one.shape) == (two.name, two.shape)
                assert plain(one.numbers()) == pytest.approx(plain(two.numbers()), abs=1e-12)
    with pytest.raises(IndexError, match=r"0 \.\.\. 3"):
        run_lines(ANATOMY, 4)


def plain(numbers: list[Any]) -> list[float]:
    return [each.data if isinstance(each, Value) else each for each in numbers]


def test_an_edited_copy_is_followed(edited: Callable[..., Any], graph: Graph) -> None:
    renamed = edited(lambda source: re.sub(r"\bx\b", "stream", source).replace("range(self", "(\n"
                     "            range)(self"))  # fmt: skip
    other = Graph(SMALL, WEIGHTS, TEXT, renamed)
    assert made(other.runs[0], "stream") and not made(other.runs[0], "x")
    assert other.value(other.find("stream#3 layer 1 position 2 [3]")) == graph.value(
        graph.find("x#3 layer 1 position 2 [3]")
    )
    with pytest.raises(LookupError):
        other.find("x#3 layer 1 position 2 [3]")

    longer = edited(
        lambda source: source.replace(
            "    return ",
            "    for turn in range(3):\n        doubled = [\n            a + a\n"
            "            for a in x\n        ]\n    return ",
        )
    )
    runs = run_lines(ANATOMY, 1, longer)
    doubled = [made(runs, "doubled", f"turn {turn}") for turn in range(3)]
    assert [len(each) for each in doubled] == [1, 1, 1]
    lines = [(run.first, run.last) for run in runs if run.words == "turn 1"]
    shown = source_of(longer).lines[lines[0][0] : lines[0][1] + 1]
    assert [line.strip() for line in shown] == ["doubled = [", "a + a", "for a in x", "]"]

    moved = edited(lambda source: source.replace("        head_dim = ", "        dim = ").replace(
        "    weights = self._state_dict\n    head_dim = self.config.head_dim\n",
        "    head_dim = self.config.head_dim\n    # a remark\n\n    weights = self._state_dict\n",
    ))  # fmt: skip
    first, second = run_lines(ANATOMY, 0, moved)[:2]
    assert ([m.name for m in first.made], [m.name for m in second.made]) == (
        ["head_dim"],
        ["weights"],
    )
    assert second.first - first.first == 3


def test_only_the_outermost_call_is_followed(edited: Callable[..., Any]) -> None:
    again = "    if not position: gpt(self, token, 1, KVCache(2))\n    return "
    calls_itself = edited(lambda source: source.replace("    return ", again))
    runs = run_lines(ANATOMY, 0, calls_itself)
    assert len(made(runs, "head_dim")) == 1
    assert len(Graph(SMALL, WEIGHTS, TEXT, calls_itself).runs) == 4


STRANGE = '''
def gpt(self, token, position, cache):
    """A function with every kind
of statement."""
    x = self._state_dict["wte"][token]; y = x[0]
    (a, *rest), cache.extra = (1, 2, 3), {"k": [y]}
    cache.extra["k"].append(y + y); cache.extra["k"][0] = y * y
    for i, each in enumerate(x):
        if i > 1: break
        a += i
    else:
        a = -1
    for each in x:
        while (a := a - 1) > 0: pass
        last = each
    while a < 2:
        a += 1
    try:
        with open(
            __file__
        ) as file, memoryview(b""):
            raise KeyError
    except KeyError:
        def inner(z=a): return z
    total = sum(
        n
        for n in range(3)
        if n
    ); lists = [
        [m for m in range(2)]
        for _ in range(2)
    ]
    try:
        while True:
            rest.pop()
    except IndexError:
        pass
    match lists:
        case [[0, 1], _]:
            lists[0] += [2]
    if a: return x
'''


def test_every_kind_of_statement_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "strange.py"
    path.write_text(STRANGE)
    names: dict[str, Any] = {"__file__": str(path)}
    exec(compile(STRANGE, str(path), "exec"), names)
    runs = run_lines(ANATOMY, 0, names["gpt"])
    told = [(run.words, each.name, each.value) for run in runs for each in run.made]

    def values(name: str) -> list[Any]:
        return [(words, value) for words, own, value in told if own == name]

    popped: list[list[int]] = [[2, 3], [2], [], []]
    assert values("rest") == [("", rest) for rest in popped] and values("y")
    assert [len(v) for _, v in values("cache.extra['k']")] == [2]
    assert values("i") == [("", 0), ("", 1), ("", 2)]
    assert values("a") == [
        ("", 1), ("i 0", 1), ("i 1", 2), ("each 0", 0), ("each 1", -1), ("each 2", -2),
        ("each 3", -3), *(("", a) for a in range(-2, 3)),
    ]  # fmt: skip
    assert [words for words, _ in values("last")] == [f"each {turn}" for turn in range(4)]
    assert values("total") == [("", 3)]
    assert values("lists") == [("", [[0, 1], [0, 1]])]
    assert values("lists[0]") == [("", [0, 1, 2])]
    assert len(values("inner")) == 1 and len(values("file")) == 1
    assert [words for words, _ in values("return")] == [""]


def test_a_debugger_goes_on_as_if_nothing_had_been() -> None:
    """Its hook stays, and it sees the end of each call whose beginning it saw, and true lines."""
    earlier = sys.gettrace()
    calls: list[str] = []
    lines: list[int] = []

    def debugger(frame: Any, event: str, _: Any) -> Any:
        if event == "call":
            calls.append(frame.f_code.co_name)
        elif event == "return":
            assert calls.pop() == frame.f_code.co_name
        elif frame.f_code.co_name == "gpt":
            lines.append(frame.f_lineno)
        return debugger

    def fails(*_: Any) -> Any:
        raise ZeroDivisionError

    text, start = inspect.getsourcelines(ScalarEngine.gpt)
    sys.settrace(debugger)
    try:
        Graph(SMALL, WEIGHTS, TEXT[:2])
        assert sys.gettrace() is debugger and calls == []
        with pytest.raises(ZeroDivisionError):
            Graph(SMALL, WEIGHTS, TEXT, fails)
        lines.clear()
        runs = run_lines(ANATOMY, 0)
        assert sys.gettrace() is debugger and calls == []
    finally:
        sys.settrace(earlier)
    assert {start + run.first for run in runs} <= set(lines) <= {*range(start, start + len(text))}


def test_an_error_in_the_function_tells_its_line_and_leaves_nothing_changed(
    edited: Callable[..., Any],
) -> None:
    before = [dict(vars(each)) for each in (Value, scalar_engine)]
    collecting = gc.isenabled()
    fails = edited(lambda source: source.replace("    x = norm(x)\n\n", "    x = x.nothing\n\n"))
    for follow in (
        lambda: Graph(SMALL, WEIGHTS, TEXT, fails),
        lambda: run_lines(ANATOMY, 1, fails),
    ):
        with pytest.raises(AttributeError) as caught:
            follow()
        last = caught.traceback[-1]
        assert str(last.statement).strip() == "x = x.nothing" and last.name == "gpt"
        assert [dict(vars(each)) for each in (Value, scalar_engine)] == before
        assert gc.isenabled() == collecting
    assert Graph(SMALL, WEIGHTS, TEXT).operation(0) == "weight"
