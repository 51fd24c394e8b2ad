"""Every order frame of a million replayed messages: the model's octet by octet, and tshark accepts it; quickfix accepts
every FIX message.
"""

from collections import Counter

import pytest

from sim import replay
from sim.framing import as_file, frames
from sim.generator import session
from sim.inputs import open_input
from sim.order_frames import segment
from spec.config import Design, preset
from tests.referees.order_capture import check

pytestmark = pytest.mark.referees
MESSAGES = 1_000_000


@pytest.mark.parametrize("protocol", ["ouch", "fix"])
def test_every_order_frame(protocol, seed, build_dir, record_property, request):
    data = preset("demo").model_dump()
    data["order"] |= {"protocol": protocol}
    design = Design.model_validate(data)
    wire = frames(as_file(session(design, messages=MESSAGES, seed=seed)), design=design, seed=seed, bracket=True)
    run = replay.run(design, wire, out=build_dir / protocol)
    assert run.messages.total() >= MESSAGES
    assert not run.differences, run.first_difference
    verdict = check(run.paths["orders"], design)
    assert verdict.frames == run.orders > 1000
    record_property("campaign", f"tshark: {run.messages.total()} messages replayed, {protocol}: {verdict}")
    if protocol == "fix":
        validate, kinds = request.getfixturevalue("validate"), Counter()
        with open_input(run.paths["orders"]) as captured:
            for frame in captured.frames():
                if (part := segment(frame.octets)).length:
                    message = validate(frame.octets[part.payload_at : part.payload_at + part.length])
                    kinds[message.getHeader().getField(35)] += 1
        assert sum(kinds[kind] for kind in "DFG") == run.orders
        record_property("campaign", f"quickfix: {kinds.total()} FIX messages of the replay valid: {dict(kinds)}")
