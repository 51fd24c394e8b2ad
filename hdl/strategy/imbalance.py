"""Book imbalance: trade against the side of the book that is much the thinner."""

from amaranth import *

from spec.records import LEVEL_QUANTITY_BITS, Side

from ..arithmetic import product
from .interface import TradingSignal


class Imbalance(TradingSignal):
    """Buy at the offer if bid quantity * denominator >= offer quantity * numerator, else sell at the bid if the reverse
    holds; only while both sides have orders and the spread is above zero and at most ``max_spread``.

    Latency: 1 cycle. II = 1. Products and spread in the first cycle, comparison behind its registers.
    """

    LATENCY = 1

    def elaborate(self, platform):
        m = Module()
        numerator, denominator = self.parameters.numerator, self.parameters.denominator
        update = self.updates.payload

        def scaled(quantity, factor, name):
            weight = Signal(LEVEL_QUANTITY_BITS + len(factor), name=name, reset_less=True)
            m.d.sync += weight.eq(product(m, quantity, factor))
            return weight

        buy = scaled(update.bid_quantity, denominator, "bid_weight") >= scaled(
            update.ask_quantity, numerator, "ask_times_ratio")
        sell = scaled(update.ask_quantity, denominator, "ask_weight") >= scaled(
            update.bid_quantity, numerator, "bid_times_ratio")

        apart, close, both = Signal(), Signal(), Signal()
        bid, ask = Signal(32, reset_less=True), Signal(32, reset_less=True)
        m.d.sync += [
            apart.eq(update.bid_price < update.ask_price),
            close.eq(update.ask_price <= update.bid_price + self.parameters.max_spread),
            both.eq(update.bid_orders.any() & update.ask_orders.any()),
            bid.eq(update.bid_price),
            ask.eq(update.ask_price),
        ]
        m.d.comb += [
            self.wish.fire.eq(apart & close & both & (buy | sell)),
            self.wish.side.eq(Mux(buy, Side.BUY, Side.SELL)),
            self.wish.prices[Side.BUY].eq(ask),
            self.wish.prices[Side.SELL].eq(bid),
        ]
        return m
