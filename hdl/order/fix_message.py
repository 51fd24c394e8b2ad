"""What FIX messages are made of: the tables of ``spec.fix`` as octets that are known when the core is generated, octets
that differ, and values whose length differs; and how they are cut into pieces for ``Packer``."""

from enum import IntEnum
from typing import NamedTuple

from spec import fix
from spec.config import Design
from spec.records import Action

TIME = "YYYYMMDD-HH:MM:SS.sss"
HEXADECIMALS = 8  #: digits of UserRefNum
CHECKSUM = 3  #: digits
LEAST, MOST = 8, 17  #: octets of a piece, but for a message's last: see ``Packer``
_BODY_DIGITS = (2, 3)
_CENTS_FOLLOWED_BY = 10  #: octets of the piece with a price's decimals that stand behind them, at most


class Kind(IntEnum):
    """Of a message; an order's is its ``Action``."""

    ENTER = Action.ENTER
    REPLACE = Action.REPLACE
    CANCEL = Action.CANCEL
    ADMIN = 3


ORDERS = {Kind.ENTER: fix.NEW_ORDER_SINGLE, Kind.REPLACE: fix.ORDER_CANCEL_REPLACE_REQUEST,
          Kind.CANCEL: fix.ORDER_CANCEL_REQUEST}
PRICED = (Kind.ENTER, Kind.REPLACE)


class Octet(NamedTuple):
    """One that differs: number ``index`` of what ``source`` says."""

    source: str
    index: int


class Variable(NamedTuple):
    """A value of ``least`` to ``most`` octets."""

    source: str
    least: int
    most: int


Item = int | Octet | Variable


def _begins(item: Item, source: str) -> bool:
    """Is it the first octet of what ``source`` says?"""
    return not isinstance(item, int) and item.source == source and (isinstance(item, Variable) or item.index == 0)


class Piece(NamedTuple):
    """Octets, at most one ``Variable`` among them, that leave together."""

    items: tuple[Item, ...]

    @property
    def variable(self) -> Variable | None:
        return next((item for item in self.items if isinstance(item, Variable)), None)


class Message:
    """A message of one kind in ``items``, in order, for a design."""

    def __init__(self, kind: Kind, design: Design):
        self.kind, self._design = kind, design
        tags = ORDERS.get(kind) or (*fix.NEW_ORDER_SINGLE[:7], fix.Tag(0, "", ""), fix.NEW_ORDER_SINGLE[-1])
        self.items: list[Item] = []
        self._cuts: list[int] = []  # items before these, so that messages share pieces
        for tag in tags:
            if not tag.number:
                self.items.append(Variable("symbol", 0, fix.MAX_ADMIN_BODY))  # counts where an order's symbol does
                continue
            self.items += [*f"{tag.number}=".encode(), *self._value(tag), *fix.SOH]
            if tag.name in ("SendingTime", "OrigClOrdID"):
                self._cuts.append(len(self.items))

    def _value(self, tag: fix.Tag) -> list[Item]:
        session = self._design.order
        prefix = list(session.cl_ord_id_prefix.encode())
        match tag.value:
            case "{body_length}":
                return [Variable("body", *_BODY_DIGITS)]
            case "{sender_comp_id}":
                return list(session.fix.sender_comp_id.encode())
            case "{target_comp_id}":
                return list(session.fix.target_comp_id.encode())
            case "{msg_seq_num}":
                return [Variable("sequence", 1, 10)]
            case "{time}":
                digits = iter(range(len(TIME)))
                return [Octet("time", next(digits)) if c.isalpha() else ord(c) for c in TIME]
            case "{cl_ord_id}":
                return prefix + [Octet("user_ref_num", i) for i in range(HEXADECIMALS)]
            case "{orig_cl_ord_id}":
                return prefix + [Octet("target", i) for i in range(HEXADECIMALS)]
            case "{symbol}":
                return [Variable("symbol", 1, 8)]
            case "{side}":
                return [Octet("side", 0)]
            case "{quantity}":
                return [Variable("quantity", 1, 10)]
            case "{price}":
                return [Variable("dollars", 1, 6), ord("."), Variable("cents", 2, 4)]
            case "{time_in_force}":
                return list(session.time_in_force.encode())
            case "{capacity}":
                return list(fix.CAPACITIES[session.capacity].encode())
            case "{checksum}":
                return [Octet("checksum", i) for i in range(CHECKSUM)]
        return [Octet("type", 0)] if tag.name == "MsgType" else list(tag.value.encode())

    @property
    def longest(self) -> int:
        """Octets."""
        return sum(item.most if isinstance(item, Variable) else 1 for item in self.items)

    @property
    def body(self) -> int:
        """BodyLength, all ``Variable`` but a price's decimals without theirs, which are taken for two."""
        first = self.items.index(Variable("body", *_BODY_DIGITS)) + 2
        return sum(2 * (item.source == "cents") if isinstance(item, Variable) else 1
                   for item in self.items[first:-(CHECKSUM + len("10=") + len(fix.SOH))])

    def sums(self, odd: dict[str, int]) -> tuple[int, int]:
        """Octets at even and at odd places, those that differ taken for the character 0 (a session message's type for
        nothing), of ``Variable`` none. ``odd`` says whose length is odd."""
        totals, at = [0, 0], 0
        for item in self.items:
            if isinstance(item, Variable):
                at += odd.get(item.source, 0)
                continue
            value = item if isinstance(item, int) else ord("0")
            if isinstance(item, Octet) and item.source == "type":
                value = ord(ORDERS[self.kind][2].value) if self.kind in ORDERS else 0
            totals[at % 2] += value
            at += 1
        return totals[0], totals[1]

    def has(self, source: str, *, last: bool = False, nth: int = 0) -> bool:
        """Does it say that ``nth + 1`` times?"""
        return sum(_begins(item, source) for item in self.items) > nth

    def place(self, source: str, *, last: bool = False, nth: int = 0) -> tuple[int, list[str]]:
        """Where what ``source`` says begins, the ``nth`` time, or with ``last`` where its last octet stands: octets
        before it that are always there, and ``Variable`` before it (with ``last``, itself included)."""
        fixed, before = 0, []
        for item in self.items:
            if _begins(item, source):
                if not nth:
                    return (fixed - 1, [*before, source]) if last else (fixed, before)
                nth -= 1
            if isinstance(item, Variable):
                before.append(item.source)
            else:
                fixed += 1
        raise ValueError(f"no {source} in {self.kind.name}")

    def pieces(self) -> list[Piece]:
        """The message, cut. A session message's text is left out: what is before it, and what is behind."""
        pieces, run = [], []
        behind = 0  # octets of the run that belong to the piece with the decimals
        for at, item in enumerate(self.items):
            if at in self._cuts:
                pieces += self._cut(run)
                run = []
            if isinstance(item, Variable) and self.kind is Kind.ADMIN and item.source == "symbol":
                assert not run, "text follows whole pieces"
                continue
            run.append(item)
            if isinstance(item, Variable):
                if item.source == "cents":
                    behind = _CENTS_FOLLOWED_BY
                else:
                    pieces += self._cut(run)
                    run = []
            elif behind:
                behind -= 1
                if not behind:
                    pieces.append(Piece(tuple(run)))
                    run = []
        if len(run) > MOST:
            pieces += self._cut(run)
        elif run:
            pieces.append(Piece(tuple(run)))
        return pieces

    @staticmethod
    def _cut(run: list[Item]) -> list[Piece]:
        """A run of octets, with or without a ``Variable`` at its end, in as few pieces as can be."""
        fixed, variable = (run[:-1], run[-1:]) if isinstance(run[-1], Variable) else (run, [])
        tail = 0
        if variable:
            least, most = max(0, LEAST - variable[0].least), MOST - variable[0].most
            tail = next(n for n in range(min(most, len(fixed)), least - 1, -1)
                        if len(fixed) - n == 0 or len(fixed) - n >= LEAST)
        rest = fixed[: len(fixed) - tail]
        count = -(-len(rest) // MOST)
        ends = [len(rest) * (i + 1) // count for i in range(count)]
        pieces = [Piece(tuple(rest[start:end])) for start, end in zip([0, *ends], ends, strict=False)]
        return pieces + ([Piece((*fixed[len(rest):], *variable))] if variable else [])
