# The order table is in UltraRAM. Cascades of four keep one column's delay below a period of 3.1 ns with the output
# register of each; Vivado's own choice goes for the longest cascade. Names are relative to tickwire_kernel.
set_property CASCADE_HEIGHT 4 [get_cells -hierarchical -filter {NAME =~ */order_table/entries_*/rows_reg*}]

# Record FIFOs: block RAM, whose output register the crossing has.
set_property RAM_STYLE block [get_cells -hierarchical -filter {NAME =~ */record_path/*/storage_reg*}]
