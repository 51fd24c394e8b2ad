"""Constant multiples, products in look-up tables and one-chain adders."""

import random

import pytest
from amaranth.hdl import C, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.arithmetic import add, add_sub, product, times
from hdl.pipeline import delay
from tests.hdl.cycles import run


class Logic(wiring.Component):
    """``logic(left, right, subtract)`` as a component, combinational."""

    left: In(8)
    right: In(6)
    subtract: In(1)
    result: Out(20)

    def __init__(self, logic):
        self._logic = logic
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.result.eq(self._logic(m, self))
        return m


@pytest.mark.parametrize("bits", [8, 9, 12])
def test_add_sub_is_modulo_its_width(bits):
    values = [(left, right, subtract) for left in (0, 1, 100, 255) for right in (0, 1, 63) for subtract in (0, 1)]
    dut = Logic(lambda m, s: add_sub(s.left, s.right, s.subtract, bits=bits))
    seen = run(dut, [dict(zip(("left", "right", "subtract"), value, strict=True)) for value in values], ["result"])
    assert [result for result, in seen] == [(a - b if s else a + b) % (1 << bits) for a, b, s in values]


@pytest.mark.parametrize("count", range(1, 7))
def test_add_up_to_six_words(count):
    rng = random.Random(count)
    values = [{"left": rng.choice((0, 255, rng.randrange(256))), "right": rng.randrange(64)} for _ in range(200)]
    dut = Logic(lambda m, s: add(m, [s.left, s.right, s.left, s.left, s.right, s.left][:count]))
    expected = [sum([a, b, a, a, b, a][:count]) for a, b in (value.values() for value in values)]
    assert [result for result, in run(dut, values, ["result"])] == expected


def test_times_every_octet():
    """The widest operand shows every width; one component holds all 256 factors' products of it."""
    rng = random.Random(1)
    for factor in [*range(1, 256)]:
        value = rng.choice((255, rng.randrange(256)))
        product = times(Signal(8), factor)
        assert len(product) == 8 + factor.bit_length(), factor
        [(seen,)] = run(Logic(lambda m, s, factor=factor: times(s.left, factor)), [{"left": value}], ["result"])
        assert seen == value * factor, factor


def test_times_zero_and_below():
    assert run(Logic(lambda m, s: times(s.left, 0)), [{"left": 9}], ["result"]) == [(0,)]
    with pytest.raises(ValueError, match="factor must not be negative, not -1"):
        times(C(1), -1)


@pytest.mark.parametrize("left, right", [(8, 1), (8, 2), (8, 3), (8, 4), (8, 6), (6, 6)])
def test_product_of_every_pair(left, right):
    values = [{"left": a, "right": b} for a in range(1 << left) for b in range(1 << right)]
    dut = Logic(lambda m, s: product(m, s.left[:left], s.right[:right]))
    assert [seen for seen, in run(dut, values, ["result"])] == [v["left"] * v["right"] for v in values]


def test_a_wide_product():
    rng = random.Random(1)
    pairs = [((1 << 52) - 1, 255), *((rng.getrandbits(52), rng.getrandbits(8)) for _ in range(200))]

    class Wide(wiring.Component):
        left: In(52)
        right: In(8)
        result: Out(60)

        def elaborate(self, platform):
            m = Module()
            m.d.comb += self.result.eq(product(m, self.left, self.right))
            return m

    seen = run(Wide(), [{"left": a, "right": b} for a, b in pairs], ["result"])
    assert [result for result, in seen] == [a * b for a, b in pairs]


@pytest.mark.parametrize("cycles", [0, 1, 2, 7])
@pytest.mark.parametrize("reset", [False, True])
def test_delay_is_exact(cycles, reset):
    class Delay(Logic):
        def elaborate(self, platform):
            m = Module()
            m.d.comb += self.result.eq(delay(m, self.left, cycles, name="left", reset=reset))
            return m

    seen = run(Delay(None), [{"left": value} for value in range(1, 11)], ["result"])
    assert [value for value, in seen] == [*[0] * cycles, *range(1, 11)][:10]
