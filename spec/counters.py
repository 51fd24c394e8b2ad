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
    "symbols_set": "symbols that the host named",
    "symbols_refused": "symbols that the host named too late, twice or wrongly; nothing changed",
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
    "requests": "requests of the host taken",
    "requests_foreign": "requests of the host about no configured symbol; dropped",
    "parameters_set": "sets of parameters of the host taken",
}

RISK = {
    "approved": "intents approved",
    "refused": "intents refused",
    # One for each Refusal; several may be set.
    "kill_switch": "refused: kill switch engaged",
    "no_session": "refused: the core does not hold the order session",
    "order_queue_full": "refused: no room before the wire, in the retransmission buffer or in the peer's window",
    "feed_gap": "refused: the feed lost messages",
    "stale_data": "refused: nothing heard from the feed for too long",
    "trading_state": "refused: market closed, or the symbol halted or paused",
    "restricted": "refused: symbol on the restricted list",
    "short_sale": "refused: short sale at or below the best bid while Reg SHO restricts it",
    "order_quantity": "refused: quantity below or above the limit",
    "round_lot": "refused: quantity no multiple of the lot",
    "order_price": "refused: price zero",
    "order_notional": "refused: quantity x price above the limit",
    "no_reference": "refused: no reference price yet",
    "price_collar": "refused: price too far from the reference, in basis points",
    "absolute_collar": "refused: price too far from the reference, in dollars",
    "luld_collar": "refused: price outside the LULD auction collar",
    "position_limit": "refused: position and open orders would exceed the limit",
    "symbol_gross": "refused: the symbol's gross notional would exceed the limit",
    "symbol_net": "refused: the symbol's net notional would exceed the limit",
    "gross_notional": "refused: the session's gross notional would exceed the limit",
    "net_notional": "refused: the session's net notional would exceed the limit",
    "symbol_open_orders": "refused: too many open orders of the symbol",
    "open_orders": "refused: too many open orders, or the row of the open-order table is taken",
    "symbol_rate": "refused: too many messages of the symbol",
    "message_rate": "refused: too many messages",
    "duplicate_order": "refused: the same order again, too soon",
    "unknown_target": "refused: what is to be replaced or cancelled is not open, or of another symbol or side",
    # What the exchange said.
    "accepted": "orders accepted",
    "replaced": "orders replaced",
    "executed": "executions",
    "canceled": "orders cancelled, in whole or in part",
    "rejected": "orders rejected",
    "cancel_rejected": "cancels rejected",
    "broken": "executions broken",
    "unlawful_reply": "replies about an order that is not open, or about more shares than it had left",
    "kills": "causes that engaged the kill switch",
    "limits_set": "limits taken from the host",
    "limits_foreign": "limits of no configured symbol; dropped",
}

ORDER = {
    "orders": "orders encoded",
    "admin": "heartbeats and session messages of the host encoded",
    "frames": "frames whose last beat TX accepted, of every kind",
    "acknowledgments": "frames without payload whose last beat TX accepted",
    "retransmissions": "frames with payload sent before whose last beat TX accepted",
}

SESSION = {
    "frames": "frames that ended on the order session's RX",
    # One of the following at most per frame: the first that applies, in this order. Fields are looked for where they
    # stand behind at most one 802.1Q tag and a header of 5 words.
    "frame_foreign": "not IPv4 and TCP between the session's two addresses and ports, or ended before the ports did",
    "frame_ip_header": "IPv4 version, header length other than 5 words, a fragment, or header checksum wrong",
    "frame_length": "ended before its IPv4 total length, or that is below 40 octets or its TCP header's end, or above "
                    "feed.max_ip_length, or a TCP header of less than 5 words",
    "frame_error": "the MAC flagged the frame (bad frame check sequence) at its last beat",
    "frame_checksum": "TCP checksum wrong",
    "frame_closed": "the core does not hold the session",
    "segments": "segments that passed all of the above",
    # What a segment may be beside. The first three end its life; RST and SYN go before acknowledgment_beyond.
    "segment_old": "segments whose timestamp is older than the last (PAWS), RST not among them: dropped, acknowledged",
    "acknowledgment_beyond": "acknowledgments of what was never sent; the segment is dropped, acknowledged",
    "segment_unacknowledging": "segments without ACK, RST and SYN not among them: dropped",
    "acknowledgment_duplicate": "no payload, SYN or FIN, acknowledges up to where all before did, same window, "
                                "something is under way (RFC 5681, section 2)",
    "segment_duplicate": "segments with payload all of which was received before",
    "segment_early": "segments with payload beyond a hole: dropped, and asked for again",
    "segment_full": "segments with payload that the receive buffer had no room for: dropped",
    "octets": "octets of payload received in order",
    "packets": "SoupBinTCP packets or FIX messages, whole and well-formed",
    "packet_malformed": "packets or messages that are none: the session is lost",
    "packet_sequence": "FIX messages with another MsgSeqNum than expected: handed to the host only",
    "messages_inbox": "packets or messages handed to the host: all that are well-formed",
    "messages_unknown": "application messages of a type that means nothing to risk",
    "replies": "replies handed to risk",
    "timeouts": "retransmission timeouts",
    "fast_retransmits": "retransmissions after three duplicate acknowledgments",
    "heartbeats": "client heartbeats asked for",
    "handovers": "sessions taken over from the host",
    "handbacks": "sessions handed back to the host",
    "lost": "sessions lost: FIN, RST, end of session, malformed packet, or retransmissions in vain",
}

COUNTERS: dict[str, dict[str, str]] = {
    "feed": FEED, "book": BOOK, "indicators": INDICATORS, "strategy": STRATEGY, "risk": RISK, "order": ORDER,
    "session": SESSION,
}
