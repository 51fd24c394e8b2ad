"""The Vitis project around the kernel's Verilog: what is written, and what it is checked against."""
