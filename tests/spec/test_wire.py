"""Layouts: reading, writing, and what they refuse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec import itch
from spec.wire import Field, Kind, Layout, fields, read, write

LAYOUT = Layout("thing", 12, "none", fields(
    ("number", 2), ("letter", 1, Kind.CHAR), ("name", 4, Kind.ALPHA), ("raw", 3, Kind.OCTETS), start=1))


def test_fields_follow_each_other():
    assert [(f.name, f.offset, f.end) for f in LAYOUT.fields] == [
        ("number", 1, 3), ("letter", 3, 4), ("name", 4, 8), ("raw", 8, 11)]
    assert "name" in LAYOUT and "nothing" not in LAYOUT
    assert LAYOUT["raw"] == Field("raw", 8, 3, Kind.OCTETS)
    with pytest.raises(KeyError, match="thing has no field 'nothing'"):
        LAYOUT["nothing"]


def test_writes_what_it_reads():
    octets = write(LAYOUT, number=0x0102, letter="x", name="ab", raw=b"\xff")
    assert octets == b"\0\1\2xab  \xff\0\0\0"
    assert read(LAYOUT, octets + b"more") == {"number": 0x0102, "letter": "x", "name": "ab  ", "raw": b"\xff\0\0"}
    assert read(LAYOUT, octets, "little")["number"] == 0x0201
    assert write(LAYOUT, "little", number=0x0102)[1:3] == b"\2\1"
    assert write(LAYOUT) == b"\0\0\0     \0\0\0\0"


@pytest.mark.parametrize(("values", "error"), [
    ({"number": 1 << 16}, ValueError), ({"number": -1}, ValueError), ({"letter": "xy"}, ValueError),
    ({"name": "abcde"}, ValueError), ({"raw": bytes(4)}, ValueError), ({"other": 1}, KeyError)])
def test_refuses_what_does_not_fit(values, error):
    with pytest.raises(error, match="thing"):
        write(LAYOUT, **values)


def test_refuses_octets_that_are_too_few():
    with pytest.raises(ValueError, match="thing: 11 octets, expected 12"):
        read(LAYOUT, bytes(11))


@pytest.mark.parametrize("wrong", [(Field("a", 0, 2), Field("b", 1, 2)), (Field("a", 2, 2),)])
def test_fields_must_not_overlap_or_exceed(wrong):
    with pytest.raises(ValueError, match="overlaps or exceeds 3 octets"):
        Layout("thing", 3, "none", wrong)


@given(st.sampled_from(list(itch.MESSAGES.values())).flatmap(
    lambda layout: st.tuples(st.just(layout), st.binary(min_size=layout.length, max_size=layout.length))))
def test_any_octets_survive_reading_and_writing(case):
    layout, octets = case
    assert write(layout, **read(layout, octets)) == octets


def test_the_type_code_fills_itself_in():
    assert all(chr(write(layout)[0]) == code for code, layout in itch.MESSAGES.items())
