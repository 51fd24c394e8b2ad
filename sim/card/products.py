"""What the host's side reads of the card's contract: ``registers.h``, ``registers.md`` and ``symbols.txt``.

All are made from ``spec.registers`` and ``spec.rings``; nobody writes an address twice.

    python -m sim.card.products DIR [--design FILE]
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from spec import records, registers, rings
from spec.config import LOTS, ConfigError, Design, load, preset
from spec.counters import COUNTERS
from spec.record import Record
from spec.registers import REGISTERS, Access, Register, design_words

#: Title and first address of each group of the page.
GROUPS = (
    ("Kernel control", 0x000), ("What this card is", 0x040), ("The core", 0x080), ("The PTP clock", 0x0C0),
    ("Commands", 0x100), ("The rings", 0x200),
)
COUNTERS_OFFSET = registers.BY_NAME[f"feed_{next(iter(COUNTERS['feed']))}"].offset
#: Register or field -> the flags that its bits are.
FLAGS = {
    "ap_ctrl": registers.Control, "ier": registers.Interrupt, "core_control": registers.CoreControl,
    "pulse": registers.Pulse, "status": registers.Status, "kill_causes": records.Cause,
}
_BITS = (registers.Control, registers.Interrupt, registers.CoreControl, registers.Pulse, registers.Status,
         records.Cause, records.Refusal)
_CODES = (records.SessionEvent, records.LostReason, records.Reply, records.Action, records.Side)


def prometheus_name(stage: str, counter: str) -> str:
    """The name that ``sim.export.prometheus`` gives a counter, too."""
    return f"tickwire_{stage}_{counter}_total"


def counters() -> Iterator[tuple[str, str, int, str]]:
    """Stage, name, address and what is counted, in the order of ``spec.counters``."""
    for stage, names in COUNTERS.items():
        for name, what in names.items():
            yield stage, name, registers.BY_NAME[f"{stage}_{name}"].offset, what


def symbols_text(design: Design) -> str:
    """``symbols.txt``: which design it belongs to, then each stock in the order of its index."""
    low, high = design_words(design)
    return "\n".join([f"# design {low:08x}{high:08x}", *(symbol.stock for symbol in design.symbols)]) + "\n"


# registers.h


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def _bit_members(flags) -> Iterator[tuple[str, int]]:
    for flag in flags:
        if int(flag):
            yield flag.name, int(flag).bit_length() - 1


def _addresses() -> Iterator[str]:
    yield "// Address of each register, in octets; of those that are several, of the first, and of one by its index."
    yield "namespace address {"
    for register in REGISTERS:
        if register.count == 1:
            yield f"inline constexpr uint32_t {register.name} = 0x{register.offset:04X};"
        else:
            yield (f"constexpr uint32_t {register.name}(uint32_t i = 0) {{ return 0x{register.offset:04X} + "
                   f"{register.stride} * i; }}")
    yield "}"


def _flags() -> Iterator[str]:
    for flags in _BITS:
        name = _snake(flags.__name__)
        yield f"namespace {name} {{"
        yield "enum Bit : uint32_t {"
        yield from (f"    {member} = 1u << {bit}," for member, bit in _bit_members(flags))
        yield "};"
        yield "}"
        yield f"inline constexpr Name {name.upper()}_NAMES[] = {{"
        yield from (f'    {{1u << {bit}, "{member}"}},' for member, bit in _bit_members(flags))
        yield "};"
    for codes in _CODES:
        name = _snake(codes.__name__)
        yield f"namespace {name} {{"
        yield "enum Code : uint32_t {"
        yield from (f"    {code.name} = {int(code)}," for code in codes)
        yield "};"
        yield "}"
        yield f"inline constexpr Name {name.upper()}_NAMES[] = {{"
        yield from (f'    {{{int(code)}, "{code.name}"}},' for code in codes)
        yield "};"


def _layouts(name: str, layouts: tuple[Record, ...]) -> Iterator[str]:
    for record in layouts:
        yield f"inline constexpr Field {_snake(name).upper()}_{record.stream.upper()}[] = {{"
        offset = 0
        for f in record.fields:
            yield f'    {{"{f.name}", {offset}, {f.bits}, {str(f.signed).lower()}, {json.dumps(f.unit)}}},'
            offset += f.bits
        yield "};"
    yield f"inline constexpr Layout {name.upper()}[] = {{"
    for record in layouts:
        yield (f'    {{"{record.name}", "{record.stream}", "{record.stage}", {record.bits}, '
               f"{name.upper()}_{record.stream.upper()}, {len(record.fields)}}},")
    yield "};"
    yield f"enum class {name.title().rstrip('s')} : uint8_t {{"
    yield from (f"    {record.stream} = {i}," for i, record in enumerate(layouts))
    yield "};"


def _constants() -> Iterator[str]:
    slot, command = rings.SLOT, rings.COMMAND_SLOT
    for name, value, what in (
        ("ID", f"0x{registers.ID:08X}", "what `id` reads"),
        ("VERSION", registers.VERSION, "what `version` reads, of this table"),
        ("REGISTERS_SIZE", f"0x{registers.SIZE:X}", "octets of s_axi_control"),
        ("RING_COUNT", len(rings.RINGS), ""),
        ("COMMAND_COUNT", len(rings.COMMANDS), ""),
        ("SLOT_OCTETS", rings.SLOT_OCTETS, "of a ring and of the command ring"),
        ("PAYLOAD_OCTETS", rings.PAYLOAD_OCTETS, "the record, least significant octet first"),
        ("MIN_RING_LOG2", rings.MIN_LOG2, ""),
        ("MAX_RING_LOG2", rings.MAX_LOG2, ""),
        ("BURST_SLOTS", rings.BURST_SLOTS, "that the card writes at once, at most"),
        ("SLOT_CYCLE", slot["cycle"].offset, "8 octets"),
        ("SLOT_SEQUENCE", slot["sequence"].offset, "4 octets"),
        ("SLOT_RING", slot["ring"].offset, "1 octet"),
        ("SLOT_PHASE", slot["phase"].offset, "1 octet: 1 on the first lap, then 0, then 1 ..."),
        ("COMMAND_SLOT_COMMAND", command["command"].offset, "1 octet: a Command"),
        ("MAX_SYMBOLS", records.MAX_SYMBOLS, ""),
        ("QUANTITY_LIMIT", 1_000_000, "shares of an order are below (OUCH 5.0, section 2.1)"),
    ):
        yield f"inline constexpr uint32_t {name} = {value};{f'  // {what}' if what else ''}"
    yield f"inline constexpr uint32_t LOTS[] = {{{', '.join(map(str, LOTS))}}};  // shares; any other lot refuses all"


def header() -> Iterator[str]:
    """The lines of ``registers.h``."""
    yield from (
        "// Registers and rings of the kernel tickwire_kernel: made from spec/registers.py and spec/rings.py, not",
        "// written by hand. Units stand in each field.",
        "", "#pragma once", "", "#include <cstdint>", "", "namespace tickwire {", "",
        "// A field of a record: `offset` and `bits` count from the record's least significant bit.",
        "struct Field {", "    const char* name;", "    uint16_t offset;", "    uint16_t bits;",
        "    bool is_signed;", "    const char* unit;", "};", "",
        "struct Layout {", "    const char* name;", "    const char* stream;", "    const char* stage;",
        "    uint16_t bits;", "    const Field* fields;", "    uint16_t count;", "};", "",
        "struct Counter {", "    const char* name;", "    const char* stage;",
        "    uint32_t address;  // of the low word; the high one stands behind it, and is read after it",
        "    const char* help;", "    const char* prometheus;", "};", "",
        "// A flag or code, and what it is called.", "struct Name {", "    uint32_t value;", "    const char* name;",
        "};", "",
    )
    yield from _constants()
    yield ""
    yield from _addresses()
    yield ""
    yield from _flags()
    yield ""
    yield "inline constexpr Counter COUNTERS[] = {"
    for stage, name, address, what in counters():
        yield (f'    {{"{name}", "{stage}", 0x{address:04X}, {json.dumps(what)},\n     '
               f'"{prometheus_name(stage, name)}"}},')
    yield "};"
    yield ""
    yield "// What the card writes: a ring each, in this order."
    yield from _layouts("rings", rings.RINGS)
    yield ""
    yield "// What the host may put into a slot of the command ring, or commit."
    yield from _layouts("commands", rings.COMMANDS)
    yield ""
    yield "}  // namespace tickwire"


# registers.md


def _group(register: Register) -> str:
    return [title for title, first in GROUPS if register.offset >= first][-1]


def _row(register: Register) -> str:
    address = f"0x{register.offset:04X}"
    if register.count > 1:
        address += f" + {register.stride} i"
    name = register.name + (f"[0..{register.count - 1}]" if register.count > 1 else "")
    bits = f"{register.bits}{', signed' if register.signed else ''}"
    reset = f"{register.reset:#x}" if register.access in (Access.READ_WRITE, Access.LOCKED) else ""
    return f"| {address} | `{name}` | {register.access.value} | {bits} | {reset} | {_cell(register.doc)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def page() -> Iterator[str]:
    """The lines of ``registers.md``."""
    yield from (
        "# Registers and rings", "",
        "Made from `spec/registers.py` and `spec/rings.py` by `python -m sim.card.products DIR`; do not edit.", "",
        f"AXI4-Lite, {registers.ADDRESS_BITS} address bits, 32 data bits, little-endian. Registers above 32 bits are "
        "two words, the low one first.",
        "A write that strobes less than a word, an unaligned access, a write to what is read-only, a read of what is",
        "write-only and an address without a register are answered with SLVERR and change nothing.", "",
        "| access | |", "|---|---|", "| rw | keeps what was written |",
        "| rw, acts | what is written acts, what is read is a state |",
        "| rw, locked | keeps what was written; SLVERR while the core runs |", "| ro | read only |",
        "| wo | acts; SLVERR where it cannot act now |",
        "| ro, counter | 64 bits of one moment: low word first, then the high word. SLVERR if another counter's low "
        "word was read in between, or the core's clock stands still |",
    )
    for title, _ in GROUPS:
        yield from ("", f"## {title}", "", "| address | register | access | bits | reset | |",
                    "|---|---|---|---|---|---|")
        members = [r for r in REGISTERS if _group(r) == title and r.offset < COUNTERS_OFFSET]
        yield from (_row(register) for register in members)
        for register in members:
            if register.name in FLAGS:
                yield from ("", f"Bits of `{register.name}` (`{FLAGS[register.name].__name__}`): " + ", ".join(
                    f"{bit} `{name}`" for name, bit in _bit_members(FLAGS[register.name])) + ".")
    for stage in COUNTERS:
        yield from ("", f"## Counters of {stage}", "", "| address | counter | Prometheus | |", "|---|---|---|---|")
        yield from (f"| 0x{address:04X} | `{name}` | `{prometheus_name(of, name)}` | {_cell(what)} |"
                    for of, name, address, what in counters() if of == stage)
    for title, layout, what in (
        ("Slot of a ring", rings.SLOT, "`phase` is 1 on the first lap, 0 on the second, 1 on the third ..."),
        ("Slot of the command ring", rings.COMMAND_SLOT, "`command` is an index in the list of commands."),
    ):
        yield from ("", f"## {title}", "", f"{layout.length} octets. {what}", "", "| octet | length | field |",
                    "|---|---|---|")
        yield from (f"| {f.offset} | {f.length} | `{f.name}` |" for f in layout.fields)
    for title, members in (("Rings", rings.RINGS), ("Commands", rings.COMMANDS)):
        yield from ("", f"## {title}")
        for i, record in enumerate(members):
            yield from ("", f"### {i}: {record.stream}", "", f"`{record.name}`, {record.bits} bits. "
                        + record.doc.strip().split("\n")[0], "", "| bit | bits | field | |", "|---|---|---|---|")
            offset = 0
            for f in record.fields:
                yield (f"| {offset} | {f.bits}{', signed' if f.signed else ''} | `{f.name}` | {_cell(f.unit)} |")
                offset += f.bits


def write(directory: Path, design: Design | None = None) -> list[Path]:
    """Write the files into ``directory``, ``symbols.txt`` where there is a design; return their paths."""
    directory.mkdir(parents=True, exist_ok=True)
    texts = {"registers.h": "\n".join(header()) + "\n", "registers.md": "\n".join(page()) + "\n"}
    if design is not None:
        texts["symbols.txt"] = symbols_text(design)
    for name, text in texts.items():
        path = directory / name
        if not path.exists() or path.read_text() != text:  # what did not change needs no new build
            path.write_text(text)
    return [directory / name for name in texts]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m sim.card.products", description="Write registers.h, registers.md "
                                     "and, for a design, symbols.txt.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--design", help="a design's TOML file, or the name of a preset")
    options = parser.parse_args(arguments)
    try:
        design = options.design and (load(options.design) if options.design.endswith(".toml")
                                     else preset(options.design))
        for path in write(options.directory, design or None):
            print(path)
    except (ConfigError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
