"""Code that runs inside a simulator: a cocotb bench per stage and for the core, and the pyuvm environment."""
