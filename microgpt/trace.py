"""The scalar engine's own `gpt` run line by line, and the graph of its numbers, walked by name.

Nothing here knows what the source of `gpt` says. Python's trace hook tells which line is run, the
syntax tree tells which names a line makes, and the frame has their values; so what is shown cannot
drift from the code. For each position of a text the function runs once, as in training.

A number's name is what the run saw first: the name in the source, the loops it was made in, and the
position, as in "q layer 0 position 3 [5]". A name that is made again in the same turn of its loops
is counted: "x", "x#2", "x#3". Weights are "layer0.attn_wq[3][7]"; beside them stand "logits[3][5]",
"probs[3][5]", "losses[3]" and "loss", their mean.
"""

from __future__ import annotations

import ast
import inspect
import math
import re
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from types import CodeType, FrameType
from typing import Any

from microgpt.anatomy import Anatomy
from microgpt.autograd import Value
from microgpt.checks import inputs_and_targets
from microgpt.config import ModelConfig, OptimizerConfig
from microgpt.parameters import parameter_count
from microgpt.scalar_engine import KVCache, ScalarEngine, Vector, softmax, sum_values

LARGEST = 1_500_000
"""The most numbers that a graph may have: each takes some 350 bytes."""

Gpt = Callable[[ScalarEngine, int, int, KVCache], Vector]
"""A function like `ScalarEngine.gpt`."""


class TooLargeError(ValueError):
    """A graph would have too many numbers; `estimate` says how many."""

    def __init__(self, estimate: int) -> None:
        super().__init__(
            f"this takes about {estimate:,} numbers, one object each; {LARGEST:,} are the most: "
            f"choose a shorter text or a smaller model"
        )
        self.estimate = estimate


class NoSuchNumberError(LookupError):
    """No number of the graph bears that name."""


# ---------------------------------------------------------------- the source, as statements


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """A simple statement, or the head of a compound one."""

    first: int
    """Its first line in the source, counted from 0; `last` is the last one."""
    last: int
    makes: tuple[tuple[str, CodeType], ...]
    """The names that it makes or changes, as they stand in the source, and what evaluates them."""
    loops: tuple[Statement, ...]
    """The heads of the `for` loops around it, the outermost first."""
    returns: bool = False
    body: range = range(0)
    """Of the head of a `for` or `with`, which are run once more at the end: the lines of its body,
    into which the run goes on if names were made. Empty for others."""
    target: str = ""
    """What a `for` loop counts with, as it stands in the source."""
    counters: tuple[tuple[str, CodeType], ...] = ()
    """The names in the target, and what evaluates them."""


class Source:
    """The source of a function, and the statement that each of its lines belongs to."""

    def __init__(self, function: Callable[..., Any]) -> None:
        lines, start = inspect.getsourcelines(function)
        self.start = max(start, 1)
        """The number of the first line in its file."""
        indent = len(lines[0]) - len(lines[0].lstrip())
        self.lines = tuple(_without(line.rstrip("\n"), indent) for line in lines)
        self.statements: dict[int, Statement] = {}
        # A method's source is indented, which is valid only below something.
        head = "if True:\n" if indent else ""
        self._above = 1 + bool(indent)
        tree = ast.parse(head + "".join(lines))
        self._read(next(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)).body, ())

    def _read(self, block: Sequence[ast.stmt], loops: tuple[Statement, ...]) -> None:
        for node in block:
            blocks = list(_blocks(node))
            head = [part for part in ast.iter_child_nodes(node) if isinstance(part, _HEAD)]
            end = max([node.lineno, *(each.end_lineno or 0 for each in _expressions(head))])
            if not blocks or blocks[0][0].lineno <= end:  # simple, or all on one line
                self._add(node, node.end_lineno or node.lineno, [node], loops)
                continue
            statement = self._add(node, end, head, loops)
            within = (*loops, statement) if isinstance(node, ast.For) else loops
            for inner in blocks:
                self._read(inner, within if inner is blocks[0] else loops)

    def _add(
        self, node: ast.stmt, end: int, parts: Sequence[ast.AST], loops: tuple[Statement, ...]
    ) -> Statement:
        first, last = node.lineno - self._above, end - self._above
        before = self.statements.get(first)  # another statement on the same line
        found = [text for part in parts for text in _made(part)]
        body, target, counters = range(0), "", list[str]()
        if isinstance(node, ast.For | ast.With) and end < node.body[0].lineno:
            body = range(last + 1, (node.body[-1].end_lineno or 0) - self._above + 1)
        if isinstance(node, ast.For) and body:
            target, counters = ast.unparse(node.target), _targets(node.target)
            found = [*counters, *found]
        makes = {text: compile(text, "<name>", "eval") for text in found}
        statement = Statement(
            before.first if before else first,
            max(last, before.last) if before else last,
            tuple({**dict(before.makes if before else ()), **makes}.items()),
            loops,
            any(isinstance(n, ast.Return) for part in parts for n in ast.walk(part)),
            body,
            target,
            tuple((text, makes[text]) for text in counters),
        )
        self.statements |= dict.fromkeys(range(statement.first, statement.last + 1), statement)
        return statement


_HEAD = (ast.expr, ast.withitem)
"""What stands in the head of a compound statement."""


def _expressions(parts: Sequence[ast.AST]) -> Iterator[ast.expr]:
    for part in parts:
        yield from (node for node in ast.walk(part) if isinstance(node, ast.expr))


def _blocks(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    """The blocks of a compound statement; none for a function or class, which is one statement."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return
    for name in ("body", "orelse", "finalbody"):
        if getattr(node, name, None):
            yield getattr(node, name)
    for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
        yield part.body


def _made(part: ast.AST) -> list[str]:
    """The names that a statement or expression makes or changes: what it assigns to, and what it
    calls a method of without using the answer, as in `x.append(y)`."""
    found: list[str] = []
    if isinstance(part, ast.FunctionDef | ast.ClassDef):
        return [part.name]
    for node in ast.walk(part):
        if isinstance(node, ast.Assign):
            found += [text for target in node.targets for text in _targets(target)]
        elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr | ast.For):
            found += _targets(node.target)
        elif isinstance(node, ast.withitem) and node.optional_vars:
            found += _targets(node.optional_vars)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            called = node.value.func
            if isinstance(called, ast.Attribute):
                found += _targets(called.value)
    return list(dict.fromkeys(found))


def _targets(node: ast.expr) -> list[str]:
    """The names in a target of an assignment; none that only a call could tell again."""
    if isinstance(node, ast.Tuple | ast.List):
        return [text for element in node.elts for text in _targets(element)]
    if isinstance(node, ast.Starred):
        return _targets(node.value)
    if isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
        active = ast.Call | ast.NamedExpr | ast.Await | ast.Yield | ast.YieldFrom
        if not any(isinstance(inner, active) for inner in ast.walk(node)):
            return [ast.unparse(node)]
    return []


@lru_cache(maxsize=4)
def source_of(function: Callable[..., Any]) -> Source:
    """The source of a function; read once. OSError where there is none, only compiled code."""
    return Source(function)


def _without(line: str, indent: int) -> str:
    """The line without the function's own indentation."""
    return line[indent:] if not line[:indent].strip() else line


# ---------------------------------------------------------------- the run, line by line


@dataclass(frozen=True, slots=True)
class Made:
    """A name that a statement made or changed, and its value then."""

    name: str
    """As it stands in the source; "return" for what the function returns."""
    value: Any
    """Lists are copies, since a later line may change them; the Values are the graph's own."""

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The shape of numbers in lists; () for a single one, None for something else."""
        return _shape(self.value)

    def numbers(self) -> list[Value | float]:
        """All its numbers, row by row; none where it has no shape."""
        return list(_flat(self.value)) if self.shape is not None else []


@dataclass(frozen=True, slots=True)
class Run:
    """One statement, as it was run."""

    first: int
    """Its first line in the source, counted from 0; `last` is the last one."""
    last: int
    context: tuple[tuple[str, int], ...]
    """The loops it is in, the outermost first: what each counts with, and how far it is."""
    made: tuple[Made, ...]

    @property
    def words(self) -> str:
        """The context as text: "layer 0, h 2"."""
        return ", ".join(f"{name} {count}" for name, count in self.context)


class _Watch:
    """One call of a function, seen line by line."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._current: Statement | None = None
        self._turns: dict[Statement, int] = {}
        self.runs: list[Run] = []

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "line":
            line = frame.f_lineno - self._source.start
            statement = self._source.statements.get(line)
            if statement and statement is self._current:
                return self  # another line of it, for a loop comes by its head between two turns
            self._finish(frame, statement)
            if statement and statement.target and not self._came_from(statement.body):
                self._turns[statement] = -1
            self._current = statement
        elif event == "return":
            self._finish(frame, None, arg)
            self._current = None
        return self

    def _came_from(self, lines: range) -> bool:
        return self._current is not None and self._current.first in lines

    def _finish(self, frame: FrameType, following: Statement | None, result: Any = None) -> None:
        statement = self._current
        if statement is None:
            return
        names = frame.f_locals
        context = tuple(
            each for loop in statement.loops for each in self._counters(loop, frame, names)
        )
        made = []
        if not statement.body or (following and following.first in statement.body):
            for text, code in statement.makes:
                value = _evaluated(code, frame, names)
                if value is not _NOTHING:
                    made.append(Made(text, _copied(value)))
            if statement.target:
                self._turns[statement] += 1
        if statement.returns and following is None:
            made.append(Made("return", _copied(result)))
        self.runs.append(Run(statement.first, statement.last, context, tuple(made)))

    def _counters(self, loop: Statement, frame: FrameType, names: Any) -> list[tuple[str, int]]:
        """What a loop counts with, if that is whole numbers; or else how often it has turned."""
        counts = []
        for text, code in loop.counters:
            value = _evaluated(code, frame, names)
            if isinstance(value, int):
                counts.append((text, int(value)))
        return counts or [(loop.target, self._turns[loop])]


_NOTHING = object()


def _evaluated(code: CodeType, frame: FrameType, names: Any) -> Any:
    """What a name stands for in a frame; _NOTHING if it is not of that scope, or not made yet."""
    try:
        return eval(code, frame.f_globals, names)
    except (NameError, LookupError, AttributeError, TypeError):
        return _NOTHING


_OPERATIONS = {
    Value.__add__.__code__: "+",
    Value.__mul__.__code__: "×",
    Value.__pow__.__code__: "power",
    Value.log.__code__: "log",
    Value.exp.__code__: "exp",
    Value.relu.__code__: "relu",
}
"""What makes a number from others, by the code that does it."""


@dataclass(slots=True)
class _Recorder:
    """Python's trace hook: watches one function line by line, and notes every number as made."""

    source: Source
    code: CodeType
    record: bool = True
    runs: list[list[Run]] = field(default_factory=list)
    """By position."""
    values: list[Value] = field(default_factory=list)
    """In the order in which they were made; of a sum only the total."""
    operations: list[str] = field(default_factory=list)
    terms: dict[Value, list[Value]] = field(default_factory=dict)
    """What a sum of three or more was made of, by its total."""
    _starts: list[int] = field(default_factory=list)
    _watched: bool = False
    _earlier: Any = None

    def __enter__(self) -> None:
        """Traces the code inside, and then leaves the hook to whoever had it: a debugger, or a
        measurement of coverage.

        A generator made a context would not do, for a generator keeps the tracer of its first
        half: that one would see the end of a call that it never saw begin.
        """
        self._earlier = sys.gettrace()
        sys.settrace(self._called)

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._earlier)

    def _called(self, frame: FrameType, *_: Any) -> Any:
        code = frame.f_code
        if code is self.code:
            if not self._watched:  # not a call of itself
                self._watched = True
                watch = _Watch(self.source)
                self.runs.append(watch.runs)
                return lambda *told: self._watch(watch, *told)
        elif self.record:
            if code in _OPERATIONS:
                frame.f_trace_lines = False
                return self._operated
            if code is sum_values.__code__:
                frame.f_trace_lines = False
                self._starts.append(len(self.values))
                return self._summed
        return None

    def _watch(self, watch: _Watch, frame: FrameType, event: str, arg: Any) -> Any:
        watch(frame, event, arg)
        if event == "return":
            self._watched = False
        return lambda *told: self._watch(watch, *told)

    def _operated(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "return" and isinstance(arg, Value):
            self.values.append(arg)
            self.operations.append(_OPERATIONS[frame.f_code])
        return self._operated

    def _summed(self, _: FrameType, event: str, arg: Any) -> Any:
        if event == "return":
            start = self._starts.pop()
            partial = self.values[start:]
            if len(partial) > 1:
                first = partial[0]._children
                self.terms[arg] = [*first, *(each._children[1] for each in partial[1:])]
                self.values[start:], self.operations[start:] = [arg], ["Σ"]
        return self._summed


def run_lines(anatomy: Anatomy, position: int, function: Gpt = ScalarEngine.gpt) -> list[Run]:
    """The statements of `function`, as they were run for one position of a document.

    Keys and values of the positions before are those of the anatomy, equal up to rounding, so that
    only this position is computed with Values. IndexError for a position that is not there,
    TooLargeError before anything is computed.
    """
    config, last = anatomy.config, len(anatomy.tokens) - 1
    if not 0 <= position <= last:
        raise IndexError(f"there is no position {position}: they are 0 ... {last}")
    _check_size(parameter_count(config) + _size_at(config, position))
    cache = KVCache(config.n_layer)
    for layer, made in enumerate(anatomy.layers):
        cache.keys[layer] = [[Value(k) for k in row] for row in made.k[:position]]
        cache.values[layer] = [[Value(v) for v in row] for row in made.v[:position]]
    weights = array("d", [w for rows in anatomy.weights.values() for row in rows for w in row])
    engine = ScalarEngine(config, OptimizerConfig(), weights)
    recorder = _Recorder(source_of(function), function.__code__, record=False)
    with recorder:
        function(engine, anatomy.tokens[position], position, cache)
    return recorder.runs[0]


# ---------------------------------------------------------------- the graph


class Graph:
    """Every number of one document, from the weights to the loss, each with a number of its own.

    Nodes are counted: first the weights in parameter order, then the others in the order in which
    they were made, so that the same text and shape of model have the same nodes, whatever the
    weights. A sum of three or more is one node, Σ, without the partial sums. ValueError as for
    `dissect`; TooLargeError before anything is built.
    """

    def __init__(
        self,
        config: ModelConfig,
        weights: Sequence[float],
        tokens: Sequence[int],
        function: Gpt = ScalarEngine.gpt,
        backward: bool = True,
    ) -> None:
        inputs, targets = inputs_and_targets(tokens, config)
        _check_size(estimated_size(config, len(inputs)))
        engine = ScalarEngine(config, OptimizerConfig(), array("d", weights))
        self.config = config
        self.tokens = inputs
        self.source = source_of(function)
        recorder = _Recorder(self.source, function.__code__)
        logits, probs, losses = [], [], []
        cache = KVCache(config.n_layer)
        with recorder:
            for position, (token, target) in enumerate(zip(inputs, targets, strict=True)):
                logits.append(function(engine, token, position, cache))
                probs.append(softmax(logits[-1]))
                losses.append(-probs[-1][target].log())
            mean = sum_values(losses) / len(losses)
        self.runs = recorder.runs
        """The statements as they were run, by position."""
        self._terms = recorder.terms
        self._nodes: list[Value] = []
        self._operations: list[str] = []
        self._numbers: dict[Value, int] = {}
        self._below = array("q")
        self._ends = array("q")
        """The children of all nodes, one node after the other, and where those of each end."""
        for value in engine._params:
            self._count(value, "weight")
        for value, operation in zip(recorder.values, recorder.operations, strict=True):
            children = dict.fromkeys(self._made_from(value))
            for child in children:
                if child not in self._numbers:
                    self._count(child, "constant")
            self._below.extend([self._numbers[child] for child in children])
            self._count(value, operation)
        self.loss = self.number(mean)
        """The node of the loss."""
        self._bases: dict[str, Any] = {}
        self._names: dict[int, tuple[str, tuple[int, ...]]] = {}
        self._call({"loss": mean, "losses": losses, "probs": probs, "logits": logits})
        self._call(engine._state_dict)
        for position, runs in enumerate(self.runs):
            for run, names in zip(runs, names_of(runs, position), strict=True):
                self._call({name: m.value for m, name in zip(run.made, names, strict=True) if name})
        self.walked = False
        """True once `backward` has come by."""
        if backward:
            self.backward()

    def _count(self, value: Value, operation: str) -> None:
        self._numbers[value] = len(self._nodes)
        self._nodes.append(value)
        self._ends.append(len(self._below))
        self._operations.append(operation)

    def _call(self, named: dict[str, Any]) -> None:
        """Give the numbers in each value that name, unless they have one."""
        for base, value in named.items():
            self._bases[base] = value
            for path, each in _paths(value):
                if each not in self._numbers:
                    self._count(each, "constant")
                self._names.setdefault(self._numbers[each], (base, path))

    def backward(self) -> None:
        """Compute d(loss)/d(node) for every node; from then on there are gradients."""
        if not self.walked:
            self._nodes[self.loss].backward()
            self.walked = True

    def __len__(self) -> int:
        return len(self._nodes)

    def value(self, node: int) -> float:
        """The number itself."""
        return self._at(node).data

    def gradient(self, node: int) -> float | None:
        """d(loss)/d(node); None before `backward` has come by, 0 where the loss does not depend
        on it."""
        return self._at(node).grad if self.walked else None

    def operation(self, node: int) -> str:
        """What made it: "Σ", "+", "×", "exp", "relu", "log", "power", "weight" or "constant"."""
        self._at(node)
        return self._operations[node]

    def children(self, node: int) -> list[tuple[int, float]]:
        """What it is made from, each with d(node)/d(child). A number that is used twice, as in
        x × x, stands there once, with the sum of both.

        The terms of a Σ come with the largest in size first, and nan before all others.
        """
        value = self._at(node)
        terms = self._terms.get(value)
        local_grads = (1.0,) * len(terms) if terms else value._local_grads
        found: dict[int, float] = {}
        for child, local in zip(terms or value._children, local_grads, strict=True):
            number = self._numbers[child]
            found[number] = found.get(number, 0.0) + local
        if not terms:
            return list(found.items())
        shares = {child: local * self._nodes[child].data for child, local in found.items()}
        largest = sorted(found, key=lambda child: _size_order(shares[child]))
        return [(child, found[child]) for child in largest]

    def children_count(self, node: int) -> int:
        """How many numbers it is made from."""
        return len(set(self._made_from(self._at(node))))

    def users(self, node: int) -> list[int]:
        """The nodes that are made from it, in the order in which they were made."""
        self._at(node)
        offsets, users = self._used
        return list(users[offsets[node] : offsets[node + 1]])

    def users_count(self, node: int) -> int:
        """How many nodes are made from it."""
        self._at(node)
        offsets, _ = self._used
        return offsets[node + 1] - offsets[node]

    def name(self, node: int) -> str:
        """The name by which `find` finds it; "" for a number that never had one."""
        self._at(node)
        if node not in self._names:
            return ""
        return full_name(*self._names[node])

    def find(self, name: str) -> int:
        """The node of that name. NoSuchNumberError, a LookupError, if there is none."""
        match = _NAME.fullmatch(name.strip()) if len(name) <= _LONGEST else None
        found = self._bases.get(match["base"].rstrip()) if match else None
        for index in _INDEX.findall(match["path"]) if match else ():
            inside = isinstance(found, list) and int(index) < len(found)
            found = found[int(index)] if inside else None  # type: ignore[index]
        if not isinstance(found, Value):
            raise NoSuchNumberError(
                f"there is no number called {name[:_LONGEST]!r} in this text's graph"
            )
        return self._numbers[found]

    def number(self, value: Value) -> int:
        """The node of a Value that a run shows. KeyError for one of another graph."""
        return self._numbers[value]

    def _at(self, node: int) -> Value:
        if not 0 <= node < len(self._nodes):
            raise IndexError(f"there is no number {node}: they are 0 ... {len(self._nodes) - 1}")
        return self._nodes[node]

    def _made_from(self, value: Value) -> Sequence[Value]:
        return self._terms.get(value) or value._children

    @cached_property
    def _used(self) -> tuple[array[int], array[int]]:
        """(offsets, users): those of a node stand from its offset to that of the next one."""
        below, ends = self._below, self._ends
        offsets = array("q", bytes(8 * (len(ends) + 2)))
        for child in below:
            offsets[child + 2] += 1
        for node in range(2, len(offsets)):
            offsets[node] += offsets[node - 1]
        users = array("q", bytes(8 * len(below)))
        start = 0
        for user, end in enumerate(ends):
            for child in below[start:end]:
                users[offsets[child + 1]] = user
                offsets[child + 1] += 1
            start = end
        return offsets, users


def estimated_size(config: ModelConfig, length: int) -> int:
    """About how many numbers the forward pass makes for `length` positions, without making any."""
    run = sum(_size_at(config, position) for position in range(length))
    return parameter_count(config) + run


def _size_at(config: ModelConfig, position: int) -> int:
    """About how many numbers one position makes: two for each weight that it meets, and more for
    each position that a head reads."""
    n_embd, read = config.n_embd, position + 1
    norm, attention = 3 * n_embd, 4 * n_embd * read + 8 * config.n_head * read
    layer = 2 * 12 * n_embd**2 + attention + 2 * norm + 6 * n_embd
    last = 2 * config.vocab_size * n_embd + 6 * config.vocab_size
    return 4 * n_embd + config.n_layer * layer + last


def _check_size(estimate: int) -> None:
    if estimate > LARGEST:
        raise TooLargeError(estimate)


_LONGEST = 500
"""Characters of a name that are read; no name is as long."""
_NAME = re.compile(r"(?P<base>.*?)(?P<path>(?:\[[0-9]{1,9}\])*)", re.DOTALL)
_INDEX = re.compile(r"[0-9]+")


def _size_order(number: float) -> tuple[bool, float]:
    """Sorts the largest in size first, and nan before all others."""
    return not math.isnan(number), -abs(number)


def names_of(runs: Sequence[Run], position: int) -> list[list[str]]:
    """For each run of one position the full name of each thing that it made, without indices; ""
    for what is no number of the graph."""
    seen: dict[str, int] = {}
    names = []
    for run in runs:
        where = "".join(f" {name} {count}" for name, count in run.context)
        own = []
        for made in run.made:
            name = ""
            if any(isinstance(number, Value) for number in made.numbers()):
                times = seen[made.name + where] = seen.get(made.name + where, 0) + 1
                again = f"#{times}" if times > 1 else ""
                name = f"{made.name}{again}{where} position {position}"
            own.append(name)
        names.append(own)
    return names


def full_name(base: str, path: Sequence[int]) -> str:
    """The name of one number of what bears the name `base`, as `Graph.find` takes it."""
    gap = " " if path and " " in base else ""
    return base + gap + "".join(f"[{index}]" for index in path)


def _paths(value: Any) -> Iterator[tuple[tuple[int, ...], Value]]:
    """Every Value in nested lists, with its indices."""
    if isinstance(value, Value):
        yield (), value
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            for path, each in _paths(inner):
                yield (index, *path), each


def _copied(value: Any) -> Any:
    """Lists and tuples copied as lists, all else as it is."""
    return [_copied(each) for each in value] if isinstance(value, list | tuple) else value


def _shape(value: Any) -> tuple[int, ...] | None:
    if isinstance(value, Value | float | int) and not isinstance(value, bool):
        return ()
    if not isinstance(value, list):
        return None
    inner = {_shape(each) for each in value}
    if len(inner) > 1 or None in inner:
        return None
    return (len(value), *(inner.pop() or ())) if inner else (0,)


def _flat(value: Any) -> Iterator[Value | float]:
    if isinstance(value, list):
        for each in value:
            yield from _flat(each)
    else:
        yield value
