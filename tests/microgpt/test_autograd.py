"""Derivatives of Value, and numbers at the edge of floats."""

from __future__ import annotations

import math

import pytest

from microgpt.autograd import Value


def test_every_operation_has_its_derivative():
    def f(x: Value, y: Value) -> Value:
        return (
            (x * y + 2.0 - y / x) ** 3 * 0.1
            + (1.0 / (y + 4.0)).exp()
            + (x * x).log()
            - x.relu()
            + (-y).relu()
            + (3.0 - x)
        )

    x, y = Value(1.3), Value(-0.7)
    f(x, y).backward()
    h = 1e-6
    slope_x = (f(Value(1.3 + h), Value(-0.7)).data - f(Value(1.3 - h), Value(-0.7)).data) / (2 * h)
    slope_y = (f(Value(1.3), Value(-0.7 + h)).data - f(Value(1.3), Value(-0.7 - h)).data) / (2 * h)
    assert x.grad == pytest.approx(slope_x, rel=1e-6)
    assert y.grad == pytest.approx(slope_y, rel=1e-6)


@pytest.mark.parametrize("x", [0.0, -0.0])
def test_relu_passes_no_gradient_at_0(x):
    at = Value(x)
    (at.relu() * 3.0).backward()
    assert at.grad == 0.0


def test_a_value_used_twice_gets_both_gradients():
    x = Value(3.0)
    (x * x + x).backward()
    assert x.grad == 7.0


def test_a_deep_graph_needs_no_recursion():
    x = y = Value(1.0)
    for _ in range(50_000):
        y = y + x
    y.backward()
    assert x.grad == 50_001.0


def test_numbers_at_the_edge_are_reported_not_raised():
    assert Value(0.0).log().data == -math.inf
    assert math.isnan(Value(-1.0).log().data)
    assert Value(1000.0).exp().data == math.inf
    assert (Value(0.0) ** -1).data == math.inf
    assert (Value(1e300) ** 2).data == math.inf
    assert (Value(-1e300) ** 2).data == math.inf
    assert (Value(-1e300) ** 3).data == -math.inf
    assert (Value(-1e-300) ** -2).data == math.inf
    assert (Value(-1e-300) ** -3).data == -math.inf
    assert math.isnan((Value(-1.0) ** 0.5).data)
    assert (Value(1.0) / 0.0).data == math.inf
    assert math.isnan(Value(math.nan).relu().data)
    y = Value(0.0).log() * Value(0.0)
    y.backward()
    assert math.isnan(y.data)


def test_derivatives_at_the_edge_are_infinite_too():
    x, y = Value(0.0), Value(1000.0)
    (x.log() + y.exp()).backward()
    assert x.grad == y.grad == math.inf
