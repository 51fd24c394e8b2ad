"""The UVM environment of the core.

    sequences -> agent (sequencer, driver) -> rx of the core
    rx frames -> scoreboard (golden model) <- monitors at every stage boundary and at tx
                 scoreboard -> coverage

The tests are in ``tests``: run them with ``sim.build.run_bench("core", bench="core_uvm.tests", ...)``.
"""
