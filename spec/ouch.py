"""Nasdaq OUCH 5.0: client and server messages, without the optional appendage that may follow.

Prices are 8 octets, 1/10 000 dollar. An appendage is a run of [length:1][tag:1][value] options, ``length`` counting tag
and value. Messages without ``appendage_length`` here end before it when nothing is appended, as cancel order and order
canceled do in captures.
"""

from .wire import Kind, Layout, fields


def _message(code: str, length: int, section: str, name: str, *rows: tuple) -> Layout:
    return Layout(name, length, f"OUCH 5.0, {section}", fields(("type", 1, Kind.CHAR), *rows), code)


_USER_REF = ("user_ref_num", 4)
_TIME = ("timestamp", 8, Kind.TIME)
_SIDE = ("side", 1, Kind.CHAR, "BSTE")
_QUANTITY = ("quantity", 4)
_SYMBOL = ("symbol", 8, Kind.ALPHA)
_PRICE = ("price", 8, Kind.PRICE4)
_TIF = ("time_in_force", 1, Kind.CHAR, "0356E")
_DISPLAY = ("display", 1, Kind.CHAR, "YNAZ")
_CAPACITY = ("capacity", 1, Kind.CHAR, "APRO")
_ISO = ("intermarket_sweep", 1, Kind.CHAR, "YN")
_CROSS = ("cross_type", 1, Kind.CHAR, "NOCHSRE")
_CL_ORD_ID = ("cl_ord_id", 14, Kind.ALPHA)
_APPENDAGE = ("appendage_length", 2)
_ORDER_REFERENCE = ("order_reference", 8)
_STATE = ("state", 1, Kind.CHAR, "LD")
_MATCH = ("match", 8)

CLIENT: dict[str, Layout] = {layout.code: layout for layout in (
    _message("O", 47, "2.1", "enter order", _USER_REF, _SIDE, _QUANTITY, _SYMBOL, _PRICE, _TIF, _DISPLAY, _CAPACITY,
             _ISO, _CROSS, _CL_ORD_ID, _APPENDAGE),
    _message("U", 40, "2.2", "replace order", ("original_user_ref_num", 4), _USER_REF, _QUANTITY, _PRICE, _TIF,
             _DISPLAY, _ISO, _CL_ORD_ID, _APPENDAGE),
    _message("X", 9, "2.3", "cancel order", _USER_REF, _QUANTITY),
    _message("M", 10, "2.4", "modify order", _USER_REF, _SIDE, _QUANTITY),
)}

SERVER: dict[str, Layout] = {layout.code: layout for layout in (
    _message("S", 10, "3.1", "system event", _TIME, ("event", 1, Kind.CHAR, "SE")),
    _message("A", 64, "3.2", "order accepted", _TIME, _USER_REF, _SIDE, _QUANTITY, _SYMBOL, _PRICE, _TIF, _DISPLAY,
             _ORDER_REFERENCE, _CAPACITY, _ISO, _CROSS, _STATE, _CL_ORD_ID, _APPENDAGE),
    _message("U", 68, "3.3", "order replaced", _TIME, ("original_user_ref_num", 4), _USER_REF, _SIDE, _QUANTITY,
             _SYMBOL, _PRICE, _TIF, _DISPLAY, _ORDER_REFERENCE, _CAPACITY, _ISO, _CROSS, _STATE, _CL_ORD_ID,
             _APPENDAGE),
    _message("C", 18, "3.4", "order canceled", _TIME, _USER_REF, _QUANTITY, ("reason", 1, Kind.CHAR)),
    _message("D", 32, "3.5", "AIQ canceled", _TIME, _USER_REF, ("decrement_shares", 4), ("reason", 1, Kind.CHAR),
             ("prevented_quantity", 4), ("execution_price", 8, Kind.PRICE4), ("liquidity_flag", 1, Kind.CHAR),
             ("aiq_strategy", 1, Kind.CHAR)),
    _message("E", 36, "3.6", "order executed", _TIME, _USER_REF, _QUANTITY, _PRICE,
             ("liquidity_flag", 1, Kind.CHAR), _MATCH, _APPENDAGE),
    _message("B", 36, "3.7", "broken trade", _TIME, _USER_REF, _MATCH, ("reason", 1, Kind.CHAR), _CL_ORD_ID),
    _message("J", 31, "3.8", "order rejected", _TIME, _USER_REF, ("reason", 2), _CL_ORD_ID, _APPENDAGE),
    _message("P", 13, "3.9", "cancel pending", _TIME, _USER_REF),
    _message("I", 13, "3.10", "cancel reject", _TIME, _USER_REF),
    _message("T", 30, "3.11", "order priority update", _TIME, _USER_REF, _PRICE, _DISPLAY, _ORDER_REFERENCE),
    _message("M", 18, "3.12", "order modified", _TIME, _USER_REF, _SIDE, _QUANTITY),
    _message("R", 16, "3.13", "order restated", _TIME, _USER_REF, ("reason", 1, Kind.CHAR), _APPENDAGE),
)}

#: Appendage tag of enter order: the MPID, 4 letters. A replacement keeps its order's: section 2.2 lists no such tag.
OPTION_FIRM = 2
