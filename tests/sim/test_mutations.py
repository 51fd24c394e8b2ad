"""Broken hardware is found, found in the right place, and investigated.

In a scratch copy of the generated Verilog one constant of one stage is changed, nothing else. The comparison must name
that stage, and the message, its place on the wire, the field, both values and the cycle. The investigation must leave a
few messages that still fail there, and a waveform.

Compiling a core takes longer than all else here. So there is one copy with all the mutations in it, of which it takes
the one that a file names when the simulation begins.
"""

import io
import re
from pathlib import Path

import lz4.block
import pytest
from rich.console import Console

from sim import build, engine, replay
from sim.bug import investigate, print_found, save_file
from sim.bug.minimise import minimise
from sim.cli import run as tickwire
from sim.framing import as_file, frames
from sim.generator import session
from sim.sources import input_messages
from spec import config, itch
from spec.counters import COUNTERS

DESIGN = config.preset("small")
pytestmark = pytest.mark.slow

BUILDS = Path("build/native")
MESSAGES = 3000
ANSWERED = 100_000  #: cycles within which the venue's word on an order has come, some batches later
SWITCH = "mutation.hex"  #: where the simulation runs: number of the mutation, 0 for none
_LITERAL = re.compile(r"\d+'[hd][0-9a-f]+")

#: Stage, what the constant is, a part of the names of its modules, the constant in its context, what it becomes, and
#: (stream, field) where that must show first.
MUTATIONS = {
    "delete": ("feed", "the length of an order delete, 19 octets", "feed", r"(8'h44:\s+length = 6'h)13", r"\g<1>12",
               ("messages", {"sequence"})),
    "replace": ("feed", "the length of an order replace, 35 octets", "feed", r"(8'h55:\s+length = 6'h)23", r"\g<1>22",
                ("messages", {"sequence"})),
    "side": ("book", "the side of a bid, 'B'", "book", r"(!= 7'h)42", r"\g<1>43",
             ("updates", {"bid_known", "bid_price", "ask_price"})),
    "trading": ("book", "the trading state 'T'", "book.trading_state", r"(message\[256:249\] == 7'h)54", r"\g<1>55",
                ("updates", {"tradable"})),
    "mid": ("indicators", "a type that moves the mid, 'A'", "indicators", r"(== 7'h)41", r"\g<1>40",
            ("indicators", {"sma_known", "sma", "ema_known", "ema"})),
    "print": ("indicators", "a type that prints, 'E'", "indicators.sampler",
              r"(updates__payload\[97:90\] == 7'h)45", r"\g<1>44", ("indicators", {"sma", "ema"})),
    "quantity": ("strategy", "the quantity of an intent, 100 shares", "strategy.parameter_registers",
                 r"(\$1  = 115'h\w{17}1f4)00064", r"\g<1>00065", ("intents", {"quantity"})),
    "limit": ("risk", "the largest order, 1000 shares", "risk", r"(ready \? write_data : \d+'h[0-9a-f]+0)3e8(00001\b)",
              r"\g<1>063\g<2>", ("decisions", {"refusals"})),
    "order type": ("order", "the type of an order, 'O'", "order", r"(32'h)4f(5536)", r"\g<1>50\g<2>",
                   ("tx", {"octet 57 (enter order type)"})),
    "executed": ("session", "what 'E' says of an order, that it was executed", "session",
                 r"(8'h45:\s+\S+ \[3:0\] = 4'h)3", r"\g<1>4", ("positions", {"kind"})),
}


def mutate(text: str, part: str, constant: str, becomes: str) -> str:
    """``text`` with the first ``constant`` in a module of ``part`` changed, and nothing else."""
    begin = rf"^module \\tickwire\.inner\.{part}[. ]"
    for module in re.finditer(rf"{begin}.*?^endmodule", text, re.MULTILINE | re.DOTALL):
        body, count = re.subn(constant, becomes, module[0], count=1)
        if count:
            return text[: module.start()] + body + text[module.end() :]
    raise AssertionError(f"no {constant} in {part}: the mutation must follow the gateware")


def switched(text: str) -> str:
    """``text`` with every constant of ``MUTATIONS`` a choice between what it is and what it becomes."""
    lines, headers = text.splitlines(), set()
    for number, (_, _, part, constant, becomes, _) in enumerate(MUTATIONS.values(), start=1):
        mutated = mutate(text, part, constant, becomes).splitlines()
        [at] = [i for i, (one, other) in enumerate(zip(text.splitlines(), mutated, strict=True)) if one != other]
        before, after = _LITERAL.findall(lines[at]), _LITERAL.findall(mutated[at])
        [(good, bad)] = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
        lines[at] = lines[at].replace(good, f"(mutation[0] == 4'd{number} ? {bad} : {good})", 1)
        assert lines[at].replace(f"(mutation[0] == 4'd{number} ? {bad} : {good})", bad) == mutated[at]
        module = max(i for i in range(at) if lines[i].startswith("module "))
        headers.add(next(i for i in range(module, at) if lines[i].endswith(");")))
    for header in headers:
        lines[header] += f' reg [3:0] mutation [0:0]; initial $readmemh("{SWITCH}", mutation);'
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    scratch = tmp_path_factory.mktemp("verilog") / "tickwire.v"
    scratch.write_text(switched(build.cached_verilog("core", DESIGN).read_text()))
    return engine.build(scratch, BUILDS, waves=True)


@pytest.fixture(scope="module")
def stimulus():
    return list(frames(as_file(session(DESIGN, messages=MESSAGES, seed=41)), design=DESIGN, seed=41))


@pytest.fixture
def run(library, stimulus, tmp_path, monkeypatch):
    """Replays on the hardware with mutation ``number``."""
    def run(number: int):
        (tmp_path / SWITCH).write_text(f"{number:x}\n")
        monkeypatch.chdir(tmp_path)
        return replay.run(DESIGN, stimulus, out=tmp_path, library=library)
    return run


def test_the_hardware_as_it_is_agrees(run):
    found = run(0)
    assert found.passed and found.differences == 0, found.first_difference
    assert found.compared["messages"] == MESSAGES and found.compared["tx"] > 50


def test_every_stage_has_a_mutation():
    assert {stage for stage, *_ in MUTATIONS.values()} == {*COUNTERS}


@pytest.mark.parametrize("name", MUTATIONS)
def test_one_changed_constant_is_found_in_its_stage(run, stimulus, name):
    stage, what, _, _, _, (stream, fields) = MUTATIONS[name]
    found = run([*MUTATIONS].index(name) + 1)
    assert found.differences > 0 and not found.passed, what
    first = found.first_difference
    assert (first.stage, first.stream) == (stage, stream), first
    assert first.field in fields, first
    assert first.kind == "value" and first.expected != first.got, first

    # The place leads to the very message in the input, and the cycle to its passage through that stage.
    octets = stimulus[first.place.frame].octets
    code = chr(octets[first.place.octet])
    assert code in itch.MESSAGES
    assert first.place.offset == stimulus[first.place.frame].offset + first.place.octet
    latest = ANSWERED if stage == "session" else 40
    assert 0 < first.cycle - first.place.cycle < latest, first
    delivered = found.expected_counters["feed"]["messages"]
    assert 0 <= first.message < delivered
    for said in (stage, f"message {first.message}", f"frame {first.place.frame} octet {first.place.octet}",
                 f"offset {first.place.offset}", first.field, f"expected {first.expected}", f"got {first.got}",
                 f"cycle {first.cycle}"):
        assert said in str(first)


@pytest.mark.parametrize("name", [pytest.param(name, marks=[] if name == "side" else pytest.mark.campaign)
                                  for name in MUTATIONS])
def test_an_investigation_leaves_few_messages_and_a_waveform(run, library, tmp_path, monkeypatch, name,
                                                             record_property):
    stage, _, _, _, _, (stream, _) = MUTATIONS[name]
    first = run([*MUTATIONS].index(name) + 1).first_difference
    messages = as_file(session(DESIGN, messages=MESSAGES, seed=41))
    whole = [message.octets for message in messages]
    found = investigate(DESIGN, first, lambda: as_file(whole), library=library, traced=lambda: library, out=tmp_path)
    record_property("campaign", f"{name}: {first.stage} message {first.message}, {len(found.messages)} messages after "
                                f"{found.trials} trials")
    assert 0 < len(found.messages) < 100
    assert (found.minimised.stage, found.minimised.stream) == (stage, stream)
    assert [message.octets for message in input_messages([found.input])] == found.messages
    # The command that is printed fails as it is said to: the file, with the design that is beside it.
    again, as_it_is = [], replay.run
    monkeypatch.setattr(replay, "run", lambda design, frames, *, out, **_: again.append(
        as_it_is(design, frames, out=out, library=library)) or again[0])
    assert tickwire([*found.command.split()[1:], "--no-investigate", "--out", str(tmp_path / "again")]) == 1
    assert again[0].first_difference == found.minimised
    # The story ends with the message.
    told = found.story.messages[-1]
    assert whole[first.message][:1].decode() == told.text[:1] and len(found.story.messages) <= 20
    assert found.waveform.stat().st_size > 1000
    names = waveform_names(found.waveform)
    assert {*save_file.signals()} <= names
    text = found.save_file.read_text()
    assert found.waveform.name in text and all(signal in text for signal in save_file.signals())
    print_found(found, Console(width=120, file=(terminal := io.StringIO())))
    said = terminal.getvalue()
    assert f"{len(found.messages)} messages still fail" in said and "tickwire replay" in said


def waveform_names(path) -> set[str]:
    """The signals of the outermost scope of an FST: its hierarchy is a block of type 6, compressed with LZ4."""
    octets, at, names = path.read_bytes(), 0, set()
    while octets[at] != 6:
        at += 1 + int.from_bytes(octets[at + 1 : at + 9], "big")
    end = at + 1 + int.from_bytes(octets[at + 1 : at + 9], "big")
    size = int.from_bytes(octets[at + 9 : at + 17], "big")
    hierarchy = lz4.block.decompress(octets[at + 17 : end], uncompressed_size=size)
    for name in re.findall(rb"[\x10\x00-\x1f]([a-z_]+(?: \[\d+:0\])?)\x00", hierarchy):
        names.add("TOP." + name.decode().replace(" ", ""))
    return names


def test_the_fewest_messages_that_fail_are_found():
    """Of a hundred numbers, those without which it does not fail; and a bound on trials."""
    tried = []

    def fails(items):
        tried.append(items)
        return {3, 50, 51, 99} <= {*items}

    assert minimise(range(100), fails) == [3, 50, 51, 99] and len(tried) < 100
    assert minimise(range(100), lambda items: False) == [*range(100)]
    assert len(minimise(range(100), fails, trials=5)) > 4
