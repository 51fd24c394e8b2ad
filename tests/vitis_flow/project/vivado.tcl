# Stand-ins for the commands of Vivado that a project's scripts call. Each takes the options that the real one has, and
# what it is given must exist: files, cells, nets, ports, interfaces, clocks. What was called is written to a log.
#
#   tclsh vivado.tcl OBJECTS SCRIPT
#
# OBJECTS is a folder: cells, nets, ports, interfaces, clocks, parts and files that come from elsewhere, one a line.

lassign $argv objects script
set log [open $objects/log w]
array set called {}
array set made {}

proc lines {name} {
  global objects
  set file [open $objects/$name]
  set found [split [string trimright [read $file] \n] \n]
  close $file
  return $found
}
foreach kind {cells nets ports interfaces clocks parts given} { set known($kind) [lines $kind] }
foreach file $known(given) { set made($file) 1 }

proc fail {text} { error "STAND-IN: $text" }

# Options of a call: a dictionary, with what stands alone under "".
proc options {name arguments flags valued} {
  global log called
  puts $log "$name $arguments"
  set called($name) 1
  set found [dict create "" {}]
  for {set i 0} {$i < [llength $arguments]} {incr i} {
    set word [lindex $arguments $i]
    if {[string match {-[a-zA-Z]*} $word]} {
      if {$word in $flags} { dict set found $word 1; continue }
      if {$word ni $valued} { fail "$name has no option $word" }
      dict set found $word [lindex $arguments [incr i]]
    } else { dict lappend found "" $word }
  }
  return $found
}

proc after_all {name args} {
  global called
  foreach earlier $args { if {![info exists called($earlier)]} { fail "$name before $earlier" } }
}

proc exists {name path} {
  global made
  if {![file exists $path] && ![info exists made($path)]} { fail "$name: no file $path" }
}

# Objects of a kind whose names match; ``*`` does not cross a hierarchy but with -hierarchical.
proc find {name kind options} {
  global known
  set found {}
  if {[dict exists $options -filter]} {
    set filter [dict get $options -filter]
    if {$filter eq "ORIG_REF_NAME == tickwire_kernel"} { return dut }
    if {$filter eq "NAME =~ *ulp"} { return ulp }
    if {![regexp {^NAME =~ (\S+)$} $filter -> pattern]} { fail "$name: filter $filter" }
    foreach object $known($kind) { if {[string match [literal $pattern] $object]} { lappend found $object } }
    if {$found eq {}} { fail "$name: nothing is called $pattern" }
    return $found
  }
  foreach pattern [concat {*}[dict get $options ""]] {
    set relative [regsub {^dut/} $pattern {}]
    set depth [llength [split $relative /]]
    set here {}
    foreach object $known($kind) {
      if {[llength [split $object /]] == $depth && [string match [literal $relative] $object]} { lappend here $object }
    }
    if {$here eq {}} { fail "$name: nothing is called $pattern" }
    lappend found {*}$here
  }
  if {$found eq {}} { fail "$name: no pattern" }
  return $found
}
proc literal {pattern} { string map {[ \\[ ] \\]} $pattern }

foreach {name kind} {get_cells cells get_nets nets get_ports ports} {
  proc $name args [string map [list NAME $name KIND $kind] {
    find NAME KIND [options NAME $args {-hierarchical -quiet} {-filter -of_objects}]
  }]
}
proc get_bd_pins args {
  global known
  set pin [lindex [dict get [options get_bd_pins $args {} {}] ""] 0]
  lassign [split $pin /] instance name
  if {[string match tickwire_kernel* $instance] && $name ni $known(ports)} { fail "get_bd_pins: no port $name" }
  return $pin
}

# Properties, and whose they are is not looked at.
set properties {ASYNC_REG CASCADE_HEIGHT RAM_STYLE MARK_DEBUG SCOPED_TO_REF PROCESSING_ORDER top core_revision sdx_kernel
  sdx_kernel_type supported_families auto_family_support_level value range address_offset size slave_memory_map_ref
  C_DATA_DEPTH C_INPUT_PIPE_STAGES port_width HD.RECONFIGURABLE SNAPPING_MODE}
proc set_property args {
  global properties
  set words [dict get [options set_property $args {-quiet} {-dict}] ""]
  if {[llength $words] != 3} { fail "set_property: needs a name, a value and objects, not $args" }
  lassign $words name value of
  if {$name ni $properties} { fail "set_property: no property $name" }
  if {$of eq {}} { fail "set_property $name: of nothing" }
}
proc get_property args { lindex [dict get [options get_property $args {-quiet} {}] ""] 1 }

# Timing.
proc set_max_delay args {
  set given [options set_max_delay $args {-datapath_only -quiet} {-from -to -through}]
  if {![dict exists $given -from] || ![string is double -strict [lindex [dict get $given ""] 0]]} {
    fail "set_max_delay: needs -from and a delay"
  }
}
proc set_false_path args {
  set given [options set_false_path $args {-quiet -setup -hold} {-from -to -through}]
  if {![dict exists $given -to] && ![dict exists $given -from]} { fail "set_false_path: from and to nothing" }
}

# Placement.
proc create_pblock args {
  global pblocks
  set pblocks([lindex [dict get [options create_pblock $args {} {}] ""] 0]) 1
}
proc get_pblocks args {
  global pblocks
  set name [lindex [dict get [options get_pblocks $args {-quiet} {}] ""] 0]
  if {![info exists pblocks($name)]} { fail "get_pblocks: no pblock $name" }
  return $name
}
proc resize_pblock args {
  set range [dict get [options resize_pblock $args {} {-add -remove}] -add]
  if {![regexp {^CLOCKREGION_X\d+Y\d+:CLOCKREGION_X\d+Y\d+$} $range]} { fail "resize_pblock: range $range" }
}
proc add_cells_to_pblock args {
  if {[llength [dict get [options add_cells_to_pblock $args {-clear_locs} {}] ""]] != 2} { fail "add_cells_to_pblock" }
}

# Projects.
proc create_project args {
  global known
  set given [options create_project $args {-force -in_memory} {-part}]
  if {[dict get $given -part] ni $known(parts)} { fail "create_project: no part [dict get $given -part]" }
}
proc close_project args { options close_project $args {-delete} {}; after_all close_project create_project }
proc add_files args {
  after_all add_files create_project
  foreach path [concat {*}[dict get [options add_files $args {-norecurse} {-fileset}] ""]] { exists add_files $path }
}
proc get_files args { return [lindex [dict get [options get_files $args {} {}] ""] 0] }
proc current_fileset args { options current_fileset $args {-constrset -simset} {}; return sources_1 }
proc update_compile_order args { options update_compile_order $args {} {-fileset}; after_all update_compile_order add_files }
proc read_verilog args {
  foreach path [dict get [options read_verilog $args {-sv} {-library}] ""] { exists read_verilog $path }
}
proc read_checkpoint args {
  foreach path [dict get [options read_checkpoint $args {-incremental} {-cell}] ""] { exists read_checkpoint $path }
}
proc open_checkpoint args {
  options open_checkpoint {} {} {}
  foreach path [dict get [options open_checkpoint $args {} {-part}] ""] { exists open_checkpoint $path }
  array unset ::called route_design
  set ::called(create_project) 1
}
proc write_checkpoint args {
  set ::made([lindex [dict get [options write_checkpoint $args {-force} {-cell}] ""] 0]) 1
}

# Implementation, in its order.
proc synth_design args {
  after_all synth_design read_verilog
  options synth_design $args {} {-top -part -mode -flatten_hierarchy}
}
foreach {name flags earlier} {
  opt_design {} {} place_design {} opt_design phys_opt_design {} place_design route_design {} place_design
} {
  proc $name args [string map [list NAME $name EARLIER $earlier] { options NAME $args {} {-directive}; after_all NAME EARLIER }]
}
proc opt_design args { options opt_design $args {} {-directive} }
proc pr_subdivide args {
  after_all pr_subdivide read_checkpoint
  options pr_subdivide $args {} {-cell -subcells -from_dcp}
}
proc update_design args {
  after_all update_design route_design write_checkpoint
  set given [options update_design $args {-black_box} {-cell -from_file}]
  if {![dict exists $given -cell]} { fail "update_design: no cell" }
}
proc lock_design args {
  after_all lock_design update_design
  if {[dict get [options lock_design $args {-unlock} {-level -cell}] -level] ni {placement routing logical}} { fail lock_design }
}
proc pr_verify args {
  set files [dict get [options pr_verify $args {-full_check} {-initial -additional -file}] ""]
  if {[llength $files] < 2} { fail "pr_verify: needs two checkpoints" }
  foreach path $files { exists pr_verify $path }
}
proc write_bitstream args {
  after_all write_bitstream route_design
  options write_bitstream $args {-force -bin_file -no_partial_bitfile} {-cell}
}

# Packaging.
namespace eval ipx {}
proc ipx::package_project args {
  after_all ipx::package_project add_files update_compile_order
  set given [options ipx::package_project $args {-import_files -force} {-root_dir -vendor -library -taxonomy -set_current -name}]
  set ::ip_directory [dict get $given -root_dir]
}
proc ipx::current_core args { options ipx::current_core $args {} {}; after_all ipx::current_core ipx::package_project; return core }
proc ipx::get_user_parameters args { options ipx::get_user_parameters $args {} {-of_objects}; return parameter }
proc ipx::remove_user_parameter args { options ipx::remove_user_parameter $args {} {} }
proc ipx::infer_bus_interface args {
  global known inferred
  lassign [dict get [options ipx::infer_bus_interface $args {} {}] ""] port kind core
  if {$port ni $known(ports)} { fail "ipx::infer_bus_interface: no port $port" }
  if {[string match *clock_rtl* $kind] && $port ni $known(clocks)} { fail "ipx::infer_bus_interface: $port is no clock" }
  set inferred($port) 1
}
proc ipx::get_bus_interfaces args {
  global known inferred
  set name [lindex [dict get [options ipx::get_bus_interfaces $args {} {-of_objects}] ""] 0]
  if {$name ni $known(interfaces) && ![info exists inferred($name)]} { fail "ipx::get_bus_interfaces: no interface $name" }
  return $name
}
proc ipx::add_bus_parameter args { options ipx::add_bus_parameter $args {} {}; return parameter }
proc ipx::associate_bus_interfaces args {
  global known inferred associated
  set given [options ipx::associate_bus_interfaces $args {} {-busif -clock -reset}]
  set clock [dict get $given -clock]
  if {![info exists inferred($clock)]} { fail "ipx::associate_bus_interfaces: no clock $clock" }
  if {[dict exists $given -busif]} {
    set interface [dict get $given -busif]
    if {$interface ni $known(interfaces)} { fail "ipx::associate_bus_interfaces: no interface $interface" }
    set associated($interface) $clock
  }
  if {[dict exists $given -reset] && [dict get $given -reset] ni $known(ports)} { fail "ipx::associate_bus_interfaces: reset" }
}
foreach name {add_memory_map add_address_block add_register add_register_parameter} {
  proc ipx::$name args [string map [list NAME $name] { options ipx::NAME $args {} {}; return NAME }]
}
foreach name {create_xgui_files update_checksums} { proc ipx::$name args [string map [list NAME $name] { options ipx::NAME $args {} {} }] }
proc ipx::check_integrity args { options ipx::check_integrity $args {-quiet -kernel -xrt} {} }
proc ipx::save_core args {
  global known associated
  after_all ipx::save_core ipx::update_checksums
  options ipx::save_core $args {} {}
  foreach interface $known(interfaces) { if {![info exists associated($interface)]} { fail "$interface has no clock" } }
}
proc package_xo args {
  after_all package_xo ipx::save_core
  set given [options package_xo $args {-force} {-xo_path -kernel_name -ip_directory -kernel_xml -ctrl_protocol}]
  exists package_xo [dict get $given -kernel_xml]
  if {[dict get $given -ip_directory] ne $::ip_directory} { fail "package_xo: no IP at [dict get $given -ip_directory]" }
}

# Debug and block design.
proc create_debug_core args { set ::cores([lindex [dict get [options create_debug_core $args {} {}] ""] 0]) 1 }
proc get_debug_cores args {
  set name [lindex [dict get [options get_debug_cores $args {} {}] ""] 0]
  if {![info exists ::cores($name)]} { fail "get_debug_cores: no core $name" }
  return $name
}
proc create_debug_port args { options create_debug_port $args {} {} }
proc get_debug_ports args {
  set port [lindex [dict get [options get_debug_ports $args {} {}] ""] 0]
  get_debug_cores [lindex [split $port /] 0]
  return $port
}
proc connect_debug_port args { if {[lindex [dict get [options connect_debug_port $args {} {}] ""] 1] eq {}} { fail connect_debug_port } }
proc connect_bd_net args { if {[llength [dict get [options connect_bd_net $args {} {-net}] ""]] != 2} { fail connect_bd_net } }
proc validate_bd_design args { options validate_bd_design $args {-force} {} }

if {[catch {source $script} trouble details]} {
  puts stderr "$script: $trouble"
  exit 1
}
