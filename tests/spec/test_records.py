"""Records: packing, and that widths hold what they must."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec import config, fixed_point, itch, records
from spec.counters import COUNTERS
from spec.records import (
    DEPTH,
    DEPTH_LEVELS,
    LOAD,
    RECORDS,
    REQUESTS,
    SESSION_LIMIT,
    SESSION_LIMIT_SET,
    SNAPSHOT,
    SYMBOL_LIMIT,
    SYMBOL_LIMIT_SET,
    WINDOW,
    Field,
    Record,
    Refusal,
    Reply,
)

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


@pytest.mark.parametrize("record", [*RECORDS, *REQUESTS], ids=lambda r: r.name)
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
    assert not {*RECORDS} & {*REQUESTS} and {WINDOW, DEPTH, LOAD} <= set(RECORDS)
    assert LOAD.fields[1:] == SNAPSHOT.fields


@pytest.mark.parametrize("given, set_", [(SYMBOL_LIMIT, SYMBOL_LIMIT_SET), (SESSION_LIMIT, SESSION_LIMIT_SET)])
def test_limits_go_in_and_come_back_with_the_decision_that_sees_them_first(given, set_):
    assert [f.name for f in set_.fields[:2]] == ["message", "decision"] and set_.fields[2:] == given.fields


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
    assert sum(Refusal) < 1 << bits["Decision", "refusals"]
    assert (2**32 - 1) * (2**fixed_point.VOLUME_BITS - 1) < 1 << fixed_point.NOTIONAL_BITS
    assert 2 * ((1 << fixed_point.PRICE_BITS) - 1) << 15 < 1 << fixed_point.AVERAGE_BITS
    largest = max(config.Limits.model_fields[name].metadata[1].lt for name in ("max_long", "max_short"))
    # Exposures within a limit, and a reply more about an order of the largest size.
    assert largest + 2**20 < 1 << bits["Decision", "exposure_long"] - 1


def test_every_refusal_has_a_counter():
    assert {"approved", "refused", *(r.name.lower() for r in Refusal if r)} <= set(COUNTERS["risk"])


def test_every_reply_has_a_counter():
    assert {r.name.lower() for r in Reply if r} <= set(COUNTERS["risk"])


def test_enums_of_records_have_a_zero():
    assert records.Trade(0).name == "NONE" and Refusal(0).name == "NONE" and records.Side(0).name == "BUY"
