"""Value: one number that remembers how it was made, so that the chain rule can walk back.

Source: microgpt.py, class Value. Two things differ. The graph is sorted without recursion, so
its depth is not limited; and numbers that are not finite flow through instead of raising:
log 0 is -inf, as in IEEE 754.
"""

from __future__ import annotations

import math
from collections.abc import Iterator


class Value:
    """A scalar in the computation graph.

    `data` is the number, `grad` d(the last `backward()`'s root)/d(this) once that has run. Each
    operation stores its inputs and, beside them, its derivative by each of them.
    """

    __slots__ = ("_children", "_local_grads", "data", "grad")

    def __init__(
        self,
        data: float,
        children: tuple[Value, ...] = (),
        local_grads: tuple[float, ...] = (),
    ) -> None:
        self.data = data
        self.grad = 0.0
        self._children = children
        self._local_grads = local_grads

    def __add__(self, other: Value | float) -> Value:
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other: Value | float) -> Value:
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, exponent: float) -> Value:
        return Value(
            power(self.data, exponent), (self,), (exponent * power(self.data, exponent - 1),)
        )

    def log(self) -> Value:
        """Natural logarithm; -inf at 0, nan below."""
        x = self.data
        if x > 0:
            return Value(math.log(x), (self,), (1 / x,))
        return Value(-math.inf if x == 0 else math.nan, (self,), (power(x, -1),))

    def exp(self) -> Value:
        """e to this power; inf where a float overflows."""
        try:
            y = math.exp(self.data)
        except OverflowError:
            y = math.inf
        return Value(y, (self,), (y,))

    def relu(self) -> Value:
        """max(0, x); its derivative at 0 is 0. nan stays nan."""
        x = self.data
        return Value(0.0 if x <= 0 else x, (self,), (float(x > 0),))

    def __neg__(self) -> Value:
        return self * -1.0

    def __radd__(self, other: float) -> Value:
        return self + other

    def __sub__(self, other: Value | float) -> Value:
        return self + (-other)

    def __rsub__(self, other: float) -> Value:
        return other + (-self)

    def __rmul__(self, other: float) -> Value:
        return self * other

    def __truediv__(self, other: Value | float) -> Value:
        return self * (other**-1 if isinstance(other, Value) else power(other, -1))

    def __rtruediv__(self, other: float) -> Value:
        return other * self**-1

    def __repr__(self) -> str:
        return f"Value(data={self.data!r}, grad={self.grad!r})"

    def backward(self) -> None:
        """Add d(self)/d(v) to `grad` of every v in the graph below; d(self)/d(self) is 1."""
        self.grad = 1.0
        for v in reversed(self._topological_order()):
            grad = v.grad
            # strict=True would take a tenth of the time of the whole walk.
            for child, local_grad in zip(v._children, v._local_grads):  # noqa: B905
                child.grad += local_grad * grad

    def _topological_order(self) -> list[Value]:
        """Every node that has children, children before parents: the order in which a recursive
        depth-first search finishes them that takes the last child first. The calls that such a
        search would have under way are kept on a list, so the depth is not limited."""
        order: list[Value] = []
        visited: set[Value] = set()
        under_way: list[tuple[Value, Iterator[Value]]] = []
        v, children = self, reversed(self._children)
        while True:
            for child in children:
                if child._children and child not in visited:
                    visited.add(child)
                    under_way.append((v, children))
                    v, children = child, reversed(child._children)
                    break
            else:
                order.append(v)
                if not under_way:
                    return order
                v, children = under_way.pop()


def power(base: float, exponent: float) -> float:
    """base ** exponent, with IEEE 754's answer (inf, nan) where Python's would be an error."""
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return math.copysign(math.inf, base) if exponent % 2 == 1 else math.inf
    except ValueError:
        return math.nan if base else math.inf  # a root of a negative number, or 1 / 0
