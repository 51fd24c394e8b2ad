"""kernel.xml: what XRT and v++ are told about the kernel's ports and arguments, and rules that hold for it.

The rules are ours, from UG1393 ("RTL Kernels", "Kernel XML"): no schema of it is published.
"""

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Mapping

from spec.config import ConfigError
from spec.registers import BY_NAME, SIZE

KERNEL = "tickwire_kernel"
VENDOR, LIBRARY, VERSION = "tickwire", "kernel", "1.0"
CONTROL = "s_axi_control"
DATA_BITS = 512  #: of both masters
STREAM_BITS = 64
#: Argument -> the master that reaches what it points to.
POINTERS = {"records": "m_axi_records", "commands": "m_axi_commands"}
SCALARS = ("ring_log2", "command_log2")
#: Stream -> mode, as the kernel sees it.
STREAMS = {"rx": "read_only", "session_rx": "read_only", "tx": "write_only"}

_KERNEL = {"name", "language", "vlnv", "attributes", "preferredWorkGroupSizeMultiple", "workGroupSize", "interrupt",
           "hwControlProtocol"}
_PORT = {"addressable": {"name", "mode", "range", "dataWidth", "portType", "base"},
         "stream": {"name", "mode", "dataWidth", "portType"}}
_ARG = {"name", "addressQualifier", "id", "port", "size", "offset", "hostOffset", "hostSize", "type"}
_MODES = {"addressable": ("slave", "master"), "stream": ("read_only", "write_only")}
_PROTOCOLS = ("user_managed", "ap_ctrl_none", "ap_ctrl_hs", "ap_ctrl_chain")
_SCALAR, _POINTER, _STREAM = "0", "1", "4"
_FIRST_ARGUMENT = 0x10  # below are ap_ctrl, gie, ier, isr


def text() -> str:
    """The file for ``tickwire_kernel``."""
    root = ElementTree.Element("root", versionMajor="1", versionMinor="9")
    kernel = ElementTree.SubElement(
        root, "kernel", name=KERNEL, language="ip", vlnv=f"{VENDOR}:{LIBRARY}:{KERNEL}:{VERSION}", attributes="",
        preferredWorkGroupSizeMultiple="0", workGroupSize="1", interrupt="true", hwControlProtocol="user_managed")
    ports = ElementTree.SubElement(kernel, "ports")
    _port(ports, CONTROL, "slave", 32, f"0x{SIZE:X}")
    for name in POINTERS.values():
        _port(ports, name, "master", DATA_BITS, "0xFFFFFFFFFFFFFFFF")
    for name, mode in STREAMS.items():
        ElementTree.SubElement(ports, "port", name=name, mode=mode, dataWidth=str(STREAM_BITS), portType="stream")

    args = ElementTree.SubElement(kernel, "args")
    for name, master in POINTERS.items():
        _argument(args, name, _POINTER, master, 8, BY_NAME[name].offset, "void*")
    for name in SCALARS:
        _argument(args, name, _SCALAR, CONTROL, 4, BY_NAME[name].offset, "uint")
    for name in STREAMS:
        _argument(args, name, _STREAM, name, 8, 0, f"stream<ap_axiu<{STREAM_BITS},1,0,0>>&")
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _port(ports, name: str, mode: str, bits: int, size: str) -> None:
    ElementTree.SubElement(ports, "port", name=name, mode=mode, range=size, dataWidth=str(bits),
                           portType="addressable", base="0x0")


def _argument(args, name: str, qualifier: str, port: str, size: int, offset: int, kind: str) -> None:
    ElementTree.SubElement(args, "arg", name=name, addressQualifier=qualifier, id=str(len(args)), port=port,
                           size=f"0x{size:X}", offset=f"0x{offset:03X}", hostOffset="0x0", hostSize=f"0x{size:X}",
                           type=kind)


def check(content: str, ports: Mapping[str, tuple[str, int]], file: str = "kernel.xml") -> None:
    """Raise ``ConfigError`` with a line for each rule that the file breaks; ``ports`` are the Verilog's."""
    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        raise ConfigError(f"{file}: not XML: {error}") from None
    if faults := list(_faults(root, ports)):
        raise ConfigError("\n".join(f"{file}: {fault}" for fault in faults))


def _faults(root, verilog) -> Iterable[str]:
    if root.tag != "root" or {"versionMajor", "versionMinor"} - set(root.keys()):
        yield "<root versionMajor= versionMinor=> is what begins it"
        return
    kernels = root.findall("kernel")
    if len(kernels) != 1 or [e.tag for e in kernels[0]] != ["ports", "args"]:
        yield "one <kernel> with <ports> and <args>"
        return
    kernel = kernels[0]
    yield from _attributes(kernel, _KERNEL, "kernel")
    name = kernel.get("name", "")
    if kernel.get("vlnv", "").split(":")[2:3] != [name]:
        yield f"kernel {name}: vlnv is VENDOR:LIBRARY:{name}:VERSION, not {kernel.get('vlnv')!r}"
    if kernel.get("hwControlProtocol") not in _PROTOCOLS:
        yield f"kernel {name}: hwControlProtocol is one of {', '.join(_PROTOCOLS)}"
    if kernel.get("language") != "ip":
        yield f"kernel {name}: language is ip for RTL"
    if kernel.get("interrupt") == "true" and verilog.get("interrupt") != ("output", 1):
        yield f"kernel {name}: interrupt is true, and the Verilog has no output interrupt"
    ports = {port.get("name"): port for port in kernel.find("ports")}
    if len(ports) != len(kernel.find("ports")):
        yield "ports: a name twice"
    for port in ports.values():
        yield from _port_faults(port, verilog)
    yield from _argument_faults(list(kernel.find("args")), ports)


def _attributes(element, expected: set[str], what: str) -> Iterable[str]:
    for key in sorted(expected - set(element.keys())):
        yield f"{what}: {key} is missing"
    for key in sorted(set(element.keys()) - expected):
        yield f"{what}: {key} is no attribute of it"


def _number(element, key: str) -> int:
    try:
        return int(element.get(key, ""), 0)
    except ValueError:
        return -1


def _port_faults(port, verilog) -> Iterable[str]:
    name, kind, mode = port.get("name"), port.get("portType"), port.get("mode")
    if kind not in _PORT or mode not in _MODES[kind]:
        yield f"port {name}: portType and mode: addressable slave or master, stream read_only or write_only"
        return
    yield from _attributes(port, _PORT[kind], f"port {name}")
    signal = {"slave": ("wdata", "input"), "master": ("wdata", "output"), "read_only": ("tdata", "input"),
              "write_only": ("tdata", "output")}[mode]
    if mode == "master" and f"{name}_wdata" not in verilog:
        signal = ("rdata", "input")
    direction, bits = verilog.get(f"{name}_{signal[0]}", (None, 0))
    if direction != signal[1]:
        yield f"port {name}: the Verilog has no {signal[1]} {name}_{signal[0]}"
    elif bits != _number(port, "dataWidth"):
        yield f"port {name}: dataWidth is {bits} in the Verilog, not {port.get('dataWidth')}"
    if mode == "slave" and (name != CONTROL or _number(port, "dataWidth") != 32):
        yield f"port {name}: the one slave is {CONTROL}, with 32 bits"
    if mode == "slave" and verilog.get(f"{name}_awaddr", ("", 0))[1] != (_number(port, "range") - 1).bit_length():
        yield f"port {name}: range is not what the address bits of the Verilog reach"
    if mode == "master" and (bits < 32 or bits & bits - 1 or bits > 1024):
        yield f"port {name}: a master has a power of two from 32 to 1024 bits"


def _argument_faults(args: list, ports: Mapping) -> Iterable[str]:
    if [arg.get("id") for arg in args] != [str(i) for i in range(len(args))]:
        yield "args: ids count from 0 in order"
    names = [arg.get("name") for arg in args]
    if len(set(names)) != len(names):
        yield "args: a name twice"
    end, registers = 0, []
    for arg in args:
        name, port = arg.get("name"), ports.get(arg.get("port"))
        yield from _attributes(arg, _ARG, f"arg {name}")
        if port is None:
            yield f"arg {name}: no port {arg.get('port')}"
            continue
        belongs = {_SCALAR: "slave", _POINTER: "master", _STREAM: "stream"}.get(arg.get("addressQualifier"))
        if belongs not in (port.get("mode"), port.get("portType")):
            yield (f"arg {name}: addressQualifier is 0 on the slave, 1 on a master, 4 on a stream, not "
                   f"{arg.get('addressQualifier')} on {port.get('name')}")
        if _number(arg, "size") < 1 or arg.get("hostSize") != arg.get("size"):
            yield f"arg {name}: size is positive, and hostSize the same"
        if belongs == "master" and _number(arg, "size") != 8:
            yield f"arg {name}: a pointer has 8 octets"
        if belongs != "stream":
            registers.append((_number(arg, "offset"), _number(arg, "size"), name))
    slave = next((port for port in ports.values() if port.get("mode") == "slave"), None)
    room = _number(slave, "range") if slave is not None else 0
    for offset, size, name in sorted(registers):
        if offset < _FIRST_ARGUMENT or offset % 4 or offset + size > room:
            yield f"arg {name}: offset 0x{offset:X}: a multiple of 4 from 0x10, below the range of the slave"
        elif offset < end:
            yield f"arg {name}: offset 0x{offset:X}: lies within another"
        end = max(end, offset + size)
    for name, port in ports.items():
        if port.get("mode") != "slave" and not any(arg.get("port") == name for arg in args):
            yield f"port {name}: no arg uses it"
