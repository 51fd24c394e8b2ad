// The card's counters in Prometheus' text format, over HTTP on this machine alone.

#pragma once

#include <cstdint>
#include <string>
#include <thread>

#include "card.h"
#include "statistics.h"

namespace tickwire {

// Version 0.0.4 of the format; names are those of sim.export.prometheus. Throws CardError.
std::string metrics_text(Card& card, const Statistics& statistics);

// Serves GET /metrics at 127.0.0.1 from a thread of its own until it is destroyed.
class MetricsServer {
public:
    // Throws std::system_error where the port is taken.
    MetricsServer(uint16_t port, Card& card, const Statistics& statistics);
    ~MetricsServer();

private:
    void serve();
    void answer(int connection);

    Card& card_;
    const Statistics& statistics_;
    int socket_;
    std::atomic<bool> end_{false};
    std::thread thread_;
};

}  // namespace tickwire
