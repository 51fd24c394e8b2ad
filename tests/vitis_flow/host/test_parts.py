"""Parts of the host program, called one by one: the ring reader, files, the clock, the build."""

import datetime
import subprocess

import pytest

from spec import wire
from spec.records import GIVEN_SYMBOL, HANDOVER, PARAMETERS, SESSION_LIMIT, SNAPSHOT, SYMBOL_LIMIT
from spec.registers import VERSION
from spec.rings import CLOCK, COMMANDS, SLOT
from tests.vitis_flow.host.conftest import HOST, WARNINGS, make

_COMMANDS = {record.stream: record for record in COMMANDS}


def check(programs, *arguments, given=""):
    return subprocess.run([programs.check, *map(str, arguments)], input=given, text=True, capture_output=True)


def records(said) -> list:
    assert said.returncode == 0, said.stderr
    return [_COMMANDS[stream].unpack(int.from_bytes(bytes.fromhex(payload), "little"))
            for stream, payload in map(str.split, said.stdout.splitlines())]


# The ring


class Ring:
    """Writes a script for ``check ring``: slots as the card writes them."""

    def __init__(self, log2=5, index=3):
        self.size, self.index, self.produced, self.script = 1 << log2, index, 0, []

    def put(self, sequence, *, index=None, phase=None):
        phase = ~(self.produced // self.size) & 1 if phase is None else phase
        slot = wire.write(SLOT, "little", cycle=1000 + sequence, sequence=sequence % (1 << 32),
                          ring=self.index if index is None else index, phase=phase)
        self.script.append(f"slot {self.produced % self.size} {slot.hex()}")
        self.produced += 1

    def run(self, programs):
        return check(programs, "ring", self.index, self.size.bit_length() - 1, given="\n".join(self.script))

    def answers(self, programs):
        said = self.run(programs)
        assert said.returncode == 0, said.stderr
        return said.stdout.splitlines()


def listed(*sequences):
    return f"[{''.join(f'{n},' if '@' in str(n) else f'{n}@{1000 + n},' for n in sequences)}]"


def test_laps_are_told_apart_by_phase(programs):
    ring, sequence, expected, told, read = Ring(), 0, [], 0, 0
    writes = 0
    for count in (0, 5, 20, 32, 1, 31, 32, 32, 4):  # five laps
        first = sequence
        for _ in range(count):
            ring.put(sequence)
            sequence += 1
        ring.script.append("poll 100")
        for _ in range(count):
            read += 1
            if read - told >= 8:
                told, writes = read, writes + 1
        expected.append(f"{listed(*range(first, sequence))} 0 {told} {writes}")
    ring.script.append("tell 0")
    expected.append(f"[] 0 {read} {writes + 1}")
    assert ring.answers(programs) == expected


def test_no_more_than_the_limit_is_taken(programs):
    ring = Ring()
    for sequence in range(6):
        ring.put(sequence)
    ring.script += ["poll 4", "poll 4", "poll 4"]
    assert [line.split()[0] for line in ring.answers(programs)] == [listed(0, 1, 2, 3), listed(4, 5), "[]"]


def test_a_slot_whose_phase_has_not_landed_is_not_read(programs):
    ring = Ring()
    ring.put(0)
    ring.put(1, phase=0)
    ring.produced -= 1
    ring.script.append("poll 9")
    ring.put(1)
    ring.script.append("poll 9")
    assert [line.split()[0] for line in ring.answers(programs)] == [listed(0), listed(1)]


def test_lost_records_are_counted(programs):
    ring = Ring()
    for sequence in (2, 3, 10):  # 0, 1 and 4 to 9 are missing
        ring.put(sequence)
    ring.script.append("poll 9")
    assert ring.answers(programs) == [f"{listed(2, 3, 10)} 8 0 0"]


def test_sequences_wrap(programs):
    ring = Ring()
    top = (1 << 32) - 1
    for sequence in (top, 1 << 32, (1 << 32) + 2):
        ring.put(sequence)
    ring.script.append("poll 9")
    lost = ring.answers(programs)[0].split()[1]
    assert int(lost) == top + 1  # those before the first, and one


def test_a_slot_of_another_ring_is_an_error(programs):
    ring = Ring()
    ring.put(0, index=4)
    ring.script.append("poll 9")
    said = ring.run(programs)
    assert said.returncode == 1 and said.stderr == "ring depths, slot 0: says ring 4, expected 3\n"


# Files

SYMBOL = """\
min_quantity = 1
max_quantity = 1_000  # shares
lot = 100
max_notional = 500000000
max_long = 10000
max_short = 0
max_gross = 9223372036854775807
max_net = 1
collar_bps = 500
collar_absolute = 10000
max_open_orders = 7
rate_ns = 1000
rate_burst = 11
duplicate_ns = 5
restricted = false
"""
SESSION = """\
[session]
max_gross = 1
max_net = 2
max_open_orders = 3
rate_ns = 0
rate_burst = 1
max_loss = 4
max_rejects = 5
stale_ns = 6
cancel_after_kill = true
"""
STRATEGY = """
[strategy]
numerator = 5
denominator = 2
quantity = 300
max_spread = 200
cooldown_ns = 1_000_000
"""


@pytest.fixture
def symbols(tmp_path):
    path = tmp_path / "symbols.txt"
    path.write_text("# design 0123456789abcdef\nAAPL\nMSFT\nSPY\n")
    return path


def limits(programs, tmp_path, symbols, text):
    path = tmp_path / "limits"
    path.write_text(text)
    return check(programs, "limits", path, 3, symbols)


def test_limits(programs, tmp_path, symbols):
    text = f"# of today\n[symbol *]\n{SYMBOL}\n[symbol MSFT]\nmax_short = 42\nrestricted = 1\n\n{SESSION}"
    of_all = SYMBOL_LIMIT.tuple(0, 1, 1000, 100, 500_000_000, 10_000, 0, (1 << 63) - 1, 1, 500, 10_000, 7, 1000, 10_000,
                                5, 0)
    assert records(limits(programs, tmp_path, symbols, text)) == [
        SESSION_LIMIT.tuple(1, 2, 3, 0, 0, 4, 5, 6, 1),
        of_all, of_all._replace(symbol=1, max_short=42, restricted=1), of_all._replace(symbol=2),
    ]
    alone = records(limits(programs, tmp_path, symbols, f"[symbol 2]\n{SYMBOL}"))
    assert alone == [of_all._replace(symbol=2)]


def test_parameters_of_the_strategy(programs, tmp_path, symbols):
    assert records(limits(programs, tmp_path, symbols, f"{STRATEGY}{SESSION}")) == [
        PARAMETERS.tuple(5, 2, 300, 200, 1_000_000), SESSION_LIMIT.tuple(1, 2, 3, 0, 0, 4, 5, 6, 1)]


def changed(old, new):
    assert old in SYMBOL
    return f"[symbol AAPL]\n{SYMBOL.replace(old, new)}"


@pytest.mark.parametrize("text, complaint", [
    ("", ": no limits; expected [session], [strategy], [symbol NAME] or [symbol *]"),
    ("max_long = 1", ':1: "max_long = 1": expected [session], [strategy] or [symbol NAME] before it'),
    ("[session", ":1: [session: expected [name]"),
    ("[portfolio]", ":1: [portfolio]: expected [session], [strategy], [symbol NAME] or [symbol *]"),
    (f"[symbol TSLA]\n{SYMBOL}", ":1: symbol TSLA: expected a name of the symbols file or an index from 0 to 2"),
    (f"[symbol 3]\n{SYMBOL}", ":1: symbol 3: expected a name of the symbols file or an index from 0 to 2"),
    (changed("max_long = 10000\n", ""), ":1: [symbol AAPL] needs max_long: all of them are taken together"),
    (changed("lot = 100", "lot"), ':4: "lot": expected key = value'),
    (changed("lot = 100", "lot = 100\nlot = 100"), ":5: lot: a second time; expected each key once"),
    (changed("lot = 100", "lot = 3"), ":4: lot = 3: expected one of 1, 2, 4, 5, 8, 10, 20, 25, 40, 50, 100, 200"),
    (changed("max_long = 10000", "max_long = lots"),
     ":6: max_long = lots: expected an integer from 0 to 2**64 - 1"),
    (changed("max_long = 10000", "max_long = -1"), ":6: max_long = -1: expected an integer from 0 to 2**64 - 1"),
    (changed("max_long = 10000", "max_long = 99999999999999999999"),
     ":6: max_long = 99999999999999999999: expected an integer from 0 to 2**64 - 1"),
    (changed("max_long = 10000", "max_long = 1099511627776"), ":6: max_long = 1099511627776: expected below 2**40"),
    (changed("min_quantity = 1\n", "min_quantity = 0\n"), ":2: min_quantity = 0: expected from 1 to 999999"),
    (changed("min_quantity = 1\n", "min_quantity = 1001\n"),
     ":2: min_quantity = 1001: expected at most max_quantity = 1000"),
    (changed("collar_bps = 500", "collar_bps = 10001"), ":10: collar_bps = 10001: expected at most 10000"),
    (changed("rate_burst = 11", "rate_burst = 0"), ":14: rate_burst = 0: expected from 1 to 65535 tokens"),
    (changed("rate_ns = 1000", "rate_ns = 1000000000000"),
     ":14: rate_burst = 11: expected rate_ns * (rate_burst - 1) below 2**40"),
    (STRATEGY.replace("quantity = 300\n", ""), ":2: [strategy] needs quantity: all of them are taken together"),
    (STRATEGY.replace("= 300", "= 0"), ":5: quantity = 0: expected from 1 to 999999"),
    (STRATEGY.replace("= 5", "= 256"), ":3: numerator = 256: expected below 2**8"),
    (STRATEGY.replace("= 2\n", "= 0\n"), ":4: denominator = 0: expected from 1 to 255"),
    (f"{STRATEGY}{STRATEGY}", ":9: [strategy]: a second time; expected each section once"),
    (f"{SESSION}{SESSION}", ":11: [session]: a second time; expected each section once"),
    (f"[symbol 0]\n{SYMBOL}[symbol AAPL]\n{SYMBOL}",
     ":17: [symbol AAPL]: a second time; expected each section once"),
])
def test_wrong_limits(programs, tmp_path, symbols, text, complaint):
    said = limits(programs, tmp_path, symbols, text)
    assert said.returncode == 1 and said.stderr == f"{tmp_path / 'limits'}{complaint}\n"


def test_an_unknown_limit(programs, tmp_path, symbols):
    said = limits(programs, tmp_path, symbols, f"[session]\nmax_longs = 1\n{SESSION}")
    assert said.stderr.startswith(f"{tmp_path / 'limits'}:2: max_longs: no such key; expected one of max_gross, ")


def test_files_that_are_none(programs, tmp_path, symbols):
    assert check(programs, "limits", tmp_path / "none", 3).stderr == (
        f"{tmp_path / 'none'}: cannot be read: No such file or directory\n")
    assert "cannot be read" in check(programs, "limits", tmp_path, 3).stderr
    symbols.write_text("AAPL\n")
    assert ":1: expected \"# design \"" in limits(programs, tmp_path, symbols, SESSION).stderr


def test_a_handover(programs, tmp_path):
    names = [f.name for f in HANDOVER.fields]
    path = tmp_path / "handover"
    path.write_text("".join(f"{name} = {i + 1}\n" for i, name in enumerate(names)))
    expected = HANDOVER.tuple(*range(1, len(names) + 1))
    assert records(check(programs, "handover", path)) == [expected]
    assert records(check(programs, "handover", path, "tcp_window=500,ts_offset=9")) == [
        expected._replace(tcp_window=500, ts_offset=9)]
    assert check(programs, "handover", "tcp_window=500").stderr == (
        "tcp_window=500: a hand-over needs source_port\n")
    assert check(programs, "handover", path, "window=500").stderr.startswith(
        "--handover: window: no such key; expected one of source_port, ")
    assert check(programs, "handover", path, "tcp_window_scale=16").stderr == (
        "--handover: tcp_window_scale = 16: expected below 2**4\n")


NAMES = "symbol,stock,locate\n"


def names(programs, tmp_path, symbols, text):
    path = tmp_path / "names.csv"
    path.write_text(text)
    return check(programs, "names", path, 3, symbols)


def test_names(programs, tmp_path, symbols):
    """Other files know the symbols by their new stocks."""
    said = names(programs, tmp_path, symbols, f"{NAMES}MSFT,BRK.B,65535\n0, MSFT, 7\n")
    assert records(said) == [GIVEN_SYMBOL.tuple(1, int.from_bytes(b"BRK.B   ", "little"), 65535),
                             GIVEN_SYMBOL.tuple(0, int.from_bytes(b"MSFT    ", "little"), 7)]
    assert said.stderr == "MSFT,BRK.B,,"


@pytest.mark.parametrize("text, complaint", [
    ("", ": empty; expected the header symbol,stock,locate"),
    (NAMES, ": no symbols; expected symbol,stock,locate"),
    (f"{NAMES}0,TSLA\n", ':2: "0,TSLA": expected symbol,stock,locate'),
    (f"{NAMES}3,TSLA,7\n", ":2: symbol 3: expected a name of the symbols file or an index from 0 to 2"),
    (f"{NAMES}0,,7\n", ":2: stock : expected one to eight visible ASCII characters"),
    (f"{NAMES}0,TSLATSLAT,7\n", ":2: stock TSLATSLAT: expected one to eight visible ASCII characters"),
    (f"{NAMES}0,TS LA,7\n", ":2: stock TS LA: expected one to eight visible ASCII characters"),
    (f"{NAMES}0,TSLA,0\n", ":2: locate = 0: expected from 1 to 65535"),
    (f"{NAMES}0,TSLA,65536\n", ":2: locate = 65536: expected below 2**16"),
    (f"{NAMES}0,TSLA,7\n1,TSLA,8\n", ':3: "1,TSLA,8": a second time; expected each symbol, stock and locate once'),
    (f"{NAMES}0,TSLA,7\n0,GM,8\n", ':3: "0,GM,8": a second time; expected each symbol, stock and locate once'),
    (f"{NAMES}0,TSLA,7\n1,GM,7\n", ':3: "1,GM,7": a second time; expected each symbol, stock and locate once'),
])
def test_wrong_names(programs, tmp_path, symbols, text, complaint):
    said = names(programs, tmp_path, symbols, text)
    assert said.returncode == 1 and said.stderr == f"{tmp_path / 'names.csv'}{complaint}\n"


HEADER = "symbol,side,reference,price,shares\n"


def snapshot(programs, tmp_path, text):
    path = tmp_path / "snapshot.csv"
    path.write_text(text)
    return check(programs, "snapshot", path, 3)


def test_a_snapshot(programs, tmp_path):
    said = snapshot(programs, tmp_path, f"{HEADER}0,B,18446744073709551615,2916000,100\n2, S, 7, 1, 2\n\n0,vouch\n")
    assert records(said) == [SNAPSHOT.tuple(0, 0, (1 << 64) - 1, 2_916_000, 100, 0), SNAPSHOT.tuple(2, 1, 7, 1, 2, 0),
                             SNAPSHOT.tuple(0, 0, 0, 0, 0, 1)]


@pytest.mark.parametrize("text, complaint", [
    ("", ": empty; expected the header symbol,side,reference,price,shares"),
    ("0,B,1,1,1\n", ":1: expected the header symbol,side,reference,price,shares"),
    (f"{HEADER}0,X,1,1,1\n", ':2: "0,X,1,1,1": expected symbol,side,reference,price,shares with side B or S, or '
                             "symbol,vouch"),
    (f"{HEADER}0,B,1,1.5,1\n", ":2: price = 1.5: expected an integer from 0 to 2**64 - 1"),
    (f"{HEADER}0,B,1,1,4294967296\n", ":2: shares = 4294967296: expected below 2**32"),
    (f"{HEADER}AAPL,B,1,1,1\n", ":2: symbol AAPL: expected an index from 0 to 2 (names need --symbols)"),
    (f"{HEADER}0,vouch\n0,B,1,1,1\n", ":3: 0 was vouched for; expected its orders before that"),
])
def test_a_wrong_snapshot(programs, tmp_path, text, complaint):
    said = snapshot(programs, tmp_path, text)
    assert said.returncode == 1 and said.stderr == f"{tmp_path / 'snapshot.csv'}{complaint}\n"


@pytest.mark.parametrize("moment", ["1970-01-01T00:00:00.000000", "2019-12-31T23:59:59.999999",
                                    "2024-02-28T12:34:56.789012", "2024-02-29T00:00:00.001000"])
def test_the_clock(programs, moment):
    at = datetime.datetime.fromisoformat(f"{moment}+00:00")
    ns = round((at - datetime.datetime.fromtimestamp(0, datetime.UTC)) / datetime.timedelta(microseconds=1)) * 1000 + 7
    digits = f"{at:%Y%m%d%H%M%S}{at.microsecond // 1000:03}"
    tomorrow = f"{at + datetime.timedelta(days=1):%Y%m%d}"
    assert records(check(programs, "clock", ns)) == [
        CLOCK.tuple(ns, *map(int, digits), ns % 1_000_000, *map(int, tomorrow))]


# The build


def test_each_header_compiles_alone(programs, tmp_path):
    for header in sorted(HOST.glob("*.h")):
        said = subprocess.run(["g++", *WARNINGS, "-fsyntax-only", f"-I{HOST}", f"-I{programs.generated}", "-x", "c++",
                               "-"], input=f'#include "{header.name}"\n', text=True, capture_output=True)
        assert said.returncode == 0, said.stderr


def test_the_program_is_linked_to_xrt_or_not(programs):
    linked = [subprocess.run(["ldd", program], text=True, capture_output=True, check=True).stdout
              for program in (programs.xrt, programs.sim)]
    assert ["libxrt_coreutil" in libraries for libraries in linked] == [True, False]


def test_a_build_without_xrt_says_what_is_missing(tmp_path):
    said = make(f"BUILD={tmp_path}", f"XILINX_XRT={tmp_path}")
    assert said.returncode == 2
    assert f"{tmp_path}/include has no xrt/xrt_device.h: install XRT" in said.stderr


def test_a_header_of_another_version_does_not_compile(programs, tmp_path):
    """The program is made for one table: what it uses and the table lacks is found by the compiler."""
    text = (programs.generated / "registers.h").read_text()
    assert f"VERSION = {VERSION};" in text
    (tmp_path / "registers.h").write_text(text.replace("ring_consumer", "ring_reader"))
    said = subprocess.run(["g++", *WARNINGS, "-fsyntax-only", f"-I{HOST}", f"-I{tmp_path}", HOST / "host.cpp"],
                          text=True, capture_output=True)
    assert said.returncode != 0 and "ring_consumer" in said.stderr
