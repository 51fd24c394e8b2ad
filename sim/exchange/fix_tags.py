"""FIX 4.4 by name: tags (volume 6), message types, and codes of session rejects (volume 2)."""

from enum import IntEnum

PROTOCOL = "fix"

LOGON, HEARTBEAT, TEST_REQUEST, RESEND_REQUEST, REJECT, SEQUENCE_RESET, LOGOUT = "A", "0", "1", "2", "3", "4", "5"
ADMIN = {LOGON, HEARTBEAT, TEST_REQUEST, RESEND_REQUEST, REJECT, SEQUENCE_RESET, LOGOUT}
NEW_ORDER, CANCEL_REQUEST, REPLACE_REQUEST = "D", "F", "G"
EXECUTION_REPORT, CANCEL_REJECT, BUSINESS_REJECT = "8", "9", "j"
NAMES = {
    LOGON: "Logon", HEARTBEAT: "Heartbeat", TEST_REQUEST: "TestRequest", RESEND_REQUEST: "ResendRequest",
    REJECT: "Reject", SEQUENCE_RESET: "SequenceReset", LOGOUT: "Logout", NEW_ORDER: "NewOrderSingle",
    CANCEL_REQUEST: "OrderCancelRequest", REPLACE_REQUEST: "OrderCancelReplaceRequest",
    EXECUTION_REPORT: "ExecutionReport", CANCEL_REJECT: "OrderCancelReject", BUSINESS_REJECT: "BusinessMessageReject",
}


class Tag(IntEnum):
    AVG_PX = 6
    BEGIN_SEQ_NO = 7
    BEGIN_STRING = 8
    BODY_LENGTH = 9
    CHECK_SUM = 10
    CL_ORD_ID = 11
    CUM_QTY = 14
    END_SEQ_NO = 16
    EXEC_ID = 17
    EXEC_INST = 18
    LAST_PX = 31
    LAST_QTY = 32
    MSG_SEQ_NUM = 34
    MSG_TYPE = 35
    NEW_SEQ_NO = 36
    ORDER_ID = 37
    ORDER_QTY = 38
    ORD_STATUS = 39
    ORD_TYPE = 40
    ORIG_CL_ORD_ID = 41
    POSS_DUP_FLAG = 43
    PRICE = 44
    REF_SEQ_NUM = 45
    SENDER_COMP_ID = 49
    SENDING_TIME = 52
    SIDE = 54
    SYMBOL = 55
    TARGET_COMP_ID = 56
    TEXT = 58
    TIME_IN_FORCE = 59
    TRANSACT_TIME = 60
    ENCRYPT_METHOD = 98
    CXL_REJ_REASON = 102
    ORD_REJ_REASON = 103
    HEART_BT_INT = 108
    MAX_FLOOR = 111
    TEST_REQ_ID = 112
    ORIG_SENDING_TIME = 122
    GAP_FILL_FLAG = 123
    RESET_SEQ_NUM_FLAG = 141
    EXEC_TYPE = 150
    LEAVES_QTY = 151
    REF_TAG_ID = 371
    REF_MSG_TYPE = 372
    SESSION_REJECT_REASON = 373
    BUSINESS_REJECT_REASON = 380
    CXL_REJ_RESPONSE_TO = 434
    ORDER_CAPACITY = 528
    PASSWORD = 554


REQUIRED_MISSING, NO_VALUE, VALUE_INCORRECT, FORMAT = 1, 4, 5, 6  #: SessionRejectReason
UNSUPPORTED_TYPE = 3  #: BusinessRejectReason


class FieldError(Exception):
    """A field that a message must not have so: tag, SessionRejectReason, text. Answered with a Reject."""

    def __init__(self, tag: int, reason: int, text: str):
        self.tag, self.reason = int(tag), reason
        super().__init__(text)
