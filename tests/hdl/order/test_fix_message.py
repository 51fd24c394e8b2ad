"""How messages are cut: no octet lost, no piece too short or too long, for every length that a configuration allows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdl.order.fix_message import LEAST, MOST, Kind, Message, Piece, Variable
from tests.hdl.order.order_run import design_of

NAMES = st.text("AZ", min_size=1, max_size=16)


def _ends(piece: Piece) -> tuple[int, int]:
    return tuple(sum(getattr(item, end) if isinstance(item, Variable) else 1 for item in piece.items)
                 for end in ("least", "most"))


@given(sender=NAMES, target=NAMES, prefix=st.text("AZ", max_size=6))
def test_every_piece_fills_a_beat(sender, target, prefix):
    design = design_of("fix", cl_ord_id_prefix=prefix, fix={"sender_comp_id": sender, "target_comp_id": target})
    for kind in Kind:
        message = Message(kind, design)
        pieces = message.pieces()
        whole = [item for piece in pieces for item in piece.items]
        text = [item for item in message.items
                if not (kind is Kind.ADMIN and isinstance(item, Variable) and item.source == "symbol")]
        assert whole == text
        for piece in pieces:
            least, most = _ends(piece)
            assert most <= MOST and (least >= LEAST or piece is pieces[-1]), piece
            variables = [i for i, item in enumerate(piece.items) if isinstance(item, Variable)]
            assert len(variables) <= 1


@pytest.mark.parametrize("kind, longest", [(Kind.ENTER, 197), (Kind.REPLACE, 211), (Kind.CANCEL, 175),
                                           (Kind.ADMIN, 155)])
def test_lengths(kind, longest):
    """Counted by hand for the shipped names: 8-octet company names and a prefix of two."""
    message = Message(kind, design_of("fix"))
    assert message.longest == longest
    assert message.place("sequence") == (45, ["body"])
    assert message.place("sequence", last=True) == (44, ["body", "sequence"])
    assert message.has("target") == (kind in (Kind.REPLACE, Kind.CANCEL))
    assert message.has("time", nth=1) == (kind is not Kind.ADMIN)
    with pytest.raises(ValueError, match="no nonsense in"):
        message.place("nonsense")
