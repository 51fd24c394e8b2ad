// The command line of tickwire_host.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tickwire {

struct Options {
    std::string card;      // xrt:INDEX or sim:PATH
    std::string xclbin;
    std::string symbols, names, limits, snapshot, handback, dump;  // paths, "" = none
    std::vector<std::string> handover;                      // files, or key=value,key=value
    uint32_t rings = ~0u;                                   // bit i: ring i is written
    unsigned ring_log2 = 12, command_log2 = 10;
    std::optional<uint16_t> metrics;
    std::optional<double> patience;
    std::optional<uint64_t> clock_ns;  // instead of the host's time
    double seconds = 0;                // 0 = without end
    double idle_seconds = 1;
    bool until_idle = false, table = false, hold = true, stop_only = false, help = false;
};

// Throws std::invalid_argument, which says what was expected.
Options parse_options(int count, char** arguments);

extern const char* const USAGE;

}  // namespace tickwire
