"""The sequence tracker by itself: what a datagram's messages become, up to the last number there is."""

import pytest
from amaranth.sim import Simulator

from hdl.feed.sequence import Sequence

GOOD, UNKNOWN, WRONG = (1, 1), (0, 0), (1, 0)  # (known, fits)
LAST = (1 << 64) - 1


def run(first, *datagrams):
    """[(number, gap) of each delivery], and [lost at each gap]. A datagram is (sequence, messages) or a heartbeat's
    (sequence, None)."""
    dut = Sequence(first=first)
    delivered, lost = [], []

    async def process(ctx):
        async def tick():
            await ctx.tick()
            if ctx.get(dut.deliver):
                delivered.append((ctx.get(dut.number), ctx.get(dut.gap)))
            if ctx.get(dut.gaps):
                lost.append(ctx.get(dut.lost))

        for sequence, messages in datagrams:
            ctx.set(dut.opens, 1)
            ctx.set(dut.sequence, sequence)
            await tick()
            ctx.set(dut.opens, 0)
            if messages is None:
                ctx.set(dut.announces, 1)
                await tick()
                ctx.set(dut.announces, 0)
            for known, fits in messages or ():
                ctx.set(dut.done, 1)
                ctx.set(dut.known, known)
                ctx.set(dut.fits, fits)
                await tick()
            ctx.set(dut.done, 0)
            await tick()
            await tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-9)
    simulator.add_testbench(process)
    simulator.run()
    return delivered, lost


@pytest.mark.parametrize("first", [0, -1, 1 << 63])
def test_first_is_checked(first):
    with pytest.raises(ValueError, match=rf"first must be in 1\.\.2\*\*63-1, not {first}"):
        Sequence(first=first)


def test_duplicates_and_gaps():
    assert run(3, (1, [GOOD] * 4), (7, [GOOD]), (6, [GOOD] * 3)) == ([(3, 0), (4, 0), (7, 1), (8, 1)], [2])


def test_a_wrong_length_is_lost_and_an_unknown_type_is_not():
    assert run(1, (1, [UNKNOWN, GOOD]), (3, [WRONG, GOOD]), (5, [WRONG, WRONG, UNKNOWN])) == (
        [(2, 0), (4, 1)], [1, 2])
    assert run(1, (1, [WRONG]), (1, [GOOD])) == ([(1, 0)], [])


def test_heartbeats_announce():
    assert run(1, (1, None), (4, None), (2, None), (3, [GOOD, GOOD])) == ([(4, 1)], [3])


def test_messages_in_consecutive_cycles_after_a_duplicate():
    assert run(5, (2, [GOOD] * 6)) == ([(5, 0), (6, 0), (7, 0)], [])


def test_the_last_number():
    assert run(1, (LAST, [GOOD] * 3)) == ([(LAST, 1), (0, 1), (1, 1)], [LAST - 1])
    # A wrong length at the last number leaves 2 expected, and 0 and 1 are below it.
    assert run(2, (LAST, [WRONG, GOOD, GOOD, GOOD])) == ([(2, 0)], [])
    # Here 0 itself is expected.
    assert run(2, (LAST - 1, [GOOD, GOOD]), (LAST, [WRONG, GOOD])) == ([(LAST - 1, 1), (LAST, 1), (0, 1)], [LAST - 3])
