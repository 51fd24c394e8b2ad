"""The pipelined divider and multiplier: values and exact latency."""

import random

import pytest

from hdl.indicators.divider import Divider
from hdl.multiplier import Multiplier
from tests.hdl.cycles import run


def test_every_quotient_of_a_small_divider():
    dut = Divider(divisor_bits=4, quotient_bits=5)
    pairs = [(dividend, divisor) for divisor in range(1, 16) for dividend in range(divisor << 5)]
    seen = run(dut, [{"dividend": a, "divisor": b} for a, b in pairs], ["quotient"], after=dut.LATENCY)
    assert dut.LATENCY == 5
    assert [quotient for quotient, in seen[dut.LATENCY :]] == [a // b for a, b in pairs]


def test_corners_of_the_divider_of_the_vwap():
    """One division per cycle, 48 cycles each."""
    dut, rng, largest = Divider(divisor_bits=48, quotient_bits=48), random.Random(1), 2**48 - 1
    pairs = [(0, 1), (largest, 1), (largest * largest + largest - 1, largest), (largest, largest)]
    pairs += [(largest - 1, largest)]
    pairs += [(divisor * quotient + rng.randrange(divisor), divisor) for divisor, quotient in (
        (max(1, rng.getrandbits(rng.randrange(1, 49))), rng.getrandbits(rng.randrange(49))) for _ in range(150))]
    seen = run(dut, [{"dividend": a, "divisor": b} for a, b in pairs], ["quotient"], after=dut.LATENCY)
    assert dut.LATENCY == 48
    assert [quotient for quotient, in seen[48:]] == [a // b for a, b in pairs]


@pytest.mark.parametrize("name", ["divisor_bits", "quotient_bits"])
def test_divider_needs_widths(name):
    with pytest.raises(ValueError, match=f"{name} must be positive, not 0"):
        Divider(**{"divisor_bits": 8, "quotient_bits": 8, name: 0})


def test_product_two_cycles_later():
    rng, corners = random.Random(1), (0, 1, 0xFFFF, 0x10000, 0xFFFF_FFFF)
    pairs = [(a, b) for a in corners for b in corners] + [(rng.getrandbits(32), rng.getrandbits(32)) for _ in range(50)]
    seen = run(Multiplier(), [{"left": a, "right": b} for a, b in pairs], ["product"], after=2)
    assert Multiplier.LATENCY == 2
    assert [product for product, in seen[2:]] == [a * b for a, b in pairs]
