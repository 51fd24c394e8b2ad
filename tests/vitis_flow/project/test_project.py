"""Every Tcl file and constraint through tclsh with stand-ins for Vivado; kernel.xml and link.cfg against Verilog."""

import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from hdl.kernel import DOMAINS
from sim.vitis import netlist, project
from sim.vitis.platforms import PLATFORMS, platform
from spec import config
from spec.config import ConfigError
from spec.records import RECORDS
from spec.registers import BY_NAME, SIZE

STAND_INS = Path(__file__).with_name("vivado.tcl")
SMALL = config.preset("small")
#: What a file of constraints may have: commands, no programs.
XDC = {"set_property", "set_max_delay", "set_false_path", "create_pblock", "resize_pblock", "add_cells_to_pblock"}


def changed(clocks: str = "one", **strategy) -> config.Design:
    return SMALL.model_copy(update={"host": SMALL.host.model_copy(update={"clocks": clocks}),
                                    "strategy": SMALL.strategy.model_copy(update=strategy)})


DESIGNS = {
    "one": ([changed("one")], []),
    "all": ([changed("all")], ["messages", "updates", "intents", "decisions", "orders"]),
    "dfx": ([changed(reconfigurable=True, quantity=quantity) for quantity in (100, 200)], []),
}


class Project:
    """One project, and what its scripts may name."""

    def __init__(self, folder: Path, kind: str, card: str = "u280"):
        designs, ila = DESIGNS[kind]
        self.folder, self.clocks = folder, designs[0].host.clocks
        self.files = project.write(folder, designs, platform=platform(card), ila=ila)
        self.netlist = netlist.Netlist.read((folder / "rtl" / "tickwire_kernel.v").read_text(), project.KERNEL)
        objects = {
            "cells": self.netlist.cells, "nets": self.netlist.nets, "ports": [*self.netlist.top.ports],
            "interfaces": [*netlist.bus_interfaces(self.netlist.top.ports)],
            "clocks": sorted(set(DOMAINS[self.clocks].values())), "parts": [each.part for each in PLATFORMS.values()],
            # Of v++, and of the script before.
            "given": ["build/linked_synth.dcp", "build/strategy_0.dcp", "build/strategy_1.dcp",
                      "build/static_routed.dcp", "build/strategy_0_routed.dcp"],
        }
        (folder / "objects").mkdir()
        for name, lines in objects.items():
            (folder / "objects" / name).write_text("\n".join(lines) + "\n")

    def run(self, script: str) -> list[str]:
        """The calls of a script, in order. Raises ``AssertionError`` with what a stand-in did not take."""
        said = subprocess.run(["tclsh", STAND_INS, "objects", script], cwd=self.folder, text=True, capture_output=True)
        assert said.returncode == 0, said.stderr.strip()
        calls = [line.split()[0] for line in (self.folder / "objects" / "log").read_text().splitlines()]
        assert calls, f"{script} calls nothing"
        return calls

    def change(self, file: str, old: str, new: str) -> None:
        text = (self.folder / file).read_text()
        assert old in text
        (self.folder / file).write_text(text.replace(old, new, 1))


@pytest.fixture(scope="module", params=DESIGNS)
def written(request, tmp_path_factory) -> Project:
    return Project(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture
def one(tmp_path) -> Project:
    return Project(tmp_path, "one")


def scripts(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for pattern in ("*.tcl", "dfx/*.tcl", "constraints/*.xdc")
                  for path in folder.glob(pattern))


def test_every_script_runs(written):
    found = scripts(written.folder)
    assert {"package_kernel.tcl", "constraints/clocks.xdc", "constraints/memory.xdc",
            "constraints/placement.xdc"} <= set(found)
    for script in found:
        written.run(script)
        if script.endswith(".xdc"):
            text = (written.folder / script).read_text().replace("\\\n", "")
            assert {line.split()[0] for line in text.splitlines() if line and line[0] != "#"} <= XDC, script


def test_packaging_goes_in_vivados_order(written):
    calls = written.run("package_kernel.tcl")
    order = ["create_project", "add_files", "update_compile_order", "ipx::package_project", "ipx::infer_bus_interface",
             "ipx::associate_bus_interfaces", "ipx::add_memory_map", "ipx::save_core", "package_xo"]
    assert [calls.index(call) for call in order] == sorted(calls.index(call) for call in order)


def test_a_mode_with_more_clocks_connects_them(written):
    link = (written.folder / "link.cfg").read_text()
    if written.clocks == "one":
        assert not (written.folder / "post_link.tcl").exists() and "post_link" not in link
    else:
        assert written.run("post_link.tcl").count("connect_bd_net") == len(
            {"rx_clk", "session_rx_clk", "tx_clk"} & set(DOMAINS[written.clocks].values()))
        assert "userPostSysLinkOverlayTcl=post_link.tcl" in link


def link_faults(text: str, ports: set[str], arguments: set[str], streams: set[str]) -> list[str]:
    """What link.cfg names that the kernel has not."""
    faults, section = [], ""
    for line in filter(None, (line.partition("#")[0].strip() for line in text.splitlines())):
        if match := re.fullmatch(r"\[(\w+)\]", line):
            section = match[1]
            if section not in ("connectivity", "clock", "advanced", "vivado"):
                faults.append(f"section {section}")
            continue
        key, _, value = line.partition("=")
        for name in re.findall(rf"{project.INSTANCE}\.(\w+)", value):
            known = {"sp": arguments, "stream_connect": streams, "freqHz": ports}.get(key, set())
            if name not in known:
                faults.append(f"{key}: {name}")
        if key not in ("nk", "slr", "sp", "stream_connect", "freqHz", "param", "prop"):
            faults.append(f"key {key} in [{section}]")
    return faults


#: Attributes that UG1393 ("Kernel XML") asks for, and modes by the kind of port.
KERNEL = {"name", "language", "vlnv", "attributes", "preferredWorkGroupSizeMultiple", "workGroupSize", "interrupt",
          "hwControlProtocol"}
PORT = {"addressable": {"name", "mode", "range", "dataWidth", "portType", "base"},
        "stream": {"name", "mode", "dataWidth", "portType"}}
ARGUMENT = {"name", "addressQualifier", "id", "port", "size", "offset", "hostOffset", "hostSize", "type"}
MODES = {"addressable": {"slave", "master"}, "stream": {"read_only", "write_only"}}


def xml_faults(text: str, interfaces: set[str]) -> list[str]:
    """What in kernel.xml is not as it must be, or not of the kernel: interfaces, offsets of its arguments."""
    kernel = ElementTree.fromstring(text).find("kernel")
    ports = {port.get("name"): port for port in kernel.find("ports")}
    faults = [f"port {name}" for name in ports.keys() ^ interfaces]
    faults += [f"attributes of {element.tag} {element.get('name')}"
               for element, wanted in [(kernel, KERNEL), *((argument, ARGUMENT) for argument in kernel.find("args")),
                                       *((port, PORT.get(port.get("portType"))) for port in ports.values())]
               if set(element.attrib) != wanted]
    faults += [f"mode of {name}" for name, port in ports.items() if port.get("mode") not in MODES[port.get("portType")]]
    if kernel.get("name") != project.KERNEL or kernel.get("hwControlProtocol") != "user_managed":
        faults.append("kernel")
    if ports.get("s_axi_control") is not None and int(ports["s_axi_control"].get("range"), 16) != SIZE:
        faults.append("range of s_axi_control")
    ids = []
    for argument in kernel.find("args"):
        name, port = argument.get("name"), argument.get("port")
        ids.append(int(argument.get("id")))
        if port not in ports:
            faults.append(f"argument {name}: port {port}")
        elif ports[port].get("portType") == "stream":
            if argument.get("addressQualifier") != "4":
                faults.append(f"argument {name}: a stream")
        elif name not in BY_NAME or BY_NAME[name].offset != int(argument.get("offset"), 16) or (
                BY_NAME[name].stride != int(argument.get("size"), 16)):
            faults.append(f"argument {name}: offset or size")
    if ids != [*range(len(ids))]:
        faults.append("ids")
    return faults


def test_link_configuration_names_what_there_is(written):
    ports, names = set(written.netlist.top.ports), {argument.name for argument in project.arguments()}
    text = (written.folder / "link.cfg").read_text()
    assert link_faults(text, ports, names, set(project.STREAMS)) == []
    assert f"nk={project.KERNEL}:1:{project.INSTANCE}" in text
    for old, new, fault in ((".records:", ".record:", "sp: record"), (".session_rx", ".srx", "stream_connect: srx"),
                            (".ap_clk\n", ".ap_clock\n", "freqHz: ap_clock"), ("[clock]", "[clocks]", "section clocks"),
                            ("nk=", "kernels=", "key kernels in [connectivity]")):
        assert fault in link_faults(text.replace(old, new), ports, names, set(project.STREAMS))


def test_kernel_xml_is_the_kernels(written):
    interfaces = set(netlist.bus_interfaces(written.netlist.top.ports))
    text = (written.folder / "kernel.xml").read_text()
    assert xml_faults(text, interfaces) == []
    for old, new, fault in (('name="rx"', 'name="rx0"', "port rx"),
                            ('offset="0x010"', 'offset="0x014"', "argument records"),
                            ('range="0x4000"', 'range="0x1000"', "range"), ('id="1"', 'id="2"', "ids"),
                            (' base="0x0"', "", "attributes of port s_axi_control"),
                            (' hostSize="0x8"', "", "attributes of arg records"),
                            ('mode="master"', 'mode="write_only"', "mode of m_axi_records"),
                            ('port="m_axi_commands"', 'port="m_axi_gmem"', "argument commands"),
                            ("user_managed", "ap_ctrl_hs", "kernel")):
        assert any(found.startswith(fault) for found in xml_faults(text.replace(old, new), interfaces)), old


@pytest.mark.parametrize("file, old, new, complaint", [
    ("package_kernel.tcl", "-busif rx -clock", "-busif rx0 -clock", "no interface rx0"),
    ("package_kernel.tcl", "ipx::infer_bus_interface ap_clk ", "ipx::infer_bus_interface ap_clock ", "no port ap_"),
    ("package_kernel.tcl", "ipx::infer_bus_interface ap_clk ", "ipx::infer_bus_interface rx_tdata ", "is no clock"),
    ("package_kernel.tcl", "ipx::associate_bus_interfaces -busif tx -clock ap_clk $core", "", "tx has no clock"),
    ("package_kernel.tcl", "-import_files", "-import", "no option -import"),
    ("package_kernel.tcl", "update_compile_order -fileset sources_1", "", "before update_compile_order"),
    ("package_kernel.tcl", "ipx::save_core $core", "", "package_xo before ipx::save_core"),
    ("package_kernel.tcl", "rtl/tickwire_kernel.v", "rtl/kernel.v", "no file rtl/kernel.v"),
    ("package_kernel.tcl", "-kernel_xml kernel.xml", "-kernel_xml kernels.xml", "no file kernels.xml"),
    ("package_kernel.tcl", "ipx::create_xgui_files", "ipx::make_xgui_files", "invalid command name"),
    ("package_kernel.tcl", "xcu280-fsvh2892-2L-e", "xcu280", "no part xcu280"),
    ("constraints/clocks.xdc", "*/produce_w_gry_reg*", "*/produce_gray_reg*", "nothing is called"),
    ("constraints/clocks.xdc", "set_max_delay -datapath_only", "set_max_delay -datapath", "no option -datapath"),
    ("constraints/memory.xdc", "CASCADE_HEIGHT 4", "CASCADE_HIGHT 4", "no property CASCADE_HIGHT"),
    ("constraints/placement.xdc", "inner/core/risk", "inner/core/risks", "nothing is called inner/core/risks"),
    ("constraints/placement.xdc", "[get_pblocks pblock_tick] -add", "[get_pblocks pblock] -add", "no pblock pblock"),
])
def test_what_is_wrong_is_found(one, file, old, new, complaint):
    one.change(file, old, new)
    with pytest.raises(AssertionError, match=re.escape(complaint)):
        one.run(file)


def test_dynamic_function_exchange(tmp_path):
    dfx = Project(tmp_path, "dfx")
    calls = dfx.run("dfx/2_static.tcl")
    order = ["open_checkpoint", "pr_subdivide", "create_pblock", "opt_design", "place_design", "route_design",
             "write_bitstream", "update_design", "lock_design"]
    assert [calls.index(call) for call in order] == sorted(calls.index(call) for call in order)
    assert dfx.run("dfx/3_variant.tcl").index("pr_verify") > 0
    # What is static and what is exchanged make the kernel, and each strategy fits where the first one was.
    whole = netlist.modules((tmp_path / "rtl" / "tickwire_kernel.v").read_text())
    static = netlist.modules((tmp_path / "rtl" / "static.v").read_text())
    inside = [netlist.modules((tmp_path / "rtl" / f"strategy_{i}.v").read_text()) for i in range(2)]
    assert static.keys() | inside[0].keys() == whole.keys() and not static.keys() & inside[0].keys()
    top = next(iter(inside[0]))
    assert inside[0][top].ports == inside[1][top].ports
    assert (tmp_path / "rtl" / "strategy_0.v").read_text() != (tmp_path / "rtl" / "strategy_1.v").read_text()
    dfx.change("dfx/2_static.tcl", "lock_design -level routing\n", "")
    dfx.change("dfx/2_static.tcl", "update_design", "lock_design -level routing\nupdate_design")
    with pytest.raises(AssertionError, match="lock_design before update_design"):
        dfx.run("dfx/2_static.tcl")
    dfx.change("dfx/3_variant.tcl", "route_design\n", "")
    with pytest.raises(AssertionError, match="write_bitstream before route_design"):
        dfx.run("dfx/3_variant.tcl")


def test_strategies_that_do_not_fit(tmp_path):
    first = changed(reconfigurable=True)
    other = first.model_copy(update={"order": first.order.model_copy(update={"firm": "OTHR"})})
    with pytest.raises(ConfigError, match="design 1: differs from the first one outside of its strategy"):
        project.write(tmp_path, [first, other], platform=platform("u280"))


@pytest.mark.parametrize("card", PLATFORMS)
def test_other_platforms(card, tmp_path):
    written = Project(tmp_path, "one", card)
    for script in scripts(tmp_path):
        written.run(script)
    for file in ("link.cfg", "Makefile", "package_kernel.tcl"):
        text = (tmp_path / file).read_text()
        assert PLATFORMS[card].name in text or PLATFORMS[card].part in text or f"SLR{PLATFORMS[card].wire_slr}" in text


def test_an_unknown_platform():
    with pytest.raises(ConfigError, match="no platform 'u999'; there are u280"):
        platform("u999")
    assert platform("xilinx_u50_gen3x16_xdma_5_202210_1").card == "u50"


def test_an_unknown_boundary(tmp_path):
    with pytest.raises(ConfigError, match="--ila: no stage boundary 'books'; there are messages"):
        project.write(tmp_path, [changed()], platform=platform("u280"), ila=["books"])


def test_analysers_see_whole_records(tmp_path):
    Project(tmp_path, "all")
    text = (tmp_path / "debug.tcl").read_text()
    for record in RECORDS:
        if f"create_debug_core ila_{record.stream} " in text:
            assert f"set_property port_width {record.bits} [get_debug_ports ila_{record.stream}/probe1]" in text


def test_make_check_says_what_is_missing(one):
    said = subprocess.run(["make", "check"], cwd=one.folder, text=True, capture_output=True)
    assert said.returncode
    for what in ("vivado: not on PATH", "v++: not on PATH", "platform: xilinx_u280", "Ethernet: no kernel"):
        assert what in said.stdout


def test_make_check_passes_where_all_is_there(one, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("vivado", "v++"):
        (tools / tool).write_text("#!/bin/sh\n")
    (tools / "platforminfo").write_text(f"#!/bin/sh\necho {PLATFORMS['u280'].name}\n")
    for tool in tools.iterdir():
        tool.chmod(0o755)
    path = f"{tools}:{':'.join({str(Path(shutil.which(each)).parent) for each in ('g++', 'make', 'sh', 'grep')})}"
    said = subprocess.run(["make", "check", "KERNELS=ethernet.xo"], cwd=one.folder, text=True, capture_output=True,
                          env={"PATH": path})
    assert (said.returncode, said.stdout) == (0, "all is there\n"), said.stdout + said.stderr


def test_the_host_program_builds_in_the_project(one):
    said = subprocess.run(["make", "-C", "host", "GENERATED=.", "BUILD=build", "OPT=-O0"], cwd=one.folder, text=True,
                          capture_output=True, env={"PATH": "/usr/bin:/bin"})
    assert said.returncode == 0, said.stdout + said.stderr
    assert (one.folder / "host" / "build" / "tickwire_host").exists()
