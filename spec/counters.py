"""Everything that is dropped, rejected, flagged or malformed is counted: 64-bit counters per stage.

Gateware and model count alike, and the comparison reads counters like any other output.
"""

COUNTER_BITS = 64

FEED = {
    "frames": "frames that ended on RX",
    # One of the following ten at most per frame: the first that applies, in this order. A check whose octets the
    # frame does not reach is skipped; a frame that fails no check but ends before the MoldUDP64 header does is a runt.
    "frame_not_ready": "began before the core was ready after reset",
    "frame_ethertype": "not IPv4 after at most one 802.1Q tag",
    "frame_ip_header": "IPv4 version, header length other than 5 words, or header checksum wrong",
    "frame_ip_fragment": "a fragment",
    "frame_ip_protocol": "not UDP",
    "frame_ip_length": "IPv4 total length below 48 octets (IPv4, UDP and MoldUDP64 headers) or above the maximum",
    "frame_address": "destination address and port are no configured line",
    "frame_udp_length": "UDP length is not IPv4 total length - 20",
    "frame_session": "MoldUDP64 session is not the current one",
    "frame_runt": "ended before its headers did",
    "datagrams": "frames that passed all of the above",
    # What can still be wrong with a datagram; several may apply.
    "frame_truncated": "ended before its IPv4 total length",
    "frame_error": "the MAC flagged the frame (bad frame check sequence) at its last beat",
    "block_short": "a message block below 11 octets; the rest of the datagram is dropped",
    "block_overrun": "a message block runs past the UDP payload; the rest of the datagram is dropped",
    "block_trailing": "octets left in the UDP payload after the last message",
    "heartbeats": "datagrams with count 0",
    "end_of_session": "datagrams with count 0xFFFF",
    "messages": "messages delivered",
    "message_duplicate": "messages already seen",
    "message_type": "messages of a type that ITCH 5.0 does not have; their sequence number counts as seen",
    "message_length": "messages whose length is not their type's; their sequence number counts as lost",
    "gaps": "jumps in the sequence",
    "messages_lost": "sequence numbers skipped by those jumps",
}

BOOK = {
    "updates": "updates published",
    "filtered": "messages of symbols that are not configured (S, V and W, which concern all, not among them)",
    "locate_range": "stock directory messages of a configured symbol whose locate exceeds the locate table",
    "unknown_reference": "E, C, X, D, U that name an order not in the table",
    "duplicate_reference": "A, F, U and snapshot orders whose new order is already in the table",
    "over_execution": "E, C, X with more shares than the order had",
    "table_full": "A, F, U and snapshot orders whose order found no room",
    "zone_better": "orders added at a price better than the ladder's window at that moment, or between two ticks",
    "zone_worse": "orders added at a price worse than the ladder's window at that moment",
    "loads": "orders taken from the host's snapshot, those that raised a fault among them",
    "load_foreign": "entries of the host's snapshot that name no configured symbol; dropped",
    "vouched": "symbols whose resting orders the host vouched for",
    "windows": "changes of a ladder's window published",
    "depths": "depths published",
}

INDICATORS = {
    "samples": "samples taken into SMA and EMA",
    "prints": "prints taken into VWAP",
    "breaks": "prints reversed",
    "break_unknown": "broken trades whose print is no longer stored; VWAP of the symbol unknown until reset",
    "print_unpriced": "prints at an unknown price or of 2**32 shares or more; VWAP of the symbol unknown until reset",
}

STRATEGY = {
    "intents": "orders wanted",
    "suppressed_unknown": "book changes not evaluated: a side of the book is not known",
    "suppressed_halt": "signals not acted upon: the symbol is not tradable",
    "suppressed_cooldown": "signals not acted upon: too soon after the last intent on this symbol",
}

RISK = {
    "approved": "intents approved",
    "refused": "intents refused",
    "kill_switch": "refused: kill switch engaged",
    "order_size": "refused: quantity zero or above the limit, or price zero",
    "price_collar": "refused: price too far from the reference",
    "luld_collar": "refused: price outside the LULD auction collar",
    "no_reference": "refused: no reference price yet",
    "position_limit": "refused: position would exceed its limit",
    "order_queue_full": "refused: too many orders wait for the wire",
}

ORDER = {
    "orders": "orders encoded",
    "frames": "order frames whose last beat TX accepted",
}

COUNTERS: dict[str, dict[str, str]] = {
    "feed": FEED, "book": BOOK, "indicators": INDICATORS, "strategy": STRATEGY, "risk": RISK, "order": ORDER,
}
