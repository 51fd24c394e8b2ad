"""FIX 4.4: the messages that the core writes, field by field, and those that it reads.

Source: FIX Protocol 4.4 with errata 20030618, volume 2 (session: header, trailer, checksum) and volume 4 (orders). A
field is ``tag=value`` and ends with SOH; 9 counts the octets from after its own SOH up to and including the one before
``10=``; 10 is the sum of all octets before ``10=``, modulo 256, in three digits. No value is padded.
"""

from typing import NamedTuple

SOH = b"\x01"
BEGIN_STRING = "FIX.4.4"
TIMESTAMP_OCTETS = 21  #: YYYYMMDD-HH:MM:SS.sss


class Tag(NamedTuple):
    number: int
    name: str
    value: str  #: a constant, or in braces what it is made of


def _message(code: str, *body: Tag) -> tuple[Tag, ...]:
    return (
        Tag(8, "BeginString", BEGIN_STRING), Tag(9, "BodyLength", "{body_length}"), Tag(35, "MsgType", code),
        Tag(49, "SenderCompID", "{sender_comp_id}"), Tag(56, "TargetCompID", "{target_comp_id}"),
        Tag(34, "MsgSeqNum", "{msg_seq_num}"), Tag(52, "SendingTime", "{time}"),
        *body, Tag(10, "CheckSum", "{checksum}"),
    )


_CL_ORD_ID = Tag(11, "ClOrdID", "{cl_ord_id}")  #: configured prefix and UserRefNum in 8 hexadecimal digits
_ORIG_CL_ORD_ID = Tag(41, "OrigClOrdID", "{orig_cl_ord_id}")  #: of the order to end
_HANDL_INST = Tag(21, "HandlInst", "1")  #: automated, no broker intervention
_SYMBOL = Tag(55, "Symbol", "{symbol}")
_SIDE = Tag(54, "Side", "{side}")  #: SIDES
_TRANSACT_TIME = Tag(60, "TransactTime", "{time}")  #: the same moment as SendingTime: Decision.time, cut to ms
_ORDER_QTY = Tag(38, "OrderQty", "{quantity}")  #: decimal, no leading zeros
_ORD_TYPE = Tag(40, "OrdType", "2")  #: limit
_PRICE = Tag(44, "Price", "{price}")  #: dollars, decimal, two places where the last two of four are zero, else four
_TIME_IN_FORCE = Tag(59, "TimeInForce", "{time_in_force}")
_CAPACITY = Tag(528, "OrderCapacity", "{capacity}")  #: CAPACITIES

NEW_ORDER_SINGLE = _message("D", _CL_ORD_ID, _HANDL_INST, _SYMBOL, _SIDE, _TRANSACT_TIME, _ORDER_QTY, _ORD_TYPE,
                            _PRICE, _TIME_IN_FORCE, _CAPACITY)
ORDER_CANCEL_REQUEST = _message("F", _ORIG_CL_ORD_ID, _CL_ORD_ID, _SYMBOL, _SIDE, _TRANSACT_TIME, _ORDER_QTY)
ORDER_CANCEL_REPLACE_REQUEST = _message("G", _ORIG_CL_ORD_ID, _CL_ORD_ID, _HANDL_INST, _SYMBOL, _SIDE, _TRANSACT_TIME,
                                        _ORDER_QTY, _ORD_TYPE, _PRICE, _TIME_IN_FORCE, _CAPACITY)

SIDES = {"buy": "1", "sell": "2", "short": "5"}
CAPACITIES = {"A": "A", "P": "P", "R": "R", "O": "P"}  #: OUCH capacity -> OrderCapacity (528); O has no counterpart

#: What the host may send through the core: MsgType and a body of its own; the core adds header, time and trailer.
ADMIN_TYPES = {"0": "Heartbeat", "1": "TestRequest", "2": "ResendRequest", "3": "Reject", "4": "SequenceReset",
               "5": "Logout"}
MAX_ADMIN_BODY = 64  #: octets

#: Execution report (8): ExecType (150) -> Reply, where it means one. F is a trade.
EXEC_TYPES = {"0": "ACCEPTED", "4": "CANCELED", "C": "CANCELED", "3": "CANCELED", "5": "REPLACED", "8": "REJECTED",
              "F": "EXECUTED", "H": "BROKEN"}
#: Tags of it that matter: ClOrdID 11, OrigClOrdID 41, ExecType 150, LastQty 32, LastPx 31, LeavesQty 151, MsgSeqNum 34,
#: PossDupFlag 43, MsgType 35. Order cancel reject (9): ClOrdID 11, CxlRejResponseTo 434.
