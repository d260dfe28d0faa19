"""What the scalar engine does for a text, noted once, and done again with other numbers.

`gpt` does the same operations for every text and all weights. So they are noted while `gpt` is
followed once (trace.py), number by number. From then on the values and gradients of another text,
or after another step, are made from the notes: without an object for each number, some ten times
faster. Other names for such notes are tape and Wengert list (Wengert 1964, "A simple automatic
derivative evaluation program").

Three things do not follow from the notes alone, and are noted as what they are: which row of wte a
position reads, which token is its target, and the largest number that `softmax` takes off.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from itertools import chain
from operator import add, itemgetter, mul
from typing import Any, NamedTuple

from microgpt import scalar_engine
from microgpt.autograd import Value
from microgpt.collector import collector_paused
from microgpt.config import ModelConfig, OptimizerConfig
from microgpt.parameters import parameter_count
from microgpt.scalar_engine import KVCache, ScalarEngine, Vector
from microgpt.trace import Followed, Gpt, Run, flat, names_of, source_of

# ---------------------------------------------------------------- the numbers as they are made


class _Noted(Value):
    """A number of which all that is made from it is noted, in the order in which it is made. The
    arithmetic is Value's own."""

    __slots__ = ()


class _Notes:
    """The numbers that are made of _Noted ones, in this order."""

    def __init__(self) -> None:
        self.clear()
        self._one_at_a_time = threading.Lock()

    def clear(self) -> None:
        self.values: list[Value] = []
        self.operations: list[str] = []
        self.exponents: dict[Value, float] = {}

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Begins with no notes, and leaves none. Another thread waits meanwhile."""
        with self._one_at_a_time:
            self.clear()
            try:
                yield
            finally:
                self.clear()


_NOTES = _Notes()


def _noting(operate: Callable[..., Value], operation: str) -> Callable[..., Value]:
    def noted(self: Value, *others: Value | float) -> Value:
        made = operate(self, *others)
        made.__class__ = _Noted
        _NOTES.values.append(made)
        _NOTES.operations.append(operation)
        if operation == "power":
            _NOTES.exponents[made] = others[0]  # type: ignore[assignment]
        return made

    return noted


for _name, _operation in {
    "__add__": "+", "__mul__": "×", "__pow__": "power", "log": "log", "exp": "exp", "relu": "relu",
}.items():  # fmt: skip
    setattr(_Noted, _name, _noting(getattr(Value, _name), _operation))


def _sum_values(values: Vector) -> Value:
    """`scalar_engine.sum_values`, of which three or more terms make one number. It adds the floats
    as it adds Values; each term has a derivative of 1, as through the partial sums."""
    if len(values) < 3 or not all(issubclass(kind, Value) for kind in set(map(type, values))):
        return scalar_engine.sum_values(values)
    # The function only adds, so that floats do.
    data = scalar_engine.sum_values([each.data for each in values])  # type: ignore[misc]
    total = _Noted(data, tuple(values), (1.0,) * len(values))  # type: ignore[arg-type]
    _NOTES.values.append(total)
    _NOTES.operations.append("Σ")
    return total


class _Largest(float):
    """The largest of some numbers' data, or minus that, and whose data they are."""

    of: Sequence[float]
    sign = 1.0

    def __neg__(self) -> _Largest:
        other = _Largest(-float(self))
        other.of, other.sign = self.of, -self.sign
        return other


def _largest(*arguments: Any, **options: Any) -> Any:
    """`max`, which remembers what it was the largest of, if that was floats."""
    found = list(arguments[0] if len(arguments) == 1 else arguments)
    if options or not found or {*map(type, found)} != {float}:
        return max(found, **options)
    largest = _Largest(max(found))
    largest.of = found
    return largest


# ---------------------------------------------------------------- the steps


_Taking = Callable[[Sequence[float]], Sequence[float]]


class _Dot(NamedTuple):
    """A Σ of the products that stand directly before it."""

    first: int
    node: int
    one: tuple[int, ...]
    other: tuple[int, ...]
    ones: _Taking
    """Takes the data of `one` out of all data; `others` of `other`."""
    others: _Taking


class _Rows(NamedTuple):
    """Several _Dots of one row of weights after the other with the same numbers: a `linear`."""

    sums: list[tuple[int, int]]
    """Of each row the number of its first product, and that of the Σ."""
    offset: int
    """The number of the first weight; the rows lie one behind the other."""
    other: tuple[int, ...]
    others: _Taking

    @property
    def node(self) -> int:
        """The number of the last Σ."""
        return self.sums[-1][1]

    def follows(self, row: tuple[int, ...], other: tuple[int, ...]) -> bool:
        """True if this row of weights is the next one, and is multiplied by the same numbers."""
        return other == self.other and row[0] == self.offset + len(row) * len(self.sums)


class _Sum(NamedTuple):
    """A sum of three or more."""

    node: int
    terms: tuple[int, ...]


class _Two(NamedTuple):
    """A sum or product of two numbers."""

    node: int
    one: int
    other: int
    adds: bool


class _One(NamedTuple):
    """Any other operation; `operate` is Value's own."""

    node: int
    child: int
    operate: Callable[[Value], Value]


class _Max(NamedTuple):
    """A constant that is the largest of some numbers, times `sign`."""

    node: int
    sign: float
    of: tuple[int, ...]


_Step = _Dot | _Rows | _Sum | _Two | _One | _Max


class _Notation:
    """Numbers, counted in the order in which they were made, each after what it is made from."""

    def __init__(self, first: int, weights: int) -> None:
        """weights: how many numbers are weights, the first ones of all."""
        self.first = first
        """The number of the first one."""
        self.weights = weights
        self.closed = 0
        """Steps that nothing is added to any more."""
        self.operations: list[str] = []
        self.children: list[tuple[int, ...]] = []
        self.constants: list[float] = []
        """Values of constants, 0 for all other numbers."""
        self.steps: list[_Step] = []

    def end(self) -> int:
        return self.first + len(self.operations)

    def constant(self, value: float) -> int:
        return self._append("constant", (), float(value))

    def largest(self, value: _Largest, of: tuple[int, ...]) -> int:
        node = self._append("constant", ())
        self.steps.append(_Max(node, value.sign, of))
        return node

    def made(self, operation: str, children: tuple[int, ...], exponent: float | None) -> int:
        node = self._append(operation, children)
        if operation == "Σ":
            self._add_sum(node, children)
        elif operation in "+×":
            self.steps.append(_Two(node, children[0], children[1], operation == "+"))
        elif operation == "power":
            assert exponent is not None
            self.steps.append(_One(node, children[0], _to_the(exponent)))
        else:
            self.steps.append(_One(node, children[0], getattr(Value, operation)))
        return node

    def _append(self, operation: str, children: tuple[int, ...], value: float = 0.0) -> int:
        self.operations.append(operation)
        self.children.append(children)
        self.constants.append(value)
        return self.end() - 1

    def _add_sum(self, node: int, terms: tuple[int, ...]) -> None:
        count = len(terms)
        fits = len(self.steps) >= count and terms == tuple(range(node - count, node)) and all(
            isinstance(step, _Two) and step.node == term and not step.adds
            and step.one >= 0 and step.other >= 0
            for step, term in zip(self.steps[-count:], terms, strict=True)
        )  # fmt: skip
        if not fits:
            self.steps.append(_Sum(node, terms))
            return
        del self.steps[-count:]
        ones, others = zip(*(self.children[term - self.first] for term in terms), strict=True)
        if ones != tuple(range(ones[0], ones[0] + count)) or ones[-1] >= self.weights:
            self.steps.append(_Dot(terms[0], node, ones, others, _taking(ones), _taking(others)))
            return
        last = self.steps[-1] if len(self.steps) > self.closed else None
        if isinstance(last, _Rows) and last.follows(ones, others):
            last.sums.append((terms[0], node))
            return
        self.steps.append(_Rows([(terms[0], node)], ones[0], others, _taking(others)))


def _taking(numbers: tuple[int, ...]) -> _Taking:
    """Takes the data of several numbers out of all data. Numbers in a row are a slice, which is
    some times faster."""
    first, end = numbers[0], numbers[-1] + 1
    if end - first == len(numbers) and numbers == tuple(range(first, end)):
        return itemgetter(slice(first, end))
    return itemgetter(*numbers)


def _to_the(exponent: float) -> Callable[[Value], Value]:
    return lambda value: value**exponent


class Values(NamedTuple):
    """What a tape makes of a text."""

    data: list[float]
    """By number."""
    slopes: dict[int, float]
    """d(number)/d(its child), of those that are neither sums nor products."""


# ---------------------------------------------------------------- the tape


class Tape:
    """The numbers of texts up to some length, and what makes each of them.

    Numbers are counted: first the weights in parameter order, then those of position 0 with the
    constants that they need, those of position 1, and at last the mean of the losses. So a number
    is the same in every text of the same length, and up to the mean in longer ones. A child below 0
    stands for what differs from text to text (`child`).
    """

    def __init__(self, config: ModelConfig, function: Gpt = ScalarEngine.gpt) -> None:
        self.config = config
        self.source = source_of(function)
        self.runs: list[list[Run]] = []
        """The statements as they were run while they were noted, by position."""
        self.weight_count = parameter_count(config)
        self.names: dict[str, Any] = {}
        """Nested lists of numbers by the name that they all bear; None for what is no number."""
        self.name_of: dict[int, str] = {}
        """The first of the names under which a number stands, alone or in lists."""
        self.logs: list[int] = []
        """By position the number of log(probability of the target)."""
        self._function = function
        self._wte = 0
        self._probs: list[list[int]] = []
        self._notation = _Notation(self.weight_count, self.weight_count)
        self._ends = [self.weight_count]
        self._means: dict[int, _Notation] = {}
        self._steps_until = [0]
        self._users: dict[int, list[int]] = {}
        self._products_are_shared = False
        """True if a term of a Σ is used elsewhere as well."""
        self._engine: ScalarEngine | None = None
        self._cache = KVCache(config.n_layer)
        self._losses: list[Value] = []
        self._numbers: dict[Value, int] = {}
        """The numbers of the Values that later positions may use."""

    @property
    def length(self) -> int:
        """The positions that are noted."""
        return len(self._probs)

    # ------------------------------------------------------------ noting

    def note(self, weights: Sequence[float], inputs: Sequence[int]) -> None:
        """Note the positions that are not noted yet. inputs: what each position reads. The weights
        matter only if the function does other things for other numbers."""
        if len(inputs) <= self.length:
            return
        with _NOTES.taken(), collector_paused(), Followed(self._function) as followed:
            followed.replace(scalar_engine.sum_values, _sum_values)
            followed.names.update({"Value": _Noted, "max": followed.names.get("max", _largest)})
            engine = self._engine or self._new_engine(weights)
            softmax, layout = followed.names["softmax"], engine._state_dict
            for position in range(self.length, len(inputs)):
                token = inputs[position]
                row: Vector = [_Noted(value.data) for value in layout["wte"][token]]
                aliases = {value: self._alias(position, i) for i, value in enumerate(row)}
                self._numbers.update(aliases)
                layout["wte"][token], kept = row, layout["wte"][token]
                _NOTES.clear()
                try:
                    logits = followed(engine, token, position, self._cache)
                finally:
                    layout["wte"][token] = kept
                probs = softmax(logits)
                log = probs[0].log()
                self._losses.append(-log)
                self._take(position, logits, probs, log, followed.runs[-1])
            self._means.clear()

    def _new_engine(self, weights: Sequence[float]) -> ScalarEngine:
        self._engine = engine = ScalarEngine(self.config, OptimizerConfig(), array("d", weights))
        for number, weight in enumerate(engine._params):
            weight.__class__ = _Noted
            self._numbers[weight] = number
        self._wte = self._numbers[engine._state_dict["wte"][0][0]]
        for name, matrix in engine._state_dict.items():
            self.names[name] = _numbered(matrix, self._numbers)
        self.names |= {"logits": [], "probs": [], "losses": []}
        return engine

    def _alias(self, position: int, column: int) -> int:
        """What stands for a column of the row of wte that a position reads; behind the last column
        for the probability of its target."""
        return -1 - (position * (self.config.n_embd + 1) + column)

    def _take(
        self, position: int, logits: Vector, probs: Vector, log: Value, runs: list[Run]
    ) -> None:
        """Take over what one position made."""
        notation, numbers = self._notation, self._numbers
        self._write(notation, _NOTES.values, _NOTES.operations)
        self.logs.append(numbers[log])
        place, target = numbers[log] - notation.first, self._alias(position, self.config.n_embd)
        notation.children[place] = (target,)
        at = next(i for i in range(len(notation.steps) - 1, -1, -1)
                  if notation.steps[i].node == numbers[log])  # fmt: skip
        notation.steps[at] = _One(numbers[log], target, Value.log)
        self._probs.append([numbers[value] for value in probs])
        self.runs.append(runs)
        found: dict[str, Any] = {
            "losses": self._losses[-1], "probs": probs, "logits": logits,
        }  # fmt: skip
        for name, own in found.items():
            self.names[name].append(_numbered(own, numbers, notation))
        named = {
            name: _numbered(made.value, numbers, notation)
            for run, names in zip(runs, names_of(runs, position), strict=True)
            for made, name in zip(run.made, names, strict=True)
            if name
        }
        self.names |= named
        tops = {name: self.names[name][-1] for name in found}
        for name, within in [*tops.items(), *named.items()]:
            for number in flat(within):
                if number is not None:
                    self.name_of.setdefault(number, name)
        self._ends.append(notation.end())
        notation.closed = len(notation.steps)
        self._steps_until.append(notation.closed)
        self._count_users(self._ends[position])
        keep = {*flat(self._cache.keys), *flat(self._cache.values), *self._losses}
        made = {*_NOTES.values} - keep
        for value in _NOTES.values:
            value._children = value._local_grads = ()
        for value in made:
            del numbers[value]

    def _write(
        self, notation: _Notation, values: Sequence[Value], operations: Sequence[str]
    ) -> None:
        """Number the values, and the constants that they need."""
        numbers = self._numbers
        data = {id(value.data): number for value, number in numbers.items() if number < 0}
        """Whose data a float object is."""
        for value, operation in zip(values, operations, strict=True):
            for child in value._children:
                if child in numbers:
                    continue
                if isinstance(child.data, _Largest) and all(id(x) in data for x in child.data.of):
                    of = tuple(data[id(x)] for x in child.data.of)
                    numbers[child] = notation.largest(child.data, of)
                else:
                    numbers[child] = notation.constant(child.data)
            children = tuple(numbers[child] for child in value._children)
            numbers[value] = notation.made(operation, children, _NOTES.exponents.get(value))
            data[id(value.data)] = numbers[value]

    def _count_users(self, first: int) -> None:
        operations, children = self._notation.operations, self._notation.children
        weights = self.weight_count
        for place in range(first - weights, len(operations)):
            for child in {*children[place]}:
                users = self._users.setdefault(child, [])
                users.append(place + weights)
                if len(users) > 1 and "Σ" in (operations[place], operations[users[0] - weights]):
                    self._products_are_shared |= (
                        child >= weights and operations[child - weights] == "×"
                    )

    def mean(self, length: int) -> _Notation:
        """How the mean of the losses of the first positions is made; it is the last number."""
        if length not in self._means:
            notation = _Notation(self._ends[length], self.weight_count)
            with _NOTES.taken():
                losses = self._losses[:length]
                _ = _sum_values(losses) / len(losses)
                known = dict(self._numbers)
                self._write(notation, _NOTES.values, _NOTES.operations)
                self._numbers = known
            self._means[length] = notation
        return self._means[length]

    # ------------------------------------------------------------ reading the notes

    def end(self, length: int) -> int:
        """How many numbers the weights and the first positions have, without the mean."""
        return self._ends[length]

    def operation(self, node: int) -> str:
        """What makes a number of a position."""
        return self._notation.operations[node - self.weight_count]

    def children(self, node: int) -> tuple[int, ...]:
        """What a number of a position is made from."""
        return self._notation.children[node - self.weight_count]

    def users(self, child: int) -> list[int]:
        """The numbers of all positions that are made from it."""
        return self._users.get(child, [])

    def child(self, alias: int, inputs: Sequence[int], targets: Sequence[int]) -> int:
        """The number that a child below 0 stands for in a text: a weight of the row of wte that a
        position reads, or the probability of its target."""
        position, column = divmod(-1 - alias, self.config.n_embd + 1)
        if column == self.config.n_embd:
            return self._probs[position][targets[position]]
        return self._wte + inputs[position] * self.config.n_embd + column

    def aliases(self, node: int, inputs: Sequence[int], targets: Sequence[int]) -> Iterator[int]:
        """All that stand for this number in a text."""
        n_embd = self.config.n_embd
        row, column = divmod(node - self._wte, n_embd)
        if self._wte <= node < self._wte + self.config.vocab_size * n_embd:
            for position, token in enumerate(inputs):
                if token == row:
                    yield self._alias(position, column)
        elif node >= self.weight_count:
            for position, target in enumerate(targets):
                if self._probs[position][target] == node:
                    yield self._alias(position, n_embd)

    # ------------------------------------------------------------ the numbers of a text

    def forward(
        self, weights: Sequence[float], inputs: Sequence[int], targets: Sequence[int]
    ) -> Values:
        """Every number of a text, as the scalar engine computes it, bit for bit.

        weights: flat, in parameter order; inputs, targets: tokens by position, of no more positions
        than are noted.
        """
        length = len(inputs)
        mean = self.mean(length)
        data = [*weights, *self._notation.constants[: self._ends[length] - self.weight_count]]
        data += mean.constants
        slopes: dict[int, float] = {}
        for step in self._steps(length):
            if type(step) is _Rows:
                factors, at = step.others(data), step.offset
                for first, node in step.sums:
                    end = at + node - first
                    products = [*map(mul, data[at:end], factors)]
                    data[first:node] = products
                    data[node] = reduce(add, products)
                    at = end
            elif type(step) is _Dot:
                products = [*map(mul, step.ones(data), step.others(data))]
                data[step.first : step.node] = products
                data[step.node] = reduce(add, products)
            elif type(step) is _Two:
                one, other = step.one, step.other
                if one < 0:
                    one = self.child(one, inputs, targets)
                if other < 0:
                    other = self.child(other, inputs, targets)
                left, right = data[one], data[other]
                data[step.node] = left + right if step.adds else left * right
            elif type(step) is _One:
                child = step.child
                if child < 0:
                    child = self.child(child, inputs, targets)
                made = step.operate(Value(data[child]))
                data[step.node] = made.data
                [slopes[step.node]] = made._local_grads
            elif type(step) is _Sum:
                terms = self._found(step.terms, inputs, targets)
                data[step.node] = reduce(add, [data[term] for term in terms])
            elif type(step) is _Max:
                of = self._found(step.of, inputs, targets)
                data[step.node] = step.sign * max([data[number] for number in of])
        return Values(data, slopes)

    def backward(
        self, values: Values, inputs: Sequence[int], targets: Sequence[int]
    ) -> list[float]:
        """d(loss)/d(number) of every number but the weights, which are 0 here: each is the sum over
        the numbers that use it, and few are ever asked for."""
        data, slopes = values
        weights = self.weight_count
        gradients = [0.0] * len(data)
        gradients[-1] = 1.0
        for step in reversed([*self._steps(len(inputs))]):
            gradient = gradients[step.node]
            if type(step) is _Rows:
                self._back_through_rows(step, data, gradients)
            elif type(step) is _Dot:
                count = len(step.one)
                if self._products_are_shared:
                    own = [each + gradient for each in gradients[step.first : step.node]]
                else:
                    own = [gradient] * count
                gradients[step.first : step.node] = own
                for numbers, factors in ((step.one, step.others), (step.other, step.ones)):
                    if numbers[0] >= weights or numbers[-1] >= weights:
                        for number, factor, each in zip(numbers, factors(data), own, strict=True):
                            gradients[number] += factor * each
            elif type(step) is _Two:
                one, other = self._found(step[1:3], inputs, targets)
                gradients[one] += gradient if step.adds else data[other] * gradient
                gradients[other] += gradient if step.adds else data[one] * gradient
            elif type(step) is _One:
                [child] = self._found((step.child,), inputs, targets)
                gradients[child] += slopes[step.node] * gradient
            elif type(step) is _Sum:
                for term in self._found(step.terms, inputs, targets):
                    gradients[term] += gradient
        gradients[:weights] = [0.0] * weights
        return gradients

    def _back_through_rows(
        self, step: _Rows, data: Sequence[float], gradients: list[float]
    ) -> None:
        """Add to the gradients of what the rows are multiplied by."""
        columns, end = len(step.other), step.offset + len(step.other) * len(step.sums)
        if self._products_are_shared:
            for row, (first, node) in enumerate(step.sums):
                own = [each + gradients[node] for each in gradients[first:node]]
                gradients[first:node] = own
                at = step.offset + row * columns
                for number, weight, each in zip(
                    step.other, data[at : at + columns], own, strict=True
                ):
                    gradients[number] += weight * each
            return
        of_sums = []
        for first, node in step.sums:
            of_sums.append(gradients[node])
            gradients[first:node] = of_sums[-1:] * columns
        for column, number in enumerate(step.other):
            gradients[number] += sum(map(mul, of_sums, data[step.offset + column : end : columns]))

    def _steps(self, length: int) -> Iterator[_Step]:
        return chain(self._notation.steps[: self._steps_until[length]], self.mean(length).steps)

    def _found(
        self, numbers: Sequence[int], inputs: Sequence[int], targets: Sequence[int]
    ) -> Sequence[int]:
        """The numbers, with those in the place of the aliases that this text has there."""
        if min(numbers) >= 0:
            return numbers
        return [n if n >= 0 else self.child(n, inputs, targets) for n in numbers]


def _numbered(value: Any, numbers: dict[Value, int], notation: _Notation | None = None) -> Any:
    """Nested lists with each number in the place of its Value, and None for what is no Value. A
    Value that nothing is made from, and that was not made, is a constant of the notation."""
    if isinstance(value, list):
        return [_numbered(each, numbers, notation) for each in value]
    if not isinstance(value, Value):
        return None
    if value not in numbers and notation is not None:
        numbers[value] = notation.constant(value.data)
    return numbers[value]
