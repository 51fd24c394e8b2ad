"""``sim.card.registers``: registers by name over words."""

import pytest

from sim.card import CardError
from sim.card.registers import Registers
from spec.counters import COUNTERS
from spec.records import SYMBOL_LIMIT
from spec.registers import BY_NAME
from spec.rings import CLOCK, COMMANDS, RINGS


class Words:
    """Remembers what was written, in order; refuses what it is told to."""

    def __init__(self):
        self.words, self.writes, self.reads, self.refuses = {}, [], [], set()

    def read(self, address):
        if address in self.refuses:
            raise CardError(f"SLVERR at 0x{address:x}")
        self.reads.append(address)
        return self.words.get(address, 0)

    def write(self, address, value):
        if address in self.refuses:
            raise CardError(f"SLVERR at 0x{address:x}")
        assert 0 <= value < 1 << 32 and address % 4 == 0
        self.writes.append((address, value))
        self.words[address] = value


@pytest.fixture
def words():
    return Words()


@pytest.fixture
def registers(words):
    return Registers(words)


def test_words_and_rows(words, registers):
    registers.core_control = 5
    registers.ring_consumer[3] = 77
    words.words[0x088] = 0x81
    words.words[0x200 + 4 * 16] = 9
    assert words.writes == [(0x080, 5), (0x280 + 12, 77)]
    assert registers.status == 0x81 and registers.ring_producer[16] == 9
    assert len([*registers.ring_producer]) == len(registers.ring_producer) == len(RINGS)


def test_wide_ones_low_word_first(words, registers):
    registers.records = 0x1_2345_6000
    assert words.writes == [(0x010, 0x2345_6000), (0x014, 1)]
    words.words |= {0x300 + 8: 7, 0x304 + 8: 1}
    assert registers.ring_lost[1] == (1 << 32) + 7
    assert words.reads == [0x308, 0x30C]
    registers.ptp_set_seconds = (1 << 48) - 1
    assert words.writes[2:] == [(0x0C0, 0xFFFFFFFF), (0x0C4, 0xFFFF)]


def test_signed_ones(words, registers):
    registers.ptp_rate = -2
    registers.ptp_phase_nanoseconds = -1
    assert words.writes == [(0x0D0, 0xFFFFFFFE), (0x0D4, (1 << 30) - 1)]
    assert registers.ptp_rate == -2 and registers.ptp_phase_nanoseconds == -1


@pytest.mark.parametrize("name, value", [("gie", 2), ("ring_log2", 32), ("records", 1 << 64), ("core_control", -1),
                                         ("ptp_rate", 1 << 31), ("ptp_phase_nanoseconds", -(1 << 29) - 1)])
def test_what_does_not_fit_is_refused(words, registers, name, value):
    with pytest.raises(ValueError, match=f"{name} takes .* not {value}"):
        setattr(registers, name, value)
    assert words.writes == []


def test_access_is_checked_before_the_card_is_asked(words, registers):
    with pytest.raises(AttributeError, match="status is read-only"):
        registers.status = 1
    with pytest.raises(AttributeError, match="pulse is write-only"):
        registers.pulse  # noqa: B018
    with pytest.raises(AttributeError, match="no register 'statuses'"):
        registers.statuses  # noqa: B018
    with pytest.raises(AttributeError, match="no register 'statuses'"):
        registers.statuses = 1
    with pytest.raises(AttributeError, match="request is 28 registers: give an index"):
        registers.request = 1
    with pytest.raises(IndexError, match=f"indices 0 to {len(RINGS) - 1}, not {len(RINGS)}"):
        registers.ring_producer[len(RINGS)]
    assert words.writes == words.reads == []


def test_what_the_card_refuses_is_its_error(words, registers):
    words.refuses |= {0x010, 0x088}
    with pytest.raises(CardError):
        registers.records = 4096
    with pytest.raises(CardError):
        registers.status  # noqa: B018


def test_counters(words, registers):
    words.words[BY_NAME["risk_approved"].offset] = 12
    counters = registers.counters()
    assert counters["risk"]["approved"] == 12 and counters["feed"]["frames"] == 0
    assert {stage: [*names] for stage, names in counters.items()} == {
        stage: [*names] for stage, names in COUNTERS.items()}


@pytest.mark.parametrize("record", COMMANDS, ids=lambda record: record.stream)
def test_a_command_is_committed_as_a_whole(words, registers, record):
    values = record.tuple(*((1 << f.bits) - 1 - i % 2 for i, f in enumerate(record.fields)))
    registers.commit(record.stream, values)
    *payload, commit = words.writes
    assert commit == (0x1F0, COMMANDS.index(record))
    assert [address for address, _ in payload] == [0x180 + 4 * i for i in range((record.bits + 31) // 32)]
    assert sum(word << 32 * i for i, (_, word) in enumerate(payload)) == record.pack(values)
    words.writes.clear()
    registers.commit(record.stream, values._asdict())
    assert words.writes == [*payload, commit]


def test_a_wrong_command_reaches_no_register(words, registers):
    with pytest.raises(ValueError, match="command must be one of"):
        registers.commit("orders", ())
    with pytest.raises(ValueError, match="needs field"):
        registers.commit("clock", {"ns": 1})
    with pytest.raises(ValueError, match="no field 'zone'"):
        registers.commit("clock", {**CLOCK.tuple(*[0] * len(CLOCK.fields))._asdict(), "zone": 1})
    with pytest.raises(ValueError, match="symbol: 1024 does not fit"):
        registers.commit("symbol_limits", SYMBOL_LIMIT.tuple(1024, *[0] * (len(SYMBOL_LIMIT.fields) - 1)))
    assert words.writes == []
