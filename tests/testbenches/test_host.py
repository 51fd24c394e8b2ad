"""The benches of the host's side on both simulators; and that they fail when they should."""

from types import SimpleNamespace

import pytest
from amaranth import *

from hdl.export import write_verilog
from hdl.host import command_reader, ptp, record_fifo, registers, ring_writer
from hdl.host.command_reader import CommandReader
from hdl.host.ptp import PtpClock
from hdl.host.records import RecordPath
from hdl.host.registers import Registers
from sim import simulators
from testbenches.axi_rules import AxiRules

UNITS = {"records_path": lambda: RecordPath(depth=16), "command_path": CommandReader, "host_registers": Registers,
         "ptp": lambda: PtpClock(period_ns=3.103)}


@pytest.fixture
def run(tmp_path, build_dir, seed):
    def run(unit: str, simulator: str, testcase: str | None = None):
        verilog = write_verilog(UNITS[unit](), tmp_path / f"{unit}.v", name=unit)
        simulators.run_cocotb(simulator=simulator, verilog=verilog, toplevel=unit, seed=seed, testcase=testcase,
                              test_module=f"testbenches.{unit}", build_dir=build_dir / unit)
    return run


@pytest.mark.parametrize("unit", UNITS)
def test_bench(run, unit, simulator):
    run(unit, simulator)


@pytest.mark.campaign
def test_records_path_with_a_longer_fifo(run, simulator, monkeypatch):
    """A longer FIFO: bursts grow to 4 KiB."""
    monkeypatch.setitem(UNITS, "records_path", lambda: RecordPath(depth=64))
    monkeypatch.setenv("TICKWIRE_DEPTH", "64")
    run("records_path", simulator, "one_ring_in_full_bursts")


def bench_finds(run, unit: str, testcase: str, what: str):
    with pytest.raises(simulators.TestsFailed, match=rf"{testcase}: .*{what}"):
        run(unit, "icarus", testcase)


def _changed(monkeypatch, module, old: str, new: str):
    """``module`` with another line of source: its classes are made anew."""
    import inspect

    source = inspect.getsource(module)
    assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {module.__name__}"
    scope = {"__name__": module.__name__, "__package__": module.__package__}
    exec(compile(source.replace(old, new), module.__file__, "exec"), scope)  # the file itself stays as it is
    for name, value in scope.items():
        if isinstance(value, type) and value.__module__ == module.__name__:
            monkeypatch.setattr(module, name, value)
    return scope


def faults(*rows: tuple):
    """The first two of each unit in every run, all of them in the campaign."""
    return [*rows[:2], *(pytest.param(*row, marks=pytest.mark.campaign) for row in rows[2:])]


@pytest.mark.parametrize("old, new, testcase, what", faults(
    ("to_boundary.eq(_least(BURST_SLOTS - produced[: _COUNT - 1], waiting))", "to_boundary.eq(_least(32, waiting))",
     "one_ring_in_full_bursts", "cross a boundary"),
    ("phase.eq(~(produced >> self.log2)[0])", "phase.eq(1)", "one_ring_in_full_bursts", "sent|slot|another"),
    ("Mux(used > size, 0, size - used)", "size", "a_host_that_sleeps", "slots unread"),
    ("with m.If(axi.awvalid & axi.awready):", "with m.If(axi.awvalid):", "every_record_arrives", "awvalid fell"),
    ("axi.wlast.eq(second & (left == 1))", "axi.wlast.eq(second & (left == 2))", "every_record_arrives", "wlast"),
    ("with m.If(~axi.wvalid | axi.wready):", "with m.If(1):", "every_record_arrives", "wdata changed|wlast changed"),
    ("axi.awvalid.eq(1), self.producers", "axi.awvalid.eq(axi.awready), self.producers", "ready_waits_for_valid", ""),
))
def test_bench_finds_a_fault_of_the_ring_writer(run, monkeypatch, old, new, testcase, what):
    scope = _changed(monkeypatch, ring_writer, old, new)
    monkeypatch.setattr("hdl.host.records.RingWriter", scope["RingWriter"])
    bench_finds(run, "records_path", testcase, what)


def test_bench_finds_losses_that_are_not_counted(run, monkeypatch):
    scope = _changed(monkeypatch, record_fifo, "self.lost.eq(self.lost + 1)", "self.lost.eq(self.lost)")
    monkeypatch.setattr("hdl.host.records.RecordFifo", scope["RecordFifo"])
    bench_finds(run, "records_path", "what_finds_no_room_is_counted", "counted as lost")


@pytest.mark.parametrize("old, new, testcase, what", faults(
    ("commands.valid.eq(axi.rvalid & second & ~wrong & ~self.fault)", "commands.valid.eq(axi.rvalid & second & ~wrong)",
     "nothing_is_carried_out_behind_an_error", "carried out before"),
    ("slots.eq(Mux(waiting < to_boundary, waiting, to_boundary))", "slots.eq(waiting)", "whole_bursts", "boundary"),
    ("(waiting <= size)", "(waiting <= 2 * size)", "more_than_the_ring_holds_is_not_read", "assert"),
    ("| commands.ready)", "| 1)", "commands_arrive_in_order", "taken"),
))
def test_bench_finds_a_fault_of_the_command_reader(run, monkeypatch, old, new, testcase, what):
    scope = _changed(monkeypatch, command_reader, old, new)
    monkeypatch.setitem(UNITS, "command_path", scope["CommandReader"])
    bench_finds(run, "command_path", testcase, what)


@pytest.mark.parametrize("old, new, testcase, what", faults(
    ("& strobes.all()", "& strobes.any()", "random_accesses", "expected"),
    ("takes.eq(acts & (address[:2] == 0)", "takes.eq(acts & (address[:1] == 0)", "random_accesses", "expected"),
    ("~self.locked if access is Access.LOCKED else 1", "1", "random_accesses", "expected"),
    ("there.eq(holds & (held == number))", "there.eq(1)", "a_counter_is_never_torn", "assert"),
    ("with m.If(axi.bvalid & axi.bready):", "with m.If(axi.bvalid):", "random_accesses", "bvalid fell"),
))
def test_bench_finds_a_fault_of_the_registers(run, monkeypatch, old, new, testcase, what):
    scope = _changed(monkeypatch, registers, old, new)
    monkeypatch.setitem(UNITS, "host_registers", scope["Registers"])
    bench_finds(run, "host_registers", testcase, what)


@pytest.mark.parametrize("old, new", faults(
    ("seconds.eq(time.seconds - 1)", "seconds.eq(time.seconds)"),
    ("step.eq(self._period + self.adjust.rate)", "step.eq(self._period - self.adjust.rate)"),
    ("with m.Elif(earlier >= 0):", "with m.Elif(earlier > 1 << 40):"),
))
def test_bench_finds_a_fault_of_the_ptp_clock(run, monkeypatch, old, new):
    scope = _changed(monkeypatch, ptp, old, new)
    monkeypatch.setitem(UNITS, "ptp", lambda: scope["PtpClock"](period_ns=3.103))
    bench_finds(run, "ptp", "the_same_time_at_every_edge", "the clock says")


class _Handle(SimpleNamespace):
    def __len__(self):
        return 512


def _ports(**values):
    """Handles of a master's write channels, idle but for ``values``."""
    names = [f"axi_aw{name}" for name in ("id", "addr", "len", "size", "burst", "lock", "cache", "prot", "qos", "valid",
                                          "ready")]
    names += [f"axi_w{name}" for name in ("data", "strb", "last", "valid", "ready")]
    names += [f"axi_b{name}" for name in ("id", "resp", "valid", "ready")]
    dut = SimpleNamespace(**{name: _Handle(value=0) for name in names})
    for name, value in values.items():
        getattr(dut, f"axi_{name}").value = value
    return dut


_BURST = {"awvalid": 1, "awready": 1, "awsize": 6, "awburst": 1}


@pytest.mark.parametrize("steps, what", [
    ([{"awvalid": 1}, {"awvalid": 0}], "awvalid fell"),
    ([{"awvalid": 1, "awaddr": 64}, {"awvalid": 1, "awaddr": 128}], "awaddr changed"),
    ([{**_BURST, "awsize": 5}], "narrow"),
    ([{**_BURST, "awburst": 2}], "burst type"),
    ([{**_BURST, "awaddr": 32}], "unaligned"),
    ([{**_BURST, "awaddr": 4096 - 64, "awlen": 1}], "boundary"),
    ([_BURST, {"awvalid": 0, "wvalid": 1, "wready": 1, "wlast": 0}], "no wlast"),
    ([{**_BURST, "awlen": 1}, {"awvalid": 0, "wvalid": 1, "wready": 1, "wlast": 1}], "wlast in beat 1 of 2"),
    ([{"bvalid": 1, "bready": 1}], "response to nothing"),
])
def test_a_rule_that_is_broken_is_found(steps, what):
    dut = _ports()
    rules = AxiRules(dut, "axi", _Handle(value=0))
    with pytest.raises(AssertionError, match=what):
        for step in steps:
            for name, value in step.items():
                getattr(dut, f"axi_{name}").value = value
            rules.sample()


def test_valid_in_reset_is_found():
    rules = AxiRules(_ports(wvalid=1), "axi", _Handle(value=1))
    rules.sample()
    with pytest.raises(AssertionError, match="wvalid is high in reset"):
        rules.sample()


def test_what_keeps_the_rules_passes():
    dut = _ports(**_BURST, awlen=1, wvalid=1, wready=1)
    rules = AxiRules(dut, "axi", _Handle(value=0))
    rules.sample()
    dut.axi_awvalid.value, dut.axi_wlast.value = 0, 1
    rules.sample()
    dut.axi_wvalid.value, dut.axi_bvalid.value, dut.axi_bready.value = 0, 1, 1
    rules.sample()
    assert rules.seen == {"aw": 1, "w": 2, "b": 1}
