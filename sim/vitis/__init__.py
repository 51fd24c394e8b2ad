"""A Vitis project around the kernel's Verilog: ``python -m sim.vitis DIR --platform u280``; see docs/vitis.md."""
