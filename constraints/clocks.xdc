# Crossings between clocks that have nothing to do with each other. Names are relative to tickwire_kernel; the packaged
# IP scopes this file to it (SCOPED_TO_REF), so that it holds wherever v++ puts the kernel.
#
# A crossing is one of three, and nothing else crosses:
#   Gray pointers (amaranth.lib.fifo.AsyncFIFO):    PATH/produce_w_gry_reg -> PATH/produce_cdc/stage0_reg, and back
#   single bits (amaranth.lib.cdc.FFSynchronizer):  ... -> sync_*/stage0_reg
#   values that stand still while they are taken:   asked_reg, still_answer_reg (hdl/host/crossing.py, Call)
# and resets, which begin at once and end in step (reset_*, rst_cdc).

# All flip-flops of a synchroniser side by side, and none of them duplicated or made a shift register.
set_property ASYNC_REG true [get_cells -hierarchical -filter {NAME =~ *_cdc/stage*_reg*}]
set_property ASYNC_REG true [get_cells -hierarchical -filter {NAME =~ */sync_*/stage*_reg*}]
set_property ASYNC_REG true [get_cells -hierarchical -filter {NAME =~ */reset_*/stage*_reg*}]

# Gray code: bits of one pointer may not lie further apart than one period of the clock that writes them. 2.5 ns is
# below every period here; -datapath_only leaves the clocks' skew out, and takes hold checks away.
set_max_delay -datapath_only -from [get_cells -hierarchical -filter {NAME =~ */produce_w_gry_reg*}] \
  -to [get_cells -hierarchical -filter {NAME =~ */produce_cdc/stage0_reg*}] 2.5
set_max_delay -datapath_only -from [get_cells -hierarchical -filter {NAME =~ */consume_r_gry_reg*}] \
  -to [get_cells -hierarchical -filter {NAME =~ */consume_cdc/stage0_reg*}] 2.5

# What stands still has three cycles of the other clock before it is looked at.
set_max_delay -datapath_only -from [get_cells -hierarchical -filter {NAME =~ */side/*/asked_reg*}] 5.0
set_max_delay -datapath_only -from [get_cells -hierarchical -filter {NAME =~ */side/*/still_answer_reg*}] 5.0

# Single bits may come when they like; so may the beginning of a reset.
set_false_path -to [get_cells -hierarchical -filter {NAME =~ */sync_*/stage0_reg*}]
set_false_path -to [get_cells -hierarchical -filter {NAME =~ */reset_*/stage*_reg*}]
set_false_path -to [get_cells -hierarchical -filter {NAME =~ */rst_cdc/stage*_reg*}]
