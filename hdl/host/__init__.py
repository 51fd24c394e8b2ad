"""What is between the core and the host: registers, rings in host memory, clocks."""
