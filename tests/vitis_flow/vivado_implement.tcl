# Implementation, debug cores, and DFX. A checkpoint is a file with the state of the design.

array set state {stage none boxes {} partitions {} locked 0 static 0 kind whole}
set debug_cores {}
array set debug_ports {}

proc opened {name} { want {$::state(design)} "$name: no design is open" }
proc reached {name stage} {
  opened $name
  want {$::state(stage) eq $stage || ($stage eq "place" && $::state(stage) eq "phys")} \
    "$name: after $stage, not after $::state(stage)"
}

command read_verilog {-sv} {-library} 1 1 { projected read_verilog; is_file [lindex $rest 0] }
command synth_design {-rtl -assert -retiming} {-mode -top -part -flatten_hierarchy -directive -name} 0 0 {
  projected synth_design
  array set ::state [list design 1 stage none kind [expr {[info exists opt(-mode)] ? $opt(-mode) : "whole"}] \
    top $opt(-top)]
}
command write_checkpoint {-force -incremental_synth} {-cell} 1 1 {
  opened write_checkpoint
  set handle [open [lindex $rest 0] w]
  puts $handle [array get ::state]
  close $handle
}
proc saved_state {path} {
  is_file $path
  set handle [open $path]
  set saved [read $handle]
  close $handle
  return $saved
}
command open_checkpoint {-incremental} {-part -directive} 1 1 {
  want {!$::state(design)} "open_checkpoint: a design is open"
  array set ::state [saved_state [lindex $rest 0]]
  want {$::state(kind) eq "whole"} "open_checkpoint: [lindex $rest 0] is not a whole design"
  array set ::state {project 1 design 1}
  foreach {cell area} $::state(partitions) { set ::properties($cell,HD.RECONFIGURABLE) true }
}
command read_checkpoint {-incremental} {-cell -directive} 1 1 {
  opened read_checkpoint
  want {[info exists opt(-cell)] && $opt(-cell) in $::state(boxes)} "read_checkpoint: -cell is no black box"
  array set module [saved_state [lindex $rest 0]]
  want {$module(kind) eq "out_of_context"} "read_checkpoint: [lindex $rest 0] was not synthesised out of context"
  set ::state(boxes) [lsearch -all -inline -not -exact $::state(boxes) $opt(-cell)]
  set ::state(stage) none
}
command update_design {-buffer_ports -black_box -strict} {-cells -cell -from_file} 0 0 {
  opened update_design
  want {[info exists opt(-black_box)] && $opt(-cell) in $::netlist(cells)} "update_design: -cell and -black_box"
  want {$opt(-cell) ni $::state(boxes)} "update_design: $opt(-cell) is a black box"
  lappend ::state(boxes) $opt(-cell)
}
command pr_subdivide {} {-cell -subcells} 1 1 {
  want {$::state(design) && $::state(stage) eq "route"} "pr_subdivide: of a routed design"
  want {[dict exists $::state(partitions) $opt(-cell)]} "pr_subdivide: $opt(-cell) is no partition"
  is_file [lindex $rest 0]
  dict unset ::state(partitions) $opt(-cell)
  unset ::properties($opt(-cell),HD.RECONFIGURABLE)
  foreach cell $opt(-subcells) { lappend ::state(boxes) $cell }
  set ::state(stage) none
}
command opt_design {-retarget -propconst -sweep -remap} {-directive} 0 0 {
  want {![llength $::state(boxes)]} "opt_design: black box $::state(boxes)"
  reached opt_design none
  foreach {name value} [array get ::properties *,HD.RECONFIGURABLE] {
    set cell [string range $name 0 end-[string length ,HD.RECONFIGURABLE]]
    if {![dict exists $::state(partitions) $cell]} {
      want {[info exists ::properties($cell,PBLOCK)]} "opt_design: partition $cell has no pblock"
      set area $::properties($cell,PBLOCK)
      want {[info exists ::properties($area,RANGES)]} "opt_design: the pblock of $cell has no range"
      dict set ::state(partitions) $cell $::properties($cell,PBLOCK)
    }
  }
  set ::state(stage) opt
}
command place_design {-timing_summary -unplace} {-directive} 0 0 { reached place_design opt; set ::state(stage) place }
command phys_opt_design {-fanout_opt -placement_opt} {-directive} 0 0 {
  reached phys_opt_design place
  set ::state(stage) phys
}
command route_design {-unroute -tns_cleanup -preserve} {-directive} 0 0 {
  reached route_design place
  if {!$::state(locked)} { set ::state(static) [clock clicks] }
  set ::state(stage) route
}
command lock_design {-unlock -export} {-level} 0 1 {
  reached lock_design route
  want {$opt(-level) in {logical placement routing}} "lock_design: -level"
  want {[llength $::state(boxes)]} "lock_design: the partition is still in the static part"
  set ::state(locked) 1
}
command pr_verify {-full_check} {-initial -additional -file} 0 2 {
  set first [dict get [saved_state $opt(-initial)] static]
  foreach path $opt(-additional) {
    set saved [saved_state $path]
    want {[dict get $saved stage] eq "route"} "pr_verify: $path is not routed"
    want {[dict get $saved static] eq $first} "pr_verify: $path has another static part"
  }
}
command write_bitstream {-force -bin_file -raw_bitfile -no_partial_bitfile -logic_location_file} {
  -cell -reference_bitfile} 1 1 {
  reached write_bitstream route
  want {![llength $::state(boxes)]} "write_bitstream: black box $::state(boxes)"
  if {[info exists opt(-cell)]} {
    want {[dict exists $::state(partitions) $opt(-cell)]} "write_bitstream: $opt(-cell) is no partition"
  }
  close [open [lindex $rest 0] w]
}

# Reports

foreach {name flags options} {
  report_timing_summary {-no_detailed_paths -report_unconstrained} {-delay_type -max_paths -nworst -file}
  report_timing {-unique_pins -no_header} {-from -to -through -delay_type -max_paths -nworst -file}
  report_cdc {-details -summary -all_checks_per_endpoint} {-from -to -severity -file}
  report_bus_skew {-no_detailed_paths} {-max_paths -nworst -file}
  report_methodology {-no_waivers} {-checks -file}
  report_utilization {-hierarchical -hierarchical_percentages} {-hierarchical_depth -cells -pblocks -file}
} {
  command $name $flags $options 0 0 "opened $name; ends $name \[array get opt\]"
}

# Debug cores

command create_debug_core {} {} 2 2 {
  opened create_debug_core
  want {$::state(stage) eq "none"} "create_debug_core: before opt_design"
  lassign $rest name type
  want {$type in {ila vio}} "create_debug_core: no core $type"
  lappend ::debug_cores $name
  array set ::debug_ports [list $name/clk {} $name/probe0 {}]
  object $name debug_core
}
command create_debug_port {} {} 2 2 {
  want {[lindex $rest 0] in $::debug_cores} "create_debug_port: no core [lindex $rest 0]"
  set name [lindex $rest 0]/probe[llength [array names ::debug_ports [lindex $rest 0]/probe*]]
  set ::debug_ports($name) {}
  object $name debug_port
}
command get_debug_ports {-regexp -nocase} {-filter -of_objects} 0 1 {
  want {[info exists ::debug_ports([lindex $rest 0])]} "get_debug_ports: no port [lindex $rest 0]"
  object [lindex $rest 0] debug_port
}
command get_debug_cores {-regexp -nocase} {-filter -of_objects} 0 1 {
  want {[lindex $rest 0] in $::debug_cores} "get_debug_cores: no core [lindex $rest 0]"
  object [lindex $rest 0] debug_core
}
command connect_debug_port {} {-channel_start_index} 2 2 {
  lassign $rest port nets
  want {[info exists ::debug_ports($port)]} "connect_debug_port: no port $port"
  foreach net $nets { want {$net in $::netlist(nets)} "connect_debug_port: no net $net" }
  want {[info exists ::properties($port,port_width)] && $::properties($port,port_width) == [llength $nets]} \
    "connect_debug_port: $port: port_width is not [llength $nets]"
  set ::debug_ports($port) $nets
}
command implement_debug_core {} {} 0 1 {
  foreach {port nets} [array get ::debug_ports] {
    want {[llength $nets]} "implement_debug_core: $port is not connected"
  }
}
