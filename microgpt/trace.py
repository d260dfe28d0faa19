"""The scalar engine's own `gpt` run line by line: what each statement of it made.

Nothing here knows what the source of `gpt` says. That source is compiled once more with a call
before each statement, and runs in a copy of its module's names. The syntax tree tells which names a
statement makes, and `locals()` has their values; so what is shown cannot drift from the code.

What a statement made is called by the name in the source, the loops it was made in, and the
position, as in "q layer 0 position 3". A name that is made again in the same turn of its loops is
counted: "x", "x#2", "x#3".
"""

from __future__ import annotations

import ast
import inspect
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from types import CodeType, FunctionType
from typing import Any, TypeVar, cast

from microgpt import kernels, scalar_engine
from microgpt.anatomy import Anatomy
from microgpt.autograd import Value
from microgpt.collector import collector_paused
from microgpt.config import OptimizerConfig
from microgpt.parameters import parameter_count
from microgpt.scalar_engine import KVCache, ScalarEngine, Vector

LARGEST = 750_000
"""The most numbers that are made for one text: each takes some 350 bytes."""

Gpt = Callable[[ScalarEngine, int, int, KVCache], Vector]
"""A function like `ScalarEngine.gpt`."""


class TooLargeError(ValueError):
    """There would be too many numbers; `estimate` says how many."""

    def __init__(self, estimate: int) -> None:
        super().__init__(
            f"this takes about {estimate:,} numbers, one object each; {LARGEST:,} are the most: "
            f"choose a shorter text or a smaller model"
        )
        self.estimate = estimate


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
    is_head: bool = False
    """True for the head of a loop or `with` that has a body below it. Its names are made when the
    run goes on into that body."""
    target: str = ""
    """What a `for` loop counts with, as it stands in the source."""
    counters: tuple[tuple[str, CodeType], ...] = ()
    """The names in the target, and what evaluates them."""


class Source:
    """The source of a function: its lines, its statements, and its code with a call before each
    statement, which tells `WATCH` of it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        lines, start = inspect.getsourcelines(function)
        indent = len(lines[0]) - len(lines[0].lstrip())
        self.lines = tuple(_without(line.rstrip("\n"), indent) for line in lines)
        self.statements: list[Statement] = []
        # A method's source is indented, which is valid only below something.
        head = "if True:\n" if indent else ""
        self._above = 1 + bool(indent)
        tree = ast.parse(head + "".join(lines))
        definition = next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
        followed = self._followed(definition.body, ())
        end = _told("end", definition)
        definition.body = [ast.Try(body=followed, handlers=[], orelse=[], finalbody=[end])]
        definition.decorator_list = []
        module = ast.fix_missing_locations(ast.Module([definition], []))
        ast.increment_lineno(module, max(start, 1) - self._above)  # an error tells the true line
        codes = compile(module, inspect.getsourcefile(function) or "<source>", "exec").co_consts
        self._code = next(code for code in codes if getattr(code, "co_name", "") == definition.name)

    def function(self, original: Callable[..., Any], names: dict[str, Any]) -> Any:
        """The function, which tells names[WATCH] of each statement and reads all other names there
        as well."""
        own = cast(FunctionType, original)
        return FunctionType(self._code, names, own.__name__, own.__defaults__)

    def _followed(self, block: Sequence[ast.stmt], loops: tuple[Statement, ...]) -> list[ast.stmt]:
        """The block with a call before each of its statements, and before those in their blocks."""
        followed: list[ast.stmt] = []
        for node in block:
            blocks = list(_blocks(node))
            head = [part for part in ast.iter_child_nodes(node) if isinstance(part, _HEAD)]
            end = max([node.lineno, *(each.end_lineno or 0 for each in _expressions(head))])
            if _does_nothing(node):
                followed.append(node)
                continue
            if not blocks or blocks[0][0].lineno <= end:  # simple, or all on one line
                number = self._add(node, node.end_lineno or node.lineno, [node], loops)
                followed += [_told("begin", node, number), _Returns().visit(node)]
                continue
            number = self._add(node, end, head, loops)
            within = (*loops, self.statements[number]) if isinstance(node, ast.For) else loops
            for inner in blocks:
                inner[:] = self._followed(inner, within if inner is blocks[0] else loops)
            if isinstance(node, ast.For | ast.While | ast.With):
                blocks[0].insert(0, _told("enter", node, number))
            if isinstance(node, ast.For | ast.While):  # it comes by its head again
                blocks[0].append(_told("again", node, number))
                node.orelse.insert(0, _told("again", node, number))
            followed += [_told("begin", node, number), node]
        return followed

    def _add(
        self, node: ast.stmt, end: int, parts: Sequence[ast.AST], loops: tuple[Statement, ...]
    ) -> int:
        """Keep a statement; its number."""
        found = [text for part in parts for text in _made(part)]
        is_head = isinstance(node, ast.For | ast.While | ast.With) and end < node.body[0].lineno
        target, counters = "", list[str]()
        if isinstance(node, ast.For) and is_head:
            target, counters = ast.unparse(node.target), _targets(node.target)
            found = [*counters, *found]
        makes = {text: compile(text, "<name>", "eval") for text in found}
        statement = Statement(
            node.lineno - self._above,
            end - self._above,
            tuple(makes.items()),
            loops,
            is_head,
            target,
            tuple((text, makes[text]) for text in counters),
        )
        self.statements.append(statement)
        return len(self.statements) - 1


_Node = TypeVar("_Node", bound=ast.AST)

WATCH = "__watch__"
"""The name by which the code of a Source knows what watches it."""


def _told(event: str, place: ast.stmt, *arguments: object) -> ast.stmt:
    """The statement `__watch__.event(*arguments, locals())`, with the place of another one."""
    words = ", ".join([*map(repr, arguments), "locals()"])
    [call] = ast.parse(f"{WATCH}.{event}({words})").body
    return _placed(call, place)


def _placed(node: _Node, place: ast.stmt) -> _Node:
    """The node, with the place of another one: a debugger shows that line."""
    for each in ast.walk(node):
        ast.copy_location(each, place)
    return node


class _Returns(ast.NodeTransformer):
    """Has every `return x` of a function tell what x is: `return __watch__.returned(x)`."""

    def visit_Return(self, node: ast.Return) -> ast.Return:
        """See NodeTransformer."""
        told = ast.parse(f"{WATCH}.returned", mode="eval").body
        told = _placed(ast.Call(told, [], []), node)
        told.args = [node.value or ast.copy_location(ast.Constant(None), node)]
        return ast.copy_location(ast.Return(told), node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        """A function inside returns for itself."""
        return node


def _does_nothing(node: ast.stmt) -> bool:
    """True for a docstring or other constant, and for what only declares."""
    constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return constant or isinstance(node, ast.Global | ast.Nonlocal)


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
        return flat(self.value) if self.shape is not None else []


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
    """One call of a function, seen statement by statement."""

    def __init__(self, source: Source, names: dict[str, Any]) -> None:
        self._source = source
        self._names = names
        self._current: Statement | None = None
        self._context: tuple[tuple[str, int], ...] = ()
        self._turns: dict[Statement, int] = {}
        self._returned: tuple[Made, ...] = ()
        self.runs: list[Run] = []

    def begin(self, number: int, local: Mapping[str, Any]) -> None:
        """A statement is about to be run."""
        statement = self._source.statements[number]
        self._finish(local)
        self._current = statement
        self._context = tuple(
            each for loop in statement.loops for each in self._counters(loop, local)
        )
        self._turns[statement] = -1

    def again(self, number: int, local: Mapping[str, Any]) -> None:
        """A loop comes by its head again."""
        statement = self._source.statements[number]
        if statement is not self._current:
            turns = self._turns[statement]
            self.begin(number, local)
            self._turns[statement] = turns

    def enter(self, number: int, local: Mapping[str, Any]) -> None:
        """The run goes on into the body of a loop or `with`."""
        self.again(number, local)
        self._turns[self._source.statements[number]] += 1
        self._finish(local, entered=True)

    def returned(self, result: Any) -> Any:
        """The function returns that."""
        self._returned = (Made("return", _copied(result)),)
        return result

    def end(self, local: Mapping[str, Any]) -> None:
        """The function is left."""
        self._finish(local)

    def _finish(self, local: Mapping[str, Any], entered: bool = False) -> None:
        """Note what the current statement has made."""
        statement, self._current = self._current, None
        if statement is None:
            return
        made = list(self._returned)
        if entered or not statement.is_head:
            found = [(text, self._evaluated(code, local)) for text, code in statement.makes]
            made[:0] = [
                Made(text, _copied(value)) for text, value in found if value is not _NOTHING
            ]
        self.runs.append(Run(statement.first, statement.last, self._context, tuple(made)))

    def _counters(self, loop: Statement, local: Mapping[str, Any]) -> list[tuple[str, int]]:
        """What a loop counts with, if that is whole numbers; or else how often it has turned."""
        found = [(text, self._evaluated(code, local)) for text, code in loop.counters]
        counts = [(text, int(value)) for text, value in found if isinstance(value, int)]
        return counts or [(loop.target, self._turns[loop])]

    def _evaluated(self, code: CodeType, local: Mapping[str, Any]) -> Any:
        """What a name stands for; _NOTHING if it is not of that scope, or not made yet."""
        try:
            return eval(code, self._names, local)
        except (NameError, LookupError, AttributeError, TypeError):
            return _NOTHING


_NOTHING = object()


class Followed:
    """A function like `gpt` that is followed as it runs, in a `with` block. It and the functions of
    its module run in a copy of the module's names, so that nothing is changed for anybody else."""

    def __init__(self, function: Gpt) -> None:
        own = cast(FunctionType, function)
        free = zip(own.__code__.co_freevars, own.__closure__ or (), strict=True)
        self._originals = {
            **vars(scalar_engine),
            **own.__globals__,
            **{name: cell.cell_contents for name, cell in free},
        }
        self.names = dict(self._originals)
        for name, each in self._originals.items():
            if isinstance(each, FunctionType) and (
                each.__globals__ is vars(scalar_engine) or each.__globals__ is own.__globals__
            ):
                self.names[name] = FunctionType(
                    each.__code__, self.names, name, each.__defaults__, each.__closure__
                )
        self._source = source_of(function)
        self._function = self._source.function(function, self.names)
        self.runs: list[list[Run]] = []
        """The statements as they were run, by call."""

    def __enter__(self) -> Followed:
        return self

    def __exit__(self, *_: object) -> None:
        self.names.clear()  # its functions hold it, and it holds them

    def replace(self, original: Callable[..., Any], by: Callable[..., Any]) -> None:
        """Have another function called in the place of one of the scalar engine, if that is the one
        that would be called."""
        if self._originals[original.__name__] is original:
            self.names[original.__name__] = by

    def __call__(self, engine: ScalarEngine, token: int, position: int, cache: KVCache) -> Vector:
        watch = self.names[WATCH] = _Watch(self._source, self.names)
        self.runs.append(watch.runs)
        return cast(Vector, self._function(engine, token, position, cache))


def run_lines(anatomy: Anatomy, position: int, function: Gpt = ScalarEngine.gpt) -> list[Run]:
    """The statements of `function`, as they were run for one position of a document.

    Keys and values of the positions before are those of the anatomy, so that only this position is
    computed; and no line shows the single products of a matrix, so that `linear` adds them up as
    floats. Both are equal to the engine's numbers up to rounding. IndexError for a position that is
    not there, TooLargeError before anything is computed.
    """
    config, last = anatomy.config, len(anatomy.tokens) - 1
    if not 0 <= position <= last:
        raise IndexError(f"there is no position {position}: they are 0 ... {last}")
    check_size(parameter_count(config))
    with collector_paused():
        cache = KVCache(config.n_layer)
        for layer, made in enumerate(anatomy.layers):
            cache.keys[layer] = [[Value(k) for k in row] for row in made.k[:position]]
            cache.values[layer] = [[Value(v) for v in row] for row in made.v[:position]]
        rows = chain.from_iterable(anatomy.weights.values())
        weights = array("d", chain.from_iterable(rows))
        engine = ScalarEngine(config, OptimizerConfig(), weights)
        with Followed(function) as followed:
            followed.replace(scalar_engine.linear, _linear)
            followed(engine, anatomy.tokens[position], position, cache)
    return followed.runs[0]


def _linear(x: Vector, w: Sequence[Vector]) -> Vector:
    """`scalar_engine.linear` without a graph: only what comes out is a Value."""
    numbers = [each.data for each in x]
    return [Value(kernels.dot([each.data for each in row], numbers)) for row in w]


def check_size(estimate: int) -> None:
    """Raise TooLargeError for more numbers than LARGEST."""
    if estimate > LARGEST:
        raise TooLargeError(estimate)


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


def _copied(value: Any) -> Any:
    """Lists and tuples copied as lists, all else as it is."""
    if not isinstance(value, list | tuple):
        return value
    return [_copied(each) for each in value] if _holds(value, (list, tuple)) else list(value)


def _shape(value: Any) -> tuple[int, ...] | None:
    if not isinstance(value, list):
        return () if _is_number(type(value)) else None
    if not _holds(value, (list,)):
        return (len(value),) if all(map(_is_number, set(map(type, value)))) else None
    inner = {_shape(each) for each in value}
    if len(inner) > 1 or None in inner:
        return None
    return (len(value), *(inner.pop() or ()))


def flat(value: Any) -> list[Any]:
    """All that nested lists hold, row by row."""
    if not isinstance(value, list):
        return [value]
    if not _holds(value, (list,)):
        return value
    return list(chain.from_iterable(map(flat, value)))


def _is_number(kind: type) -> bool:
    return issubclass(kind, (Value, float, int)) and kind is not bool


def _holds(values: Sequence[Any], kinds: tuple[type, ...]) -> bool:
    """True if one of the values is of one of the kinds. Most are of one kind, and a row is long."""
    return any(issubclass(kind, kinds) for kind in set(map(type, values)))
