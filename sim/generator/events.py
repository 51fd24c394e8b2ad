"""What happens at set moments of the session: directory, auctions, halts, collars, and every rare message type."""

from collections.abc import Callable, Iterator

from .market import Market

_SHOUT = 20  #: messages at a nanosecond's distance when the market opens
_MWCB_LEVELS = (7, 13, 20)  # percent below the index's last close
_INDEX = 3240 * 10**8  # 1/100 000 000 of an index point


def system(day, event: bytes) -> bytes:
    if event == b"Q":
        day.open = True
    return day.tape.message("S", 0, event)


def directory(day) -> Iterator[bytes]:
    """Start of messages, and what is known of each stock beforehand."""
    clock = day.tape.clock
    clock.jump(11_072_057_543_747)  # shortly after three
    yield system(day, b"O")
    clock.jump(11_354_325_413_976)
    by_locate = sorted(day.mine + day.others, key=lambda m: m.stock.locate)
    for market in by_locate:
        etp = market.stock.configured and market.stock.stock.rstrip() in (b"SPY", b"QQQ", b"IWM")
        yield market.about("R", b"Q", b"N", 100, b"N", b"Q" if etp else b"C", b"E " if etp else b"Z ", b"P", b"N",
                           b"N", b"1", b"Y" if etp else b"N", int(etp), b"N")
    for market in by_locate:
        yield market.about("H", b"T", b" ", b"    ")
        yield market.about("Y", b"1" if market.stock.locate % 50 == 7 else b"0")
    for market in day.mine + day.others[:8]:
        yield day.tape.message("L", market.stock.locate, b"TWIR", market.stock.stock, b"Y", b"N", b"A")
    yield day.tape.message("V", 0, *(_INDEX * (100 - percent) // 100 for percent in _MWCB_LEVELS))


def opening(day, crossing: float) -> Iterator[bytes]:
    """The market opens: a burst, then the opening crosses."""
    yield system(day, b"Q")
    day.tape.clock.squeeze(_SHOUT)
    for market in day.mine + [m for m in day.others if day.rng.random() < crossing]:
        printed = market.execute(b"N") if market.orders else None
        if printed is not None:
            yield printed
        yield market.cross(b"O")


def _set_state(market: Market, state: bytes, reason: bytes = b"") -> bytes:
    market.trading = state == b"T"
    return market.about("H", state, b" ", reason.ljust(4))


def _news_halt(day):
    yield _set_state(day.mine[min(1, len(day.mine) - 1)], b"H", b"T1")


def _news_quotation(day):
    yield _set_state(day.mine[min(1, len(day.mine) - 1)], b"Q", b"R4")


def _news_resumption(day):
    market = day.mine[min(1, len(day.mine) - 1)]
    yield market.cross(b"H")
    yield _set_state(market, b"T")


def _runaway(day) -> Market:
    """The symbol whose price leaves its ladder: the one for which that is the largest relative move."""
    return max(day.mine, key=lambda m: m.stock.tick / m.stock.reference)


def _move(market: Market, ticks: int) -> Iterator[bytes]:
    """Shift the price at once. The quotes in its way are pulled first."""
    yield from market.pull(buy=ticks < 0)
    market.anchor += ticks * market.stock.tick
    market.fair = max(2 * market.stock.tick, market.fair + ticks * market.stock.tick)


def _collar(market: Market, ticks: int, extension: int) -> bytes:
    """A collar of ``ticks``, not of the real five percent: the price leaves it when it comes back."""
    band = ticks * market.stock.tick
    return market.about("J", market.fair, market.fair + band, max(0, market.fair - band), extension)


def _limit_up(day):
    market = _runaway(day)
    yield from _move(market, 2 * market.stock.reach + 10)
    yield _set_state(market, b"P", b"LUDP")
    yield _collar(market, market.stock.reach // 2, 0)


def _limit_extension(day):
    market = _runaway(day)
    yield _collar(market, market.stock.reach, 1)


def _limit_resumption(day):
    market = _runaway(day)
    yield market.cross(b"H")
    yield _set_state(market, b"T")


def _limit_return(day):
    """Back into the ladder, but outside the collar."""
    market = _runaway(day)
    yield from _move(market, -(2 * market.stock.reach + 10))


def _limit_wide(day):
    market = _runaway(day)
    yield _collar(market, 4 * market.stock.reach, 2)


def _operational_halt(day):
    market = day.mine[-1]
    for venue in b"B", b"X", b"Q":  # only Nasdaq's own stops trading here
        yield market.about("h", venue, b"H")
    market.trading = False


def _operational_resumption(day):
    market = day.mine[-1]
    for venue in b"Q", b"B", b"X":
        yield market.about("h", venue, b"T")
    market.trading = True


def _retail_interest(day):
    for market, interest in zip((*day.mine[:2], *day.others[:3]), b"BSANB", strict=False):
        yield market.about("N", bytes([interest]))


def _ipo(day):
    market = day.others[0]
    yield market.about("K", day.tape.clock.now // 1_000_000_000, b"A", market.fair)
    yield market.cross(b"I")


def _direct_listing(day):
    market = day.others[1 % len(day.others)]
    price = market.fair
    for eligible in b"N", b"Y":
        yield market.about("O", eligible, price // 2, 2 * price, price, day.tape.clock.now, price * 9 // 10,
                           price * 11 // 10)


def _broken_trade(day):
    """Voids the last print of a configured symbol, and one of another symbol."""
    if day.tape.last_print is not None:
        locate, match = day.tape.last_print
        day.tape.last_print = None
        yield day.tape.message("B", locate, match)
    yield day.tape.message("B", day.others[0].stock.locate, day.tape.match())


def _circuit_breaker(day):
    day.open = False
    yield day.tape.message("W", 0, b"1")


def _circuit_breaker_end(day):
    yield system(day, b"Q")


def _remaining(day):
    """Types of the order flow that a short session has not drawn yet."""
    actions = {"F": lambda m: m.add(attributed=True), "E": Market.execute, "C": lambda m: m.execute(b"Y"),
               "X": Market.cancel, "U": Market.replace, "P": Market.trade, "I": lambda m: m.imbalance(b"C")}
    for kind, action in actions.items():
        for market in day.mine:
            if kind not in day.tape.seen and (octets := action(market)) is not None:
                yield octets


def schedule(day) -> list[tuple[float, Callable]]:
    """Scripts and the share of the session after which each runs, in order."""
    return [
        (0.11, _broken_trade), (0.15, _retail_interest), (0.17, _ipo), (0.19, _direct_listing),
        (0.25, _news_halt), (0.31, _news_quotation), (0.33, _news_resumption),
        (0.40, _limit_up), (0.43, _limit_extension), (0.46, _limit_resumption), (0.48, _broken_trade),
        (0.50, _limit_return), (0.65, _limit_wide),
        (0.70, _operational_halt), (0.76, _operational_resumption), (0.80, _broken_trade),
        (0.84, _circuit_breaker), (0.86, _circuit_breaker_end), (0.90, _remaining),
    ]
