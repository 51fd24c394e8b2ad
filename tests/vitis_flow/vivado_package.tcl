# Projects, the IP packager and package_xo.

set buses {}  ;# of the packaged core
set clock_buses {}
set maps {}
array set associated {}  ;# bus -> clock
set saved 0
set core component_1
set top tickwire_kernel
array set sources {}
namespace eval ipx {}

proc projected {name} { want {$::state(project)} "$name: no project is open" }
proc packaged {name of} {
  want {[info exists ::root]} "$name: nothing is packaged yet: ipx::package_project"
  want {$of eq $::core} "$name: no core $of"
  set ::saved 0
}

command create_project {-force -in_memory -ip} {-part} 0 2 {
  want {!$::state(project)} "create_project: a project is open"
  want {[info exists opt(-part)] && [regexp {^xcu\d+c?-[a-z]+\d+-2L?-e$} $opt(-part)]} "create_project: -part of a card"
  set ::state(project) 1
}
command close_project {-delete} {} 0 0 {
  projected close_project
  array set ::state {project 0 design 0}
}
command current_fileset {-constrset -simset -blockset} {} 0 0 { projected current_fileset; object sources_1 fileset }
command add_files {-norecurse -scan_for_includes} {-fileset -copy_to} 1 1 {
  projected add_files
  foreach path [lindex $rest 0] {
    is_file $path
    set ::sources([file normalize $path]) [expr {[info exists opt(-fileset)] ? $opt(-fileset) : "sources_1"}]
    if {[file extension $path] eq ".xdc"} { want {[info exists opt(-fileset)]} "add_files: $path: -fileset constrs_1" }
  }
}
command get_files {-regexp -nocase -all} {-filter -of_objects} 1 1 {
  set path [file normalize [lindex $rest 0]]
  want {[info exists ::sources($path)]} "get_files: $path was not added"
  object $path file
}
command update_compile_order {-force_gui} {-fileset} 0 0 { projected update_compile_order }

command ipx::package_project {-import_files -force -generated_files} \
  {-root_dir -vendor -library -taxonomy -set_current -archive_source_project -name -version} 0 0 {
  projected ipx::package_project
  want {[llength [array names ::sources *.v]]} "ipx::package_project: no sources"
  want {[info exists ::properties(sources_1,top)]} "ipx::package_project: no top"
  want {[info exists opt(-root_dir)]} "ipx::package_project: -root_dir"
  set ::root $opt(-root_dir)
  object $::core core
}
command ipx::current_core {} {} 0 0 {
  want {[info exists ::root]} "ipx::current_core: nothing is packaged yet: ipx::package_project"
  return $::core
}
command ipx::infer_bus_interfaces {} {} 2 2 {
  lassign $rest kind of
  packaged ipx::infer_bus_interfaces $of
  set suffixes [dict get {xilinx.com:interface:aximm_rtl:1.0 {_awvalid _arvalid}
    xilinx.com:interface:axis_rtl:1.0 {_tvalid}} $kind]
  foreach port [dict keys $::netlist(ports)] {
    foreach suffix $suffixes {
      if {[string match *$suffix $port]} {
        set bus [string range $port 0 end-[string length $suffix]]
        if {$bus ni $::buses} { lappend ::buses $bus }
      }
    }
  }
}
command ipx::infer_bus_interface {} {} 3 3 {
  lassign $rest port kind of
  packaged ipx::infer_bus_interface $of
  want {[dict exists $::netlist(ports) $port]} "ipx::infer_bus_interface: the Verilog has no port $port"
  want {[regexp {^xilinx.com:signal:(clock|reset|interrupt)_rtl:1.0$} $kind -> signal]} \
    "ipx::infer_bus_interface: no interface $kind"
  if {$signal eq "clock"} { lappend ::clock_buses $port } else { set ::properties($port,SIGNAL) $signal }
}
command ipx::get_bus_interfaces {} {-of_objects -filter} 0 1 {
  packaged ipx::get_bus_interfaces $opt(-of_objects)
  want {[lindex $rest 0] in [concat $::buses $::clock_buses]} "ipx::get_bus_interfaces: no interface [lindex $rest 0]"
  object [lindex $rest 0] bus
}
command ipx::associate_bus_interfaces {-clear -remove} {-busif -clock -reset} 1 1 {
  packaged ipx::associate_bus_interfaces [lindex $rest 0]
  want {[info exists opt(-clock)] && $opt(-clock) in $::clock_buses} \
    "ipx::associate_bus_interfaces: no clock interface [expr {[info exists opt(-clock)] ? $opt(-clock) : {}}]"
  if {[info exists opt(-busif)]} {
    want {$opt(-busif) in $::buses} "ipx::associate_bus_interfaces: no interface $opt(-busif)"
    want {![info exists ::associated($opt(-busif))]} "ipx::associate_bus_interfaces: $opt(-busif) has a clock"
    set ::associated($opt(-busif)) $opt(-clock)
  }
  if {[info exists opt(-reset)]} {
    want {[info exists ::properties($opt(-reset),SIGNAL)]} "ipx::associate_bus_interfaces: no reset $opt(-reset)"
  }
}
command ipx::add_bus_parameter {} {} 2 2 {
  lassign $rest name bus
  want {$name in {FREQ_TOLERANCE_HZ FREQ_HZ READ_WRITE_MODE NUM_READ_OUTSTANDING NUM_WRITE_OUTSTANDING
    MAX_BURST_LENGTH}} \
    "ipx::add_bus_parameter: no parameter $name"
  want {$bus in [concat $::buses $::clock_buses]} "ipx::add_bus_parameter: no interface $bus"
  object $bus.$name parameter
}
command ipx::add_memory_map {} {} 2 2 {
  packaged ipx::add_memory_map [lindex $rest 1]
  lappend ::maps [lindex $rest 0]
  object [lindex $rest 0] map
}
command ipx::add_address_block {} {} 2 2 {
  want {[lindex $rest 1] in $::maps} "ipx::add_address_block: no memory map [lindex $rest 1]"
  object block.[lindex $rest 0] block
}
command ipx::add_register {} {} 2 2 {
  want {$::kind([lindex $rest 1]) eq "block"} "ipx::add_register: no address block"
  object register.[lindex $rest 0] register
}
command ipx::add_register_parameter {} {} 2 2 { object [lindex $rest 1].[lindex $rest 0] parameter }
foreach {name flags} {ipx::create_xgui_files {} ipx::update_checksums {} ipx::check_integrity {-kernel -xrt}} {
  command $name $flags {} 1 1 "packaged $name \[lindex \$rest 0\]"
}
command ipx::save_core {} {} 1 1 {
  packaged ipx::save_core [lindex $rest 0]
  foreach bus $::buses { want {[info exists ::associated($bus)]} "ipx::save_core: $bus has no clock" }
  foreach clock $::netlist(clocks) { want {$clock in $::clock_buses} "ipx::save_core: $clock is no clock interface" }
  foreach name $::xml_ports { want {$name in $::buses} "ipx::save_core: kernel.xml has $name, the core has not" }
  foreach bus $::buses { want {$bus in $::xml_ports} "ipx::save_core: kernel.xml has no $bus" }
  foreach property {sdx_kernel sdx_kernel_type vitis_drc} {
    want {[info exists ::properties($::core,$property)]} "ipx::save_core: $property is not set"
  }
  set ::saved 1
}
command package_xo {-force -debug} {-xo_path -kernel_name -ip_directory -kernel_xml -kernel_files -kernel_xml_args
  -kernel_xml_pipes -kernel_xml_connections -ctrl_protocol -output_kernel_xml -parent_ip_directory -design_xml} 0 0 {
  want {$::saved} "package_xo: the core is not saved"
  want {$opt(-kernel_name) eq $::top && $opt(-ip_directory) eq $::root} "package_xo: another core than the one packaged"
  want {$opt(-ctrl_protocol) in {user_managed ap_ctrl_hs ap_ctrl_chain ap_ctrl_none}} "package_xo: -ctrl_protocol"
  is_file $opt(-kernel_xml)
  set handle [open $opt(-xo_path) w]
  close $handle
}
