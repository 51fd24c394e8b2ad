"""What Yosys maps: names, memories, the stages of real designs, and the report about them."""

import json
import re
from dataclasses import replace

import pytest
from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from rich.console import Console

from hdl.arithmetic import table
from hdl.export import write_verilog
from sim import build, console
from sim.cli import run
from sim.synth import HOT_PATH, LEVELS, Synthesis, Unit, depth, flow, memories, report, resources, synthesise, yosys
from spec import config


def _mapped(component, build_dir, name, **options):
    verilog = write_verilog(component, build_dir / f"{name}.v", name=name, source_lines=True)
    return flow.netlist(verilog, name, **options)


class Parity(wiring.Component):
    """One LUT between two registers that have names."""

    word: In(6)
    odd: Out(1)

    def elaborate(self, platform):
        m = Module()
        taken = Signal(6)
        parity = Signal()
        m.d.sync += [taken.eq(self.word), parity.eq(taken.xor()), self.odd.eq(parity)]
        return m


def test_a_path_is_named_as_in_python(build_dir):
    path = depth.deepest(_mapped(Parity(), build_dir, "parity"))[0]
    assert (path.levels, path.made_of, path.start, path.end) == (1, "1 LUT", "taken", "parity")
    lines = open(__file__).read().splitlines()
    for line, name in ((path.start_line, "taken"), (path.end_line, "parity")):
        file, _, number = line.partition(":")
        assert file == "tests/sim/test_synth.py"
        assert f"{name} = Signal(" in lines[int(number) - 1]


class TableAndSum(wiring.Component):
    """A table of six bits before a carry chain, and a choice behind it."""

    def __init__(self):
        super().__init__({"index": In(6), "base": In(32), "keeps": In(1), "price": Out(32)})

    def elaborate(self, platform):
        m = Module()
        index, base, keeps = Signal(6), Signal(32), Signal()
        m.d.sync += [index.eq(self.index), base.eq(self.base), keeps.eq(self.keeps),
                     self.price.eq(Mux(keeps, base + table(index, [3 * i * i for i in range(64)]), 0))]
        return m


def test_the_mapper_counts_a_chain_as_a_level(build_dir):
    """As picoseconds alone would have it, a chain costs a third of a look-up table, and the table before it grows."""
    path = depth.deepest(_mapped(TableAndSum(), build_dir, "table_and_sum"))[0]
    assert path.levels <= 3, path  # the choice is the reset of the register


_CELLS = """\
module LUT2(output O, input I0, I1);
  specify
    (I0 => O) = 238 + 1 /* more */;
    (I1 => O) = 127; (I1 => O) = 127;
  endspecify
endmodule
module CARRY4(output O, input CI, S);
  (CI => O) = 222; (S[0]   => O[0]) = 223;
endmodule
module FDRE (output Q, input C, D);
    $setup(D , posedge C &&& CE, /*-46*/ 5);
    if (!R) (posedge C => (Q : D ^ X)) = 303;
endmodule
module RAM32M (output Q, input C, A);
    (posedge C => (Q : D)) = 303; (A[0] => Q) = 642;
endmodule
module RAMB36E1 (output Q, input C, A);
    (posedge C => (Q : 32'bx)) = 303;
endmodule
"""


def test_levels_for_delays():
    assert re.findall(r"[=,] (\d+)\)?;", yosys.count_levels(_CELLS)) == [
        "1000", "1000", "1000", "0", "1000", "0", "0", "1000", "1000", "0"]


class Memories(wiring.Component):
    """One memory as it should be, and one for each way to do it wrong."""

    address: In(8)
    data: In(16)
    out: Out(80)
    late: Out(16)

    def elaborate(self, platform):
        m = Module()

        def memory(name, depth, *, writes=1):
            m.submodules[name] = rows = Memory(shape=16, depth=depth, init=[])
            ports = [rows.write_port() for _ in range(writes)]
            for i, port in enumerate(ports):
                m.d.comb += [port.addr.eq(self.address + 3 * i), port.data.eq(self.data), port.en.eq(self.data[i])]
            return rows, ports

        reads = []
        rows, _ = memory("right", 256)
        reads.append(rows.read_port())
        rows, writes = memory("transparent", 256)
        reads.append(rows.read_port(transparent_for=writes))
        rows, _ = memory("unclocked", 256)
        reads.append(rows.read_port(domain="comb"))
        rows, _ = memory("crowded", 64, writes=4)
        reads.append(rows.read_port())
        for i, port in enumerate(reads):
            m.d.comb += [port.addr.eq(self.address), self.out.word_select(i, 16).eq(port.data)]
        registers = Array(Signal(16, name=f"posing_{i}") for i in range(64))
        m.d.sync += registers[self.address[:6]].eq(self.data)
        m.d.sync += self.out[64:].eq(registers[self.data[:6]])

        stage = self.data  # a pipeline, numbered as well, is none
        for i in range(40):
            late = Signal(16, name=f"stage_{i}")
            m.d.sync += late.eq(stage + i * self.address)
            stage = late
        m.d.comb += self.late.eq(stage)
        return m


def test_what_is_wrong_with_a_memory_is_found(build_dir):
    """Reset as a whole (registers that pose as a memory are), transparent, without a clock, in flip-flops: each is told
    from one that is right."""
    assert memories.faults(_mapped(Memories(), build_dir, "memories")) == [
        "crowded (64 rows of 16 bit): ends in flip-flops",
        "transparent (256 rows of 16 bit): read port 0 is transparent",
        "unclocked (256 rows of 16 bit): read port 0 has no clock",
        "posing: 64 registers, 1,024 bit in all, are a memory in flip-flops",
    ]


@pytest.mark.campaign
def test_memories_of_the_book():
    """The smallest design, memories alone."""
    verilog = build.cached_verilog("book", config.preset("small"), source_lines=True)
    mapped = flow.netlist(verilog, build.module_name("book"), memories_only=True)
    assert mapped.memories and memories.faults(mapped) == []


@pytest.mark.campaign
@pytest.mark.parametrize("unit", build.STAGES)
def test_a_stage_on_the_card(unit):
    """The largest design: memories at their full size, 64 symbols to choose from."""
    found = synthesise(config.preset("u280"), "u280", units=[unit]).units[0]
    assert found.faults == []
    if unit in HOT_PATH:
        assert found.deeper(LEVELS) == []
    assert found.paths[0].end_line.startswith("hdl/")
    if unit == "book":
        quarter = {name: 0.25 for name in ("uram", "bram36")} | {"lut": 0.1}
        share = found.resources.share(resources.U280)
        assert {name for name, most in quarter.items() if share[name] > most} == set()
        assert found.resources.uram  # the order table is where it is meant to be


@pytest.mark.campaign
def test_the_core_on_the_card():
    """Nothing across stages is deeper, and a symbol more costs memory: at most 50 LUTs of the whole core.

    Against four times as many symbols: with fewer the mapper's noise, some thousand LUTs, hides what a symbol costs.
    """
    card = config.preset("u280")
    values = card.model_dump()
    values["symbols"] = [symbol | {"stock": f"{symbol['stock'][:5]}{i or ''}"} for i in range(4)
                         for symbol in values["symbols"]]
    values["book"]["min_orders_per_symbol"] //= 4
    more = config.Design.model_validate(values)
    whole, larger = (synthesise(design, "u280", units=["core"]).units[0] for design in (card, more))
    assert whole.faults == []
    assert Synthesis("u280", [whole]).exceeded(LEVELS) == []
    share = whole.resources.share(resources.U280)
    assert share["lut"] <= 0.1 and max(share["uram"], share["bram36"]) <= 0.25
    symbols = len(more.symbols) - len(card.symbols)
    assert 0 < larger.resources.lut - whole.resources.lut <= 50 * symbols


@pytest.mark.parametrize("levels, chosen", [((6, 9), 0), ((7, 6), 1), ((7, 8), 0), ((8, 7), 1)])
def test_the_least_deep_mapping_counts(monkeypatch, levels, chosen):
    """Of those that were tried: none is once one is not too deep."""
    path = depth.Path(0, "a", "", "b", "", "D", (), ())
    asked = []
    monkeypatch.setattr(flow, "netlist", lambda *_, beside: asked.append(beside) or yosys.BESIDE.index(beside))
    monkeypatch.setattr(flow.build, "cached_verilog", lambda *_, **__: None)
    monkeypatch.setattr(flow.depth, "deepest", lambda which: [replace(path, levels=levels[which], start=str(which))])
    monkeypatch.setattr(flow.resources, "count", lambda which: None)
    monkeypatch.setattr(flow.memories, "faults", lambda which: [])
    unit = flow._synthesise("book", config.preset("small"))
    assert (unit.levels, unit.paths[0].start) == (levels[chosen], str(chosen))
    assert len(asked) == (1 if levels[0] <= LEVELS else 2)


def test_what_is_mapped_by_itself_keeps_its_names(build_dir):
    """Beside the hot path hierarchy stays until all is mapped; memories and registers are found all the same."""
    class Beside(wiring.Component):
        word: In(6)
        odd: Out(1)

        def elaborate(self, platform):
            m = Module()
            m.submodules.depth = depth = Parity()
            m.submodules.rows = rows = Memory(shape=16, depth=64, init=[])
            write, read = rows.write_port(), rows.read_port()
            m.d.comb += [depth.word.eq(self.word), write.en.eq(1), write.addr.eq(self.word), write.data.eq(self.word),
                         read.addr.eq(self.word), self.odd.eq(depth.odd ^ read.data[0])]
            return m

    mapped = _mapped(Beside(), build_dir, "beside")
    assert {"depth.taken", "depth.parity"} <= {path.end for path in depth.deepest(mapped)} | {
        path.start for path in depth.deepest(mapped)}
    assert "rows" in mapped.memories


def _unit(name, levels):
    path = depth.Path(levels, f"{name}.first_register", f"hdl/{name}/{name}.py:1", f"{name}.last_register",
                      f"hdl/{name}/{name}.py:2", "D", ("LUT2",) * levels, ())
    return Unit(name, resources.Resources(lut=1_234, ff=5_678, uram=96), [path] * 12, [])


def test_the_report_fits_100_columns_and_says_what_is_too_deep(tmp_path):
    units = [_unit(name, 7 if name == "book" else 8 if name == "indicators" else 6) for name in build.STAGES]
    same = replace(_unit("core", 7).paths[0], end="book.book.last_register")  # as the book by itself has it
    units.append(replace(_unit("core", 7), paths=[same] * 12))
    found = Synthesis("small", units)
    assert {stage for stage, _ in found.exceeded(LEVELS)} == {"book"}  # indicators are beside the hot path
    assert {stage for stage, _ in found.exceeded(5)} == set(HOT_PATH)
    across = replace(_unit("core", 8).paths[0], end="strategy.last_register")
    beside = replace(across, end="indicators.last_register")
    with_core = Synthesis("small", [*units[:-1], replace(units[-1], paths=[across, beside])])
    assert with_core.exceeded(LEVELS)[-1] == ("core", across)
    assert ("core", beside) not in with_core.exceeded(LEVELS)
    terminal = Console(width=100, record=True, file=open(tmp_path / "out", "w"))
    report.print_synthesis(found, LEVELS, terminal)
    text = terminal.export_text()
    assert max(map(len, text.splitlines())) <= 100
    assert "FAILED: 7 levels of logic in book, not 6" in text
    assert "hdl/book/book.py:2" in text
    assert "10.00%" in text  # 96 of 960 URAM
    content = json.loads(report.write_json(found, LEVELS, tmp_path / "synth.json").read_text())
    assert not content["passed"]
    assert content["units"]["book"]["levels"] == 7
    assert len(content["units"]["book"]["paths"]) == 12  # all that are too deep
    assert content["units"]["core"]["share_of_u280"]["uram"] == pytest.approx(0.1)
    passed = replace(found, units=[_unit(name, 6) for name in build.STAGES])
    report.print_synthesis(passed, LEVELS, terminal)
    assert "PASSED" in terminal.export_text()


@pytest.mark.parametrize("arguments, code", [([], console.TOO_SLOW), (["--levels", "7"], console.SUCCESS)])
def test_the_command_fails_with_3_when_the_hot_path_is_too_deep(monkeypatch, arguments, code):
    found = Synthesis("small", [_unit(name, 7) for name in build.STAGES])
    monkeypatch.setattr("sim.synth.synthesise", lambda *_, **__: found)
    assert run(["synth", *arguments]) == code


def test_an_unknown_stage_is_an_error(capsys):
    assert run(["synth", "boook"]) == console.FAILED
    assert "choose from feed, book" in capsys.readouterr().err


@pytest.mark.campaign
def test_a_stage_of_the_smallest_design():
    """From gateware to figures, as the command does it."""
    found = synthesise(config.preset("small"), "small", units=["strategy"])
    assert [unit.name for unit in found.units] == ["strategy"]
    for unit in found.units:
        assert min(unit.resources.lut, unit.resources.ff) > 100
        assert 0 < unit.levels <= LEVELS
        assert unit.faults == []
        assert unit.paths[0].end_line.startswith("hdl/")
