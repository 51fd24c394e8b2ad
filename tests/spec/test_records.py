"""Records: packing, and that widths hold what they must."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec import config, fixed_point, itch, ouch, records, soupbintcp
from spec.counters import COUNTERS
from spec.records import DEPTH, DEPTH_LEVELS, LOAD, RECORDS, SNAPSHOT, WINDOW, Field, Record, Refusal

SIGNED = Record("Thing", "things", "none", "", (Field("low", 3, ""), Field("signed", 4, "", signed=True)))


def test_fields_stand_from_the_least_significant_bit():
    assert SIGNED.bits == 7
    assert SIGNED.pack(SIGNED.tuple(low=5, signed=-8)) == 0b1000_101
    assert SIGNED.unpack(0b1111_101) == (5, -1)


@pytest.mark.parametrize("values", [(8, 0), (-1, 0), (0, 8), (0, -9)])
def test_refuses_what_does_not_fit(values):
    with pytest.raises(ValueError, match="does not fit"):
        SIGNED.pack(values)


def test_refuses_a_wrong_number_of_values():
    with pytest.raises(ValueError):
        SIGNED.pack((1, 2, 3))


@pytest.mark.parametrize("record", [*RECORDS, SNAPSHOT], ids=lambda r: r.name)
def test_survives_packing(record):
    @given(st.integers(0, (1 << record.bits) - 1))
    def check(word):
        values = record.unpack(word)
        assert type(values) is record.tuple and record.pack(values) == word

    check()


def test_names():
    assert len({r.stream for r in RECORDS}) == len(RECORDS)
    assert {r.stage for r in RECORDS} == set(COUNTERS)
    for record in RECORDS:
        names = [f.name for f in record.fields]
        assert len(set(names)) == len(names) and names[0] == "message"
        assert all(f.unit and 1 <= f.bits for f in record.fields)


def test_a_snapshot_goes_in_and_comes_back_as_a_load():
    assert SNAPSHOT not in RECORDS and {WINDOW, DEPTH, LOAD} <= set(RECORDS)
    assert LOAD.fields[1:] == SNAPSHOT.fields


def test_a_depth_is_levels_of_an_update():
    names = [f.name for f in DEPTH.fields]
    assert names[:8] == ["message", "symbol", "side", "low", "high", "known", "levels", "cut"]
    assert names[8:] == [f"{name}_{n}" for n in range(DEPTH_LEVELS) for name in ("price", "quantity", "orders")]
    bits = {f.name: f.bits for f in DEPTH.fields} | {f.name: f.bits for f in records.UPDATE.fields}
    assert DEPTH_LEVELS < 1 << bits["levels"]
    for name in ("price", "quantity", "orders"):
        assert bits[f"{name}_0"] == bits[f"bid_{name}"]


def test_widths_hold_what_they_must():
    bits = {(r.name, f.name): f.bits for r in RECORDS for f in r.fields}
    assert bits["Message", "octets"] == 8 * itch.MAX_MESSAGE
    assert (records.MAX_ORDERS - 1) * (2**32 - 1) < 1 << records.LEVEL_QUANTITY_BITS
    assert 2 * len(Refusal) and sum(Refusal) < 1 << bits["Decision", "refusals"]
    assert (2**32 - 1) * (2**fixed_point.VOLUME_BITS - 1) < 1 << fixed_point.NOTIONAL_BITS
    assert 2 * ((1 << fixed_point.PRICE_BITS) - 1) << 15 < 1 << fixed_point.AVERAGE_BITS
    largest = config.Risk.model_fields["max_position"].metadata[1].lt
    assert largest < 1 << bits["Decision", "position"] - 1
    appendage = 2 + 4
    assert soupbintcp.HEADER.length + ouch.CLIENT["O"].length + appendage == records.MAX_PAYLOAD


def test_every_refusal_has_a_counter():
    assert {r.name.lower() for r in Refusal if r} | {"approved", "refused"} == set(COUNTERS["risk"])


def test_enums_of_records_have_a_zero():
    assert records.Trade(0).name == "NONE" and Refusal(0).name == "NONE" and records.Side(0).name == "BUY"
