"""A real card, through XRT's own Python binding (``pyxrt``, which comes with XRT, not from PyPI)."""

from pathlib import Path

import numpy as np

from . import CardError

KERNEL = "tickwire_kernel"
HOST_MEMORY = "HOST[0]"


class XrtCard:
    """Loads the xclbin and opens the kernel for this process alone.

    Raises ``CardError`` where XRT, the card or the memory bank is missing. XRT does not say that a register answered
    SLVERR.
    """

    def __init__(self, index: int, xclbin: Path):
        try:
            import pyxrt
        except ImportError:
            raise CardError("pyxrt is not installed: source /opt/xilinx/xrt/setup.sh") from None
        self._xrt = pyxrt
        if not hasattr(pyxrt, "ip"):
            raise CardError("this pyxrt has no user-managed kernels (pyxrt.ip): use tickwire_host, in C++")
        try:
            self._device = pyxrt.device(index)
            image = pyxrt.xclbin(str(xclbin))
            uuid = self._device.load_xclbin(image)
            self._ip = pyxrt.ip(self._device, uuid, KERNEL)
        except RuntimeError as error:
            raise CardError(f"card {index}, {xclbin}: {error}") from None
        banks = [bank.get_index() for bank in image.get_mems() if bank.get_tag() == HOST_MEMORY]
        if not banks:
            raise CardError(f"{xclbin}: no memory {HOST_MEMORY}: link with sp={KERNEL}_1.records:{HOST_MEMORY}")
        self._bank = banks[0]
        self._buffers: dict[int, object] = {}

    def read(self, address: int) -> int:
        return self._ip.read_register(address)

    def write(self, address: int, value: int) -> None:
        self._ip.write_register(address, value)

    def allocate(self, octets: int) -> int:
        """The address of so much pinned host memory."""
        try:
            buffer = self._xrt.bo(self._device, octets, self._xrt.bo.flags.host_only, self._bank)
        except RuntimeError as error:
            raise CardError(f"no room for {octets} octets in {HOST_MEMORY}: {error}; see xbutil configure "
                            "--host-mem") from None
        self._buffers[buffer.address()] = buffer
        return buffer.address()

    def buffer(self, address: int, octets: int) -> np.ndarray:
        """Host memory that was allocated, as octets."""
        return np.frombuffer(self._buffers[address].map(), np.uint8)[:octets]

    def close(self) -> None:
        """Give the buffers back."""
        self._buffers.clear()
