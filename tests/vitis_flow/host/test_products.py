"""registers.h, registers.md and symbols.txt say what spec/ says."""

import random
import re
import subprocess
from dataclasses import replace

from sim.card import products
from sim.export import prometheus
from spec.config import preset
from spec.counters import COUNTERS
from spec.records import Cause, Refusal
from spec.registers import REGISTERS, Status, command_index, design_words
from spec.rings import COMMANDS, PAYLOAD_OCTETS, RINGS
from tests.vitis_flow.host.conftest import WARNINGS


def compile_alone(header, directory):
    source = directory / "alone.cpp"
    source.write_text(f'#include "{header}"\nint main() {{ return 0; }}\n')
    return subprocess.run(["g++", *WARNINGS, "-fsyntax-only", source], text=True, capture_output=True)


def test_the_header_compiles_alone(tmp_path):
    header, *_ = products.write(tmp_path)
    said = compile_alone(header, tmp_path)
    assert said.returncode == 0, said.stderr


def test_a_name_that_is_no_identifier_does_not_compile(tmp_path, monkeypatch):
    monkeypatch.setattr(products, "REGISTERS", (replace(REGISTERS[0], name="ap-ctrl"), *REGISTERS[1:]))
    header, *_ = products.write(tmp_path)
    assert compile_alone(header, tmp_path).returncode != 0


def test_every_address_is_the_tables(tmp_path):
    header = products.write(tmp_path)[0].read_text()
    constants = dict(re.findall(r"^inline constexpr uint32_t (\w+) = 0x(\w+);$", header, re.M))
    rows = {name: (int(first, 16), int(stride)) for name, first, stride in re.findall(
        r"^constexpr uint32_t (\w+)\(uint32_t i = 0\) \{ return 0x(\w+) \+ (\d) \* i; \}$", header, re.M)}
    for register in REGISTERS:
        if register.count == 1:
            assert int(constants.pop(register.name), 16) == register.offset
        else:
            assert rows.pop(register.name) == (register.offset, register.stride)
    assert not rows and set(constants) <= {"REGISTERS_SIZE"}


def test_flags_and_names(tmp_path):
    header = products.write(tmp_path)[0].read_text()
    for flags, prefix in ((Cause, "CAUSE"), (Refusal, "REFUSAL"), (Status, "STATUS")):
        table = re.search(rf"Name {prefix}_NAMES\[\] = \{{(.*?)\}};", header, re.S)[1]
        assert {name: 1 << int(bit) for bit, name in re.findall(r'\{1u << (\d+), "(\w+)"\}', table)} == {
            flag.name: int(flag) for flag in flags if flag}


def test_counters_have_the_names_that_a_run_exports():
    counters = {stage: dict.fromkeys(names, 0) for stage, names in COUNTERS.items()}
    summary = {"passed": True, "cycles": 1, "differences": {"by_stream": {}}, "compared": [], "messages": {},
               "counters": counters, "latency": []}
    exported = {line.split()[0] for line in prometheus.lines(summary) if not line.startswith("#")}
    ours = {products.prometheus_name(stage, name) for stage, name, _, _ in products.counters()}
    assert len(ours) == sum(map(len, COUNTERS.values())) and ours <= exported


def test_the_page_has_every_register_and_field(tmp_path):
    page = products.write(tmp_path)[1].read_text()
    for register in REGISTERS:
        assert f"0x{register.offset:04X}" in page
    for record in (*RINGS, *COMMANDS):
        assert f": {record.stream}\n" in page
        assert all(f"`{f.name}`" in page for f in record.fields)


def test_symbols_belong_to_a_design(tmp_path):
    design = preset("small")
    lines = products.write(tmp_path, design)[2].read_text().splitlines()
    low, high = design_words(design)
    assert lines[0] == f"# design {low:08x}{high:08x}"
    assert lines[1:] == [symbol.stock for symbol in design.symbols]
    assert design_words(preset("demo")) != (low, high)


def test_the_command_line(tmp_path, capsys):
    assert products.main([str(tmp_path), "--design", "small"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"registers.h", "registers.md", "symbols.txt"}
    assert products.main([str(tmp_path), "--design", "large"]) == 1
    assert "no such preset" in capsys.readouterr().err


def random_record(record, choose: random.Random):
    values = []
    for f in record.fields:
        low, high = (-(1 << f.bits - 1), (1 << f.bits - 1) - 1) if f.signed else (0, (1 << f.bits) - 1)
        values.append(choose.choice([low, high, choose.randint(low, high), choose.randint(low, high)]))
    return record.tuple(*values)


def shown(record, values) -> list[str]:
    return [value.to_bytes((f.bits + 7) // 8, "little").hex() if f.bits > 64 else str(value)
            for f, value in zip(record.fields, values, strict=True)]


def test_layouts_unpack_as_python_packs(programs, seed):
    choose = random.Random(seed)
    lines, expected = [], []
    for _ in range(3000):
        i = choose.randrange(len(RINGS))
        values = random_record(RINGS[i], choose)
        lines.append(f"{i} {RINGS[i].pack(values).to_bytes(PAYLOAD_OCTETS, 'little').hex()}")
        expected.append(shown(RINGS[i], values))
    said = subprocess.run([programs.check, "unpack"], input="\n".join(lines), text=True, capture_output=True,
                          check=True)
    assert [line.split() for line in said.stdout.splitlines()] == expected


def test_layouts_pack_as_python_does(programs, seed):
    choose = random.Random(seed)
    lines, expected = [], []
    for _ in range(3000):
        i = choose.randrange(len(COMMANDS))
        values = random_record(COMMANDS[i], choose)
        lines.append(" ".join([str(i), *shown(COMMANDS[i], values)]))
        expected.append(COMMANDS[i].pack(values).to_bytes(PAYLOAD_OCTETS, "little").hex())
    said = subprocess.run([programs.check, "pack"], input="\n".join(lines), text=True, capture_output=True, check=True)
    assert said.stdout.split() == expected


def test_a_value_that_does_not_fit_is_refused(programs):
    said = subprocess.run([programs.check, "pack"], input=f"{command_index('requests')} 1024 0 0 0 0 0\n",
                          text=True, capture_output=True)
    assert said.returncode == 1 and said.stderr == "symbol = 1024 does not fit 10 bits\n"
