# The block design that v++ has made of the kernels, before the hook after the system link.

array set net_of {}  ;# pin or interface pin -> net
proc pins_of {of what} {
  upvar #0 block_$what table
  set name [lindex [split [string trimleft $of /] /] 0]
  return [expr {[info exists table($name)] && [lindex [split $of /] end] in $table($name)}]
}
command get_bd_cells {-hierarchical -regexp -nocase} {-filter -of_objects} 1 1 {
  set name [string trimleft [lindex $rest 0] /]
  if {[info exists ::block_pins($name)]} { return [object /$name bd_cell] }
}
foreach {name what} {get_bd_pins pins get_bd_intf_pins interfaces} {
  command $name {-hierarchical -regexp -nocase} {-filter -of_objects} 1 1 \
    "if {\[pins_of \[lindex \$rest 0\] $what\]} { return \[object \[lindex \$rest 0\] bd_$what\] }"
}
foreach name {get_bd_nets get_bd_intf_nets} {
  command $name {-hierarchical -regexp -nocase -boundary_type} {-filter -of_objects} 0 1 {
    if {[info exists ::net_of($opt(-of_objects))]} { return $::net_of($opt(-of_objects)) }
  }
}
proc join_pins {name pins} {
  want {[llength $pins] == 2} "$name: two pins"
  set net net_[incr ::net_count]
  foreach pin $pins {
    want {[info exists ::kind($pin)]} "$name: no such pin: $pin"
    # A clock goes to many pins, and comes to each from one.
    if {[info exists ::net_of($pin)] && $pin ne [lindex $pins 0]} { error "$name: $pin is connected" }
  }
  foreach pin $pins { set ::net_of($pin) $net }
}
command connect_bd_net {} {-net} 2 2 { join_pins connect_bd_net $rest }
command connect_bd_intf_net {-boundary_type} {-intf_net} 2 2 { join_pins connect_bd_intf_net $rest }
command disconnect_bd_net {} {} 2 2 {
  want {[info exists ::net_of([lindex $rest 1])]} "disconnect_bd_net: [lindex $rest 1] is not connected"
  unset ::net_of([lindex $rest 1])
}
command delete_bd_objs {} {} 1 1 {
  set hits 0
  foreach {pin net} [array get ::net_of] { if {$net eq [lindex $rest 0]} { unset ::net_of($pin); incr hits } }
  want {$hits} "delete_bd_objs: no net [lindex $rest 0]"
}
