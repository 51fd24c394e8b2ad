"""Run a component cycle by cycle in Amaranth's simulator."""

from amaranth.hdl import Module, Signal, Value
from amaranth.sim import Simulator


def run(dut, inputs, outputs, *, after: int = 0) -> list[tuple[int, ...]]:
    """Outputs of ``dut`` in each cycle, from the first in which it is ready.

    Parameters
    ----------
    inputs : list of dict
        Per cycle, values of named members, as integers; a member that is not named keeps its value, None does nothing.
        ``name__part`` is a stream's ``valid`` or ``payload``, or a struct's field.
    outputs : list of str
        What to read, named likewise.
    after : int
        Cycles to go on after the last input.
    """
    def member(name):
        value = dut
        for part in name.split("__"):
            value = getattr(value, part)
        return Value.cast(value)

    seen = []

    async def process(ctx):
        if hasattr(dut, "ready"):
            await ctx.tick().until(dut.ready)
        for given in [*inputs, *[None] * after]:
            for name, value in (given or {}).items():
                ctx.set(member(name), value)
            seen.append(tuple(ctx.get(member(name)) for name in outputs))
            await ctx.tick()

    top = Module()
    top.submodules.dut = dut
    top.d.sync += Signal().eq(1)  # a clock, for what has none
    simulator = Simulator(top)
    simulator.add_clock(1e-6)
    simulator.add_testbench(process)
    simulator.run()
    return seen


def run_records(dut, record_in, records: dict, record_out, *, cycles: int) -> dict:
    """Records seen on the stream of ``record_out`` by cycle, when ``records[cycle]`` is given on that of ``record_in``.

    In every other cycle the input is not valid and its payload all ones.
    """
    stream_in, stream_out = record_in.stream, record_out.stream
    idle = {f"{stream_in}__valid": 0, f"{stream_in}__payload": (1 << record_in.bits) - 1}
    inputs = [
        {f"{stream_in}__valid": 1, f"{stream_in}__payload": record_in.pack(records[cycle])}
        if cycle in records else idle for cycle in range(cycles)
    ]
    outputs = run(dut, inputs, [f"{stream_out}__valid", f"{stream_out}__payload"])
    return {cycle: record_out.unpack(payload) for cycle, (valid, payload) in enumerate(outputs) if valid}
