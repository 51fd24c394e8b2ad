"""How long orders are on the wire, and how many a second that allows: the table of docs/order-entry.md.

    python -m tests.golden_model.order_lengths
"""

from collections.abc import Iterator
from typing import NamedTuple

from golden_model.order import Header, Order
from spec.config import Design, preset
from spec.records import DECISION, Action

#: Octets that a frame takes beside itself: check sequence, preamble with delimiter, least gap (802.3, 3.2 and 4.4.2).
AROUND = 4 + 8 + 12
WIRES = (10, 25)  #: Gb/s
BEAT = 8  #: octets
_NOW = 1_700_000_000 * 10**9


class Row(NamedTuple):
    message: str
    payload: int  #: octets
    frame: int  #: octets, without frame check sequence

    @property
    def on_the_wire(self) -> int:
        return self.frame + AROUND

    def per_second(self, gigabits: float) -> float:
        return gigabits * 1e9 / (8 * self.on_the_wire)

    def offered_per_second(self, design: Design) -> float:
        """Frames that TX can take: a beat in every cycle."""
        return design.core.clock_mhz * 1e6 / -(-self.frame // BEAT)

    def markdown(self, design: Design) -> str:
        rates = [self.offered_per_second(design), *map(self.per_second, WIRES)]
        return (f"| {self.message} | {self.payload} | {self.frame} | {self.on_the_wire} | "
                + " | ".join(f"{rate / 1e6:.2f}" for rate in rates) + " |")


def _row(message: str, order: dict, symbol: str = "AAPL", **decision) -> Row:
    data = preset("demo").model_dump()
    data["order"] |= order
    data["symbols"][0]["stock"] = symbol
    data["symbols"] = data["symbols"][:1]
    stage = Order(Design.model_validate(data))
    made = stage.decision(DECISION.tuple(**dict.fromkeys(DECISION.tuple._fields, 0) | decision), header=Header(1, 1))
    return Row(message, made.length, len(stage.frame(made)))


def rows() -> Iterator[Row]:
    yield _row("OUCH enter order", {})
    yield _row("OUCH enter order, no firm", {"firm": ""})
    yield _row("OUCH replace order", {}, action=Action.REPLACE)
    yield _row("OUCH cancel order", {}, action=Action.CANCEL)
    usual = {"protocol": "fix", "fix": {"sender_comp_id": "TICKWIRE", "target_comp_id": "EXCHANGE",
                                        "msg_seq_num": 10_000}}
    short = {"protocol": "fix", "cl_ord_id_prefix": "", "fix": {"sender_comp_id": "T", "target_comp_id": "E"}}
    long = {"protocol": "fix", "cl_ord_id_prefix": "TICKWI",
            "fix": {"sender_comp_id": "T" * 16, "target_comp_id": "E" * 16, "msg_seq_num": 2**31 - 1}}
    dear = {"quantity": 999_999, "price": 2**32 - 1}
    for action, name in ((Action.ENTER, "NewOrderSingle"), (Action.REPLACE, "OrderCancelReplaceRequest"),
                         (Action.CANCEL, "OrderCancelRequest")):
        yield _row(f"FIX {name}", usual, action=action, quantity=100, price=2_916_000, time=_NOW)
        yield _row(f"FIX {name}, shortest", short, "F", action=action, quantity=1, price=10_000, time=_NOW)
        yield _row(f"FIX {name}, longest", long, "WWWWWWWW", action=action, time=_NOW, **dear)


def table() -> list[str]:
    design = preset("demo")
    return ["| message | payload | frame | on the wire | M/s of TX | M/s at 10 Gb/s | M/s at 25 Gb/s |",
            "|---|--:|--:|--:|--:|--:|--:|", *(row.markdown(design) for row in rows())]


if __name__ == "__main__":
    print("\n".join(table()))
