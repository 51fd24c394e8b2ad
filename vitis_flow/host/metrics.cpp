#include "metrics.h"

#include <arpa/inet.h>
#include <cerrno>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <system_error>
#include <unistd.h>

#include "records.h"

namespace tickwire {
namespace {

void family(std::string& text, const std::string& name, const std::string& kind, const std::string& what) {
    text += "# HELP " + name + " " + what + "\n# TYPE " + name + " " + kind + "\n";
}

}  // namespace

std::string metrics_text(Card& card, const Statistics& statistics) {
    std::string text;
    const uint32_t status = card.read(address::status);
    family(text, "tickwire_status", "gauge", "1 if the status bit is up");
    for (const Name& bit : STATUS_NAMES)
        text += "tickwire_status{bit=\"" + std::string(bit.name) + "\"} " + (status & bit.value ? "1" : "0") + "\n";
    family(text, "tickwire_host_records_total", "counter", "records that the host has read, by ring");
    for (uint32_t i = 0; i < RING_COUNT; ++i)
        text += "tickwire_host_records_total{ring=\"" + std::string(RINGS[i].stream) + "\"} " +
                std::to_string(statistics.records[i]) + "\n";
    family(text, "tickwire_ring_lost_total", "counter", "records that found no room, by ring");
    for (uint32_t i = 0; i < RING_COUNT; ++i)
        text += "tickwire_ring_lost_total{ring=\"" + std::string(RINGS[i].stream) + "\"} " +
                std::to_string(card.read_wide(address::ring_lost(i))) + "\n";
    for (const Counter& counter : COUNTERS) {
        if (statistics.ending) throw CardError("the card is being stopped");
        family(text, counter.prometheus, "counter", counter.help);
        text += std::string(counter.prometheus) + " " + std::to_string(card.read_wide(counter.address)) + "\n";
    }
    return text;
}

MetricsServer::MetricsServer(uint16_t port, Card& card, const Statistics& statistics)
    : card_(card), statistics_(statistics), socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(port);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (socket_ < 0 || bind(socket_, reinterpret_cast<const sockaddr*>(&name), sizeof name) || listen(socket_, 4)) {
        const int failure = errno;
        if (socket_ >= 0) close(socket_);
        throw std::system_error(failure, std::generic_category(), "--metrics " + std::to_string(port));
    }
    // Signals are the main thread's.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { serve(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

MetricsServer::~MetricsServer() {
    end_ = true;
    thread_.join();
    close(socket_);
}

void MetricsServer::serve() {
    while (!end_) {
        pollfd ready{socket_, POLLIN, 0};
        if (::poll(&ready, 1, 100) <= 0) continue;
        const int connection = accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
        if (connection < 0) continue;
        answer(connection);
        close(connection);
    }
}

void MetricsServer::answer(int connection) {
    const timeval second{1, 0};  // a client that says nothing does not hold the next one up for longer
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
    setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof second);
    std::string request;
    while (request.size() < 8192 && request.find("\r\n\r\n") == std::string::npos) {
        char part[1024];
        const ssize_t got = recv(connection, part, sizeof part, 0);
        if (got <= 0) return;
        request.append(part, static_cast<size_t>(got));
    }
    std::string status = "200 OK", body;
    if (request.rfind("GET /metrics ", 0) != 0) {
        status = "404 Not Found";
        body = "expected GET /metrics\n";
    } else {
        try {
            body = metrics_text(card_, statistics_);
        } catch (const std::exception& error) {
            status = "503 Service Unavailable";
            body = std::string(error.what()) + "\n";
        }
    }
    const std::string all = "HTTP/1.1 " + status + "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
                            "Content-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body;
    for (size_t sent = 0; sent < all.size();) {
        const ssize_t now = send(connection, all.data() + sent, all.size() - sent, MSG_NOSIGNAL);
        if (now <= 0) return;
        sent += static_cast<size_t>(now);
    }
}

}  // namespace tickwire
