# Stand-ins for Vivado's commands: they accept the options that UG835 lists and nothing else, find only what is in the
# netlist, and insist on the order that Vivado insists on.
#   tclsh vivado.tcl DATA LOG SCRIPT [ARGUMENT ...]
# DATA sets the arrays below. A script that ends in .xdc is run with the commands that an XDC file may have.
# LOG has one line per call. The first error ends the run with its message and code 1.

lassign $argv data log_file script
set arguments [lrange $argv 3 end]
set here [file dirname [file normalize [info script]]]
set log [open $log_file w]
fconfigure $log -buffering line

# Of the netlist: cells, pins and nets are lists of paths; ports is NAME {DIRECTION WIDTH} ...; prefix is the kernel's.
array set netlist {cells {} pins {} nets {} ports {} prefix {} clocks {}}
# Of the block design: cell -> pins, interface pins. xml: names of the ports in kernel.xml.
array set block_pins {}
array set block_interfaces {}
set xml_ports {}
set scope ""  ;# of read_xdc -cells
array set kind {}  ;# object -> what it is
array set properties {}
array set state {project 0 design 0}

# Options

# command NAME {FLAG ...} {OPTION ...} LEAST MOST BODY: BODY sees the array opt and the list rest.
proc command {name flags options least most body} {
  proc ::$name args [string map [list @NAME $name @FLAGS $flags @OPTIONS $options @LEAST $least @MOST $most] {
    puts $::log "@NAME $args"
    array set opt {}
    set rest {}
    for {set i 0} {$i < [llength $args]} {incr i} {
      set word [lindex $args $i]
      if {$word in {@FLAGS -quiet -verbose}} {
        set opt($word) 1
      } elseif {$word in {@OPTIONS}} {
        if {$i + 1 == [llength $args]} { error "@NAME: $word wants a value" }
        set opt($word) [lindex $args [incr i]]
      } elseif {[regexp {^-[a-z_]+$} $word]} {
        error "@NAME: unknown option $word"
      } else {
        lappend rest $word
      }
    }
    if {[llength $rest] < @LEAST || [llength $rest] > @MOST} {
      error "@NAME: [llength $rest] arguments, expected @LEAST to @MOST"
    }
  }]$body
}

proc want {condition message} {
  if {![uplevel 1 [list expr $condition]]} { error $message }
}

proc is_file {path} { want {[file isfile $path]} "no such file: $path" }
proc object {name what} { set ::kind($name) $what; return $name }

source [file join $here vivado_objects.tcl]
source [file join $here vivado_package.tcl]
source [file join $here vivado_link.tcl]
source [file join $here vivado_implement.tcl]
source $data

proc unknown {name args} { error "unknown command: $name" }

proc main {} {
  global script arguments argv argc
  if {[file extension $script] eq ".xdc"} {
    set ::state(design) 1
    run_xdc $script
  } else {
    set argv $arguments
    set argc [llength $arguments]
    uplevel #0 [list source $script]
  }
}

if {[catch main message]} {
  puts stderr $message
  exit 1
}
