"""The intake's count of beats stops at its end."""

from amaranth.sim import Simulator

from hdl.feed.frames import INDEX_BITS, Intake


def test_index_saturates_and_starts_again():
    dut = Intake()
    longest = 1 << INDEX_BITS
    seen = []

    async def process(ctx):
        ctx.set(dut.rx.valid, 1)
        ctx.set(dut.enabled, 1)
        for beat in range(longest + 6):
            ctx.set(dut.rx.payload.last, beat == longest + 2)
            await ctx.tick()
            if beat < 3 or beat >= longest - 2:
                seen.append((ctx.get(dut.beats.payload.index), ctx.get(dut.beats.payload.first)))

    simulator = Simulator(dut)
    simulator.add_clock(1e-9)
    simulator.add_testbench(process)
    simulator.run()
    top = longest - 1
    assert seen == [(0, 1), (1, 0), (2, 0), *[(i, 0) for i in (top - 1, top, top, top, top)], (0, 1), (1, 0), (2, 0)]
