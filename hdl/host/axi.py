"""AXI interfaces as the master drives them. ARM IHI 0022, AXI4 and AXI4-Lite; names as Vivado infers them."""

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

DATA_BITS = 512  #: of the masters to host memory
OCTETS = DATA_BITS // 8
BURST_INCR = 1
CACHE = 0b0011  #: normal, non-cacheable, bufferable: what XDMA shells expect


class Resp:
    """Of a write or read."""

    OKAY = 0
    SLVERR = 2


def axi4_lite(address_bits: int) -> wiring.Signature:
    """32 bits of data."""
    return wiring.Signature({
        "awaddr": Out(address_bits), "awprot": Out(3), "awvalid": Out(1), "awready": In(1),
        "wdata": Out(32), "wstrb": Out(4), "wvalid": Out(1), "wready": In(1),
        "bresp": In(2), "bvalid": In(1), "bready": Out(1),
        "araddr": Out(address_bits), "arprot": Out(3), "arvalid": Out(1), "arready": In(1),
        "rdata": In(32), "rresp": In(2), "rvalid": In(1), "rready": Out(1),
    })


def _address(channel: str) -> dict:
    return {f"{channel}id": Out(1), f"{channel}addr": Out(64), f"{channel}len": Out(8), f"{channel}size": Out(3),
            f"{channel}burst": Out(2), f"{channel}lock": Out(1), f"{channel}cache": Out(4), f"{channel}prot": Out(3),
            f"{channel}qos": Out(4), f"{channel}valid": Out(1), f"{channel}ready": In(1)}


AXI4_WRITE = wiring.Signature(_address("aw") | {
    "wdata": Out(DATA_BITS), "wstrb": Out(OCTETS), "wlast": Out(1), "wvalid": Out(1), "wready": In(1),
    "bid": In(1), "bresp": In(2), "bvalid": In(1), "bready": Out(1),
})
AXI4_READ = wiring.Signature(_address("ar") | {
    "rid": In(1), "rdata": In(DATA_BITS), "rresp": In(2), "rlast": In(1), "rvalid": In(1), "rready": Out(1),
})


def burst(axi, channel: str) -> list:
    """What is the same in every address of ``axi``: incrementing, whole beats."""
    return [getattr(axi, f"{channel}{name}").eq(value) for name, value in (
        ("id", 0), ("size", OCTETS.bit_length() - 1), ("burst", BURST_INCR), ("lock", 0), ("cache", CACHE),
        ("prot", 0), ("qos", 0))]
