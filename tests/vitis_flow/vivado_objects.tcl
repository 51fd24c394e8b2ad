# Objects of a design, properties, XDC: what constraints are made of.

# A pattern as a regular expression: * and ? of a name without a slash, or of a whole path. Brackets are themselves.
proc pattern {glob within} {
  set special [string map {\\ \\\\ . \\. + \\+ ( \\( ) \\) [ \\[ ] \\] ^ \\^ $ \\$ | \\| \{ \\\{ \} \\\}} $glob]
  return ^[string map [list * ${within}* ? $within] $special]\$
}

# Does an object pass -filter? PROPERTY =~ GLOB, == VALUE, joined by && or ||.
proc passes {name filter} {
  foreach alternative [split [string map {|| \u0001} $filter] \u0001] {
    set all 1
    foreach clause [split [string map {&& \u0001} $alternative] \u0001] {
      if {![regexp {^\s*([A-Z_.0-9]+)\s*(=~|==|!=)\s*(\S+)\s*$} $clause -> property operator value]} {
        error "filter: cannot read: $filter"
      }
      set has [expr {$property eq "NAME" ? $name : [info exists ::properties($name,$property)] ?
        $::properties($name,$property) : ""}]
      switch $operator {
        =~ { set all [expr {$all && [regexp [pattern $value .] $has]}] }
        == { set all [expr {$all && ($has eq $value || ($value eq "1" && $has eq "true"))}] }
        != { set all [expr {$all && $has ne $value}] }
      }
    }
    if {$all} { return 1 }
  }
  return 0
}

proc find {what all patterns options} {
  array set opt $options
  want {$::state(design)} "get_$what: no design is open"
  set found {}
  if {[info exists opt(-hierarchical)]} {
    foreach name $all {
      if {![string match $::scope* $name]} continue
      if {[info exists opt(-filter)] && ![passes $name $opt(-filter)]} continue
      set leaf [lindex [split $name /] end]
      set hit [expr {![llength $patterns]}]
      foreach glob $patterns { set hit [expr {$hit || [regexp [pattern $glob .] $leaf]}] }
      if {$hit} { lappend found $name }
    }
  } else {
    want {[llength $patterns]} "get_$what: a pattern, or -hierarchical"
    foreach glob $patterns {
      set hits [lsearch -all -inline -regexp $all [pattern $::scope$glob {[^/]}]]
      if {![llength $hits] && ![info exists opt(-quiet)]} { error "get_$what: nothing matches $glob" }
      foreach name $hits { if {![info exists opt(-filter)] || [passes $name $opt(-filter)]} { lappend found $name } }
    }
  }
  if {![llength $found] && ![info exists opt(-quiet)]} {
    error "get_$what: nothing matches $patterns [expr {[info exists opt(-filter)] ? $opt(-filter) : ""}]"
  }
  foreach name $found { object $name $what }
  return $found
}

foreach what {cells pins nets} {
  command get_$what {-hierarchical -regexp -nocase} {-filter -of_objects -hsc} 0 1 \
    "find $what \$::netlist($what) \[lindex \$rest 0\] \[array get opt\]"
}
command get_ports {-regexp -nocase} {-filter -of_objects} 1 1 {
  foreach name [lindex $rest 0] {
    want {[dict exists $::netlist(ports) $name]} "get_ports: the Verilog has no port $name"
    object $name port
  }
  return [lindex $rest 0]
}
command get_clocks {-include_generated_clocks -regexp -nocase} {-filter -of_objects -match_style} 0 1 {
  want {[info exists opt(-of_objects)]} "get_clocks: names of clocks are the shell's: -of_objects"
  set clocks {}
  foreach port $opt(-of_objects) {
    want {$port in $::netlist(clocks)} "get_clocks: $port is no clock of the kernel"
    lappend clocks [object clock_of_$port clock]
  }
  return $clocks
}
command get_property {-min -max} {} 2 2 {
  lassign $rest name of
  want {[info exists ::kind($of)]} "get_property: no such object: $of"
  if {$::kind($of) eq "clock" && $name eq "PERIOD"} { return 3.103 }
  want {[info exists ::properties($of,$name)]} "get_property: $of has no $name"
  return $::properties($of,$name)
}

# Properties that an object may be given.
array set settable {
  cells {ASYNC_REG DONT_TOUCH CASCADE_HEIGHT HD.RECONFIGURABLE KEEP_HIERARCHY USER_SLR_ASSIGNMENT}
  nets {MARK_DEBUG DONT_TOUCH} pblock {IS_SOFT SNAPPING_MODE CONTAIN_ROUTING EXCLUDE_PLACEMENT}
  fileset {top} file {USED_IN PROCESSING_ORDER SCOPED_TO_REF SCOPED_TO_CELLS}
  core {version sdx_kernel sdx_kernel_type vitis_drc ipi_drc supported_families auto_family_support_level xpm_libraries}
  bus {slave_memory_map_ref} parameter {value} block {range width} register {address_offset size access description}
  debug_core {C_DATA_DEPTH C_INPUT_PIPE_STAGES C_EN_STRG_QUAL C_ADV_TRIGGER C_TRIGIN_EN C_TRIGOUT_EN ALL_PROBE_SAME_MU
    ALL_PROBE_SAME_MU_CNT}
  debug_port {port_width PROBE_TYPE}
}
command set_property {} {-dict} 3 3 {
  lassign $rest name value objects
  if {[llength $objects] == 0} { error "set_property: $name: no objects" }
  foreach of $objects {
    want {[info exists ::kind($of)]} "set_property: no such object: $of"
    want {[info exists ::settable($::kind($of)) ] && $name in $::settable($::kind($of))} \
      "set_property: $::kind($of) $of has no property $name"
    set ::properties($of,$name) $value
    if {$name eq "slave_memory_map_ref"} { want {$value in $::maps} "set_property: no memory map $value" }
    if {$name eq "value" && [string match *ASSOCIATED_BUSIF $of]} {
      want {$value in $::buses} "set_property: no bus interface $value"
    }
    if {$name eq "top"} { want {$value eq $::top} "set_property: no module $value among the sources" }
  }
}

# Timing exceptions.

proc ends {name options} {
  array set opt $options
  set given {}
  foreach option {-from -to -through} {
    if {![info exists opt($option)]} continue
    lappend given $option
    if {![llength $opt($option)] && ![info exists opt(-quiet)]} { error "$name: $option is empty" }
    foreach of $opt($option) { want {[info exists ::kind($of)]} "$name: $option: no such object: $of" }
  }
  return $given
}
proc positive {name value} {
  want {[string is double -strict $value] && $value > 0} "$name: not a time in ns: $value"
}
set sides {-rise -fall -reset_path}
set path_ends {-from -to -through -rise_from -rise_to -fall_from -fall_to -rise_through -fall_through}
command set_false_path "$sides -setup -hold" $path_ends 0 0 {
  want {[llength [ends set_false_path [array get opt]]]} "set_false_path: -from, -to or -through"
}
command set_max_delay "$sides -datapath_only" $path_ends 1 1 {
  set given [ends set_max_delay [array get opt]]
  if {[info exists opt(-datapath_only)]} { want {"-from" in $given} "set_max_delay: -datapath_only wants -from" }
  positive set_max_delay [lindex $rest 0]
}
command set_bus_skew {-reset_path} $path_ends 1 1 {
  want {[lrange [ends set_bus_skew [array get opt]] 0 1] eq "-from -to"} "set_bus_skew: -from and -to"
  positive set_bus_skew [lindex $rest 0]
}

# Areas.

set pblocks {}
command create_pblock {} {-parent} 1 1 {
  want {[lindex $rest 0] ni $::pblocks} "create_pblock: [lindex $rest 0] exists"
  lappend ::pblocks [lindex $rest 0]
  object [lindex $rest 0] pblock
}
command get_pblocks {-regexp -nocase -include_nested_pblocks} {-filter -of_objects} 0 1 {
  set name [lindex $rest 0]
  if {$name in $::pblocks} { return [object $name pblock] }
  want {[info exists opt(-quiet)]} "get_pblocks: no pblock $name"
}
command add_cells_to_pblock {-top -add_primitives -clear_locs} {-cells} 1 2 {
  lassign $rest area cells
  want {$area in $::pblocks} "add_cells_to_pblock: no pblock $area"
  want {[llength $cells]} "add_cells_to_pblock: no cells"
  foreach cell $cells {
    want {$cell in $::netlist(cells)} "add_cells_to_pblock: no cell $cell"
    set ::properties($cell,PBLOCK) $area
  }
}
command resize_pblock {-replace} {-add -remove -from -to -locs} 1 1 {
  want {[lindex $rest 0] in $::pblocks} "resize_pblock: no pblock [lindex $rest 0]"
  foreach range $opt(-add) {
    want {[regexp {^(SLR\d|CLOCKREGION_X\d+Y\d+|[A-Z0-9]+_X\d+Y\d+:[A-Z0-9]+_X\d+Y\d+)$} $range]} \
      "resize_pblock: not a range: $range"
  }
  set ::properties([lindex $rest 0],RANGES) $opt(-add)
}

# XDC files may set variables and use lists, and have constraints: no control structures (UG903).

set xdc_commands {get_cells get_pins get_nets get_ports get_clocks get_property set_property set_false_path
  set_max_delay set_bus_skew create_pblock get_pblocks add_cells_to_pblock resize_pblock}
proc run_xdc {path} {
  is_file $path
  set child [interp create]
  foreach name [interp eval $child {info commands}] {
    if {$name ni {set expr list rename namespace}} { interp eval $child [list rename $name {}] }
  }
  foreach name $::xdc_commands { interp alias $child $name {} $name }
  foreach name {namespace rename} { interp eval $child [list rename $name {}] }
  set handle [open $path]
  set text [read $handle]
  close $handle
  set code [catch {interp eval $child $text} message]
  interp delete $child
  if {$code} { error "[file tail $path]: $message" }
}
command read_xdc {-quiet_diff -unmanaged -no_add} {-cells -ref -mode} 1 1 {
  want {$::state(design)} "read_xdc: no design is open"
  if {[info exists opt(-cells)]} {
    want {[llength $opt(-cells)] == 1} "read_xdc: one cell"
    set ::scope $opt(-cells)/
  }
  set code [catch {run_xdc [lindex $rest 0]} message]
  set ::scope ""
  if {$code} { error $message }
}
