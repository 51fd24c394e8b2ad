"""What a project consists of, what its Makefile says is missing, and what is refused."""

import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from sim.cli import run
from sim.vitis import command, kernel_xml, netlist, platforms, project
from spec.config import ConfigError
from spec.registers import BY_NAME
from tests.vitis_flow.projects import CLOCKS, design, edited


def make(path, *arguments, **environment) -> subprocess.CompletedProcess:
    return subprocess.run(["make", *arguments], cwd=path, text=True, capture_output=True,
                          env={"PATH": "/usr/bin:/bin", **environment})


@pytest.mark.parametrize("card", [p.name for p in platforms.PLATFORMS])
def test_the_link_is_that_of_the_card_and_the_clocks(write_project, card):
    clocks = {"u280": "all", "u50": "rx"}.get(card, "one")
    written, platform = write_project(clocks, platform=card), platforms.find(card)
    lines = (written.path / "link.cfg").read_text().splitlines()
    assert "sp=tickwire_kernel_1.m_axi_records:HOST[0]" in lines
    assert "stream_connect=ethernet_1.m_axis_rx0:tickwire_kernel_1.rx" in lines
    assert "stream_connect=tickwire_kernel_1.tx:ethernet_1.s_axis_tx1" in lines
    assert f"slr=tickwire_kernel_1:SLR{platform.wire_slr}" in lines and platform.wire_slr < platform.slrs
    assert ("freqHz=322265625:tickwire_kernel_1.ap_clk_2" in lines) == (clocks == "all")
    assert ("freqHz=322265625:tickwire_kernel_1.ap_clk" in lines) == (clocks == "one")
    assert platform.part in (written.path / "package_kernel.tcl").read_text()
    assert platforms.find(platform.shell) is platform


def test_files_follow_the_options(write_project):
    everything = write_project(dfx=True, ila=["orders"])
    assert (everything.path / "dfx" / "Makefile").exists() and (everything.path / "debug.tcl").exists()
    assert "CASCADE_HEIGHT 2" in (everything.path / "constraints" / "memory.xdc").read_text()
    least = write_project(rows=None)
    for name in ("dfx", "debug.tcl", "constraints/memory.xdc", "rtl/tickwire_strategy.v"):
        assert not (least.path / name).exists()
    assert "debug.tcl" not in (least.path / "link.cfg").read_text()


def test_what_did_not_change_is_not_written(write_project):
    before = {path: path.stat().st_mtime_ns for path in write_project().path.rglob("*") if path.is_file()}
    assert before == {path: path.stat().st_mtime_ns for path in write_project().path.rglob("*") if path.is_file()}


def test_nothing_of_this_machine_is_in_it(write_project):
    from sim.simulators import CHECKOUT

    for path in write_project(dfx=True, ila=["orders"]).path.rglob("*"):
        assert path.is_dir() or str(CHECKOUT) not in path.read_text(), path


# The Makefile


def test_check_says_in_one_line_each_what_is_missing(write_project, tmp_path):
    path = write_project().path
    said = make(path, "check", XILINX_XRT=str(tmp_path / "none"))
    assert said.returncode != 0
    assert [line.split(":")[0] for line in said.stdout.splitlines()] == ["vivado", "v++", "XRT", "platform", "Ethernet"]
    for line, setting in zip(said.stdout.splitlines(), ("VIVADO", "VPP", "XILINX_XRT", "PLATFORM", "ETHERNET_XO"),
                             strict=True):
        assert f"set {setting}" in line
    assert "g++: none is not found" in make(path, "check", "CXX=none").stdout
    assert make(path, "all").returncode != 0
    assert "vivado: vivado is not found" in make(path, "xo").stdout


def test_check_is_content_with_all(write_project, tmp_path):
    path = write_project().path
    for name in ("bin/vivado", "bin/v++", "xrt/include/xrt/xrt_device.h", "eth.xo"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch(mode=0o755)
    shell = platforms.find("u280").shell
    (tmp_path / "platforms" / shell).mkdir(parents=True)
    (tmp_path / "platforms" / shell / f"{shell}.xpfm").touch()
    said = make(path, "check", f"ETHERNET_XO={tmp_path}/eth.xo", PATH=f"{tmp_path}/bin:/usr/bin:/bin",
                XILINX_XRT=str(tmp_path / "xrt"), PLATFORM_REPO_PATHS=str(tmp_path / "platforms"))
    assert (said.returncode, said.stdout) == (0, ""), said.stderr


@pytest.mark.parametrize("target", ("all", "hw_emu"))
def test_make_calls_the_tools_in_order(write_project, target):
    said = make(write_project().path, "-n", "NEEDS=", "ETHERNET_XO=Makefile", target)
    assert said.returncode == 0, said.stderr
    wanted = ["vivado -mode batch", "@PROJECT@", "v++ --link", "make -C host"]
    at = [said.stdout.index(word) for word in wanted]
    assert at == sorted(at)
    assert f"--target {target if target == 'hw_emu' else 'hw'}" in said.stdout


def test_the_host_program_compiles(write_project):
    path = write_project().path
    said = make(path, "host")
    assert said.returncode == 0, said.stdout + said.stderr
    assert (path / "build" / "host" / "tickwire_host").exists()
    assert make(path, "clean").returncode == 0 and not (path / "build").exists()


# kernel.xml


@pytest.fixture
def ports(kernel_verilog):
    return netlist.read(kernel_verilog("all"), kernel_xml.KERNEL).ports


def test_arguments_are_where_the_registers_are(ports):
    kernel_xml.check(kernel_xml.text(), ports)
    found = {arg.get("name"): arg for arg in ElementTree.fromstring(kernel_xml.text()).iter("arg")}
    for name in ("records", "commands", "ring_log2", "command_log2"):
        assert int(found[name].get("offset"), 0) == BY_NAME[name].offset
        assert int(found[name].get("size"), 0) == BY_NAME[name].stride


@pytest.mark.parametrize(("old", "new", "said"), [
    ('name="m_axi_records" mode', 'name="m_axi_record" mode', "the Verilog has no input m_axi_record_rdata"),
    ('range="0x4000"', 'range="0x2000"', "range is not what the address bits"),
    ('range="0x4000" dataWidth="32"', 'range="0x4000" dataWidth="64"', "dataWidth is 32 in the Verilog"),
    ('mode="read_only" dataWidth="64"', 'mode="write_only" dataWidth="64"', "the Verilog has no output rx_tdata"),
    ('port="m_axi_commands" size', 'port="m_axi_command" size', "no port m_axi_command"),
    ('offset="0x01C"', 'offset="0x014"', "lies within another"),
    ('offset="0x010"', 'offset="0x008"', "a multiple of 4 from 0x10"),
    ('id="3"', 'id="7"', "ids count from 0"),
    ('name="commands" addressQualifier="1"', 'name="commands" addressQualifier="0"', "addressQualifier is 0"),
    ('size="0x8" offset="0x010" hostOffset="0x0" hostSize="0x8"',
     'size="0x4" offset="0x010" hostOffset="0x0" hostSize="0x4"', "a pointer has 8 octets"),
    ('hwControlProtocol="user_managed"', 'hwControlProtocol="ap_none"', "hwControlProtocol is one of"),
    ('workGroupSize="1"', 'workgroup="1"', "workgroup is no attribute"),
    ("tickwire:kernel:tickwire_kernel:1.0", "tickwire:kernel:other:1.0", "vlnv is"),
    ("</ports>", "", "not XML"),
])
def test_kernel_xml_rules(ports, old, new, said):
    text = kernel_xml.text()
    assert old in text
    with pytest.raises(ConfigError, match=said):
        kernel_xml.check(text.replace(old, new, 1), ports, "kernel.xml")


# What is refused


@pytest.mark.parametrize(("options", "said"), [
    ({"platform": "u200"}, r"platform = 'u200': one of u280 \(xilinx_u280_gen3x16_xdma_1_202211_1\), u50"),
    ({"ila": ["order"]}, "ila = 'order': one of messages, updates"),
    ({"ila_depth": 1000}, "ila_depth = 1000: a power of two from 1024"),
    ({"strategies": {"x": "y.v"}}, "strategies: only with dfx"),
    ({"strategies": {"imbalance": "y.v"}, "dfx": True}, "an identifier other than imbalance"),
    ({"strategies": {"x": "absent.v"}, "dfx": True}, "absent.v: cannot be read: No such file"),
])
def test_bad_options_are_named(write_project, options, said):
    with pytest.raises(ConfigError, match=said):
        write_project(**options)


def test_a_kernel_of_other_clocks_is_refused(kernel_verilog, tmp_path):
    for given in CLOCKS:
        for clocks in CLOCKS:
            if given != clocks:
                with pytest.raises(ConfigError, match="its clocks are .*: a kernel with "):
                    project.write(tmp_path, kernel_verilog(given), design(clocks), platform="u280", clocks=clocks)
    with pytest.raises(ConfigError, match="the design has host.clocks = 'one'"):
        project.write(tmp_path, kernel_verilog("all"), design("one"), platform="u280", clocks="all")
    with pytest.raises(ConfigError, match="clocks = 'two': one of one, rx, all"):
        project.write(tmp_path, kernel_verilog("all"), design("all"), platform="u280", clocks="two")


def test_a_file_that_is_no_kernel_is_refused(tmp_path):
    other = tmp_path / "other.v"
    other.write_text("module other(a);\nendmodule\n")
    with pytest.raises(ConfigError, match="other.v: no module tickwire_kernel"):
        project.write(tmp_path, other, design("all"), platform="u280", clocks="all")
    with pytest.raises(ConfigError, match="ethernet tx = 'a b': a Verilog identifier"):
        project.Ethernet(tx="a b")


def test_command(kernel_verilog, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(command, "cached_verilog", lambda unit, of: kernel_verilog(of.host.clocks))
    out = tmp_path / "out"
    arguments = ["vitis", "-o", str(out), "--design", "small", "--clocks", "rx", "--dfx", "--ila", "orders,kills"]
    assert run([*arguments, "--platform", "u50", "--ethernet", "tx=tx_out"]) == 0
    assert "README.md" in capsys.readouterr().out
    assert "tickwire_kernel_1.tx:ethernet_1.tx_out" in (out / "link.cfg").read_text()
    for wrong, said in ((["--platform", "u1"], "platform = 'u1': one of"),
                        (["--clocks", "none"], "one of one, rx, all"),
                        (["--strategy", "second"], "--strategy 'second': NAME=VALUE"),
                        (["--ethernet", "colour=red"], "NAME=VALUE with a name of"),
                        (["--ila", "books"], "ila = 'books'")):
        assert run([*arguments, *wrong]) == 2
        assert said in capsys.readouterr().err


def test_an_edit_that_finds_nothing_fails(write_project):
    with pytest.raises(AssertionError):
        edited(write_project().path / "link.cfg", "absent", "")
