"""TCP's checksum of an order frame."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .template import Template


class Checksum(wiring.Component):
    """One's complement sum of pseudo-header, TCP header and payload, inverted (RFC 9293, section 3.1).

    The sum of everything constant is one word; only words with a varying octet are added, three at a time.
    Latency ``LATENCY`` cycles from ``take``, initiation interval 1.

    Members
    -------
    take
        Sum ``varying`` as it stands.
    varying
        The varying octets of the frame, in the order of ``Template.varying``.
    checksum
        In host order, of what was taken ``LATENCY`` cycles before or earlier.
    """

    def __init__(self, *, template: Template):
        self._template = template
        self._words = self._group(template)
        depth, words = 0, len(self._words) + 1
        while words > 1:
            depth, words = depth + 1, -(-words // 3)
        self.LATENCY = depth + 2
        super().__init__({"take": In(1), "varying": In(8 * len(template.varying)), "checksum": Out(16)})

    @staticmethod
    def _group(template: Template) -> list[dict[int, int]]:
        """Per 16-bit word of the segment that varies: {position in the word, 0 = high octet: index in ``varying``}."""
        words = {}
        for index, offset in enumerate(template.varying):
            word, position = divmod(offset - template.segment, 2)
            words.setdefault(word, {})[position] = index
        return list(words.values())

    def elaborate(self, platform):
        m = Module()
        zero = C(0, 8)
        terms = [C(self._template.constant_sum, 16)]
        for word in self._words:
            high, low = (self.varying.word_select(word[i], 8) if i in word else zero for i in (0, 1))
            terms.append(Cat(low, high))

        def register(value, name, enable=1):
            held = Signal.like(value, name=name)
            with m.If(enable):
                m.d.sync += held.eq(value)
            return held

        level = 0
        while len(terms) > 1:
            groups = [terms[i : i + 3] for i in range(0, len(terms), 3)]
            terms = [register(sum(group[1:], group[0]), f"sum_{level}_{i}", 1 if level else self.take)
                     for i, group in enumerate(groups)]
            level += 1
        total = terms[0]
        # Two end-around carries: the first leaves at most one more.
        folded = register((total[:16] + total[16:])[:17], "folded")
        m.d.sync += self.checksum.eq(~(folded[:16] + folded[16]))
        return m
