#include "simulated_card.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace tickwire {
namespace {

constexpr uint32_t MAGIC = 0x31435754;  // "TWC1"

std::string hexadecimal(uint32_t value) {
    char text[16];
    std::snprintf(text, sizeof text, "0x%04x", value);
    return text;
}

template <typename T>
void append(std::vector<uint8_t>& message, T value) {
    const auto* octets = reinterpret_cast<const uint8_t*>(&value);
    message.insert(message.end(), octets, octets + sizeof value);
}

class SharedBuffer : public Buffer {
public:
    SharedBuffer(uint8_t* data, size_t octets, uint64_t address) : data_(data), octets_(octets), address_(address) {
        std::memset(data, 0, octets);
    }

    uint8_t* data() override { return data_; }
    size_t size() const override { return octets_; }
    uint64_t address() const override { return address_; }

private:
    uint8_t* data_;
    size_t octets_;
    uint64_t address_;
};

}  // namespace

SimulatedCard::SimulatedCard(const std::string& path) : path_(path) {
    patience = 30;
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof name.sun_path)
        throw CardError("card sim:" + path + ": a path of 1 to " + std::to_string(sizeof name.sun_path - 1) +
                        " octets expected");
    std::memcpy(name.sun_path, path.data(), path.size());
    socket_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    try {
        if (socket_ < 0 || connect(socket_, reinterpret_cast<const sockaddr*>(&name), sizeof name))
            throw CardError("card sim:" + path + ": " + std::strerror(errno));
        if (receive<uint32_t>() != MAGIC) throw CardError("card sim:" + path + ": is no simulated Tickwire card");
        octets_ = receive<uint64_t>();
        std::string file(receive<uint16_t>(), '\0');
        receive(file.data(), file.size());
        const int memory = open(file.c_str(), O_RDWR | O_CLOEXEC);
        void* mapped = memory < 0 ? MAP_FAILED : mmap(nullptr, octets_, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
        const int failure = errno;
        if (memory >= 0) close(memory);
        if (mapped == MAP_FAILED) throw CardError("memory of the simulated card, " + file + ": " +
                                                  std::strerror(failure));
        memory_ = static_cast<uint8_t*>(mapped);
    } catch (...) {
        if (socket_ >= 0) close(socket_);
        throw;
    }
}

SimulatedCard::~SimulatedCard() {
    munmap(memory_, octets_);
    close(socket_);
}

void SimulatedCard::send(const void* octets, size_t size) {
    const auto* next = static_cast<const uint8_t*>(octets);
    while (size) {
        const ssize_t sent = ::send(socket_, next, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) throw CardError("card sim:" + path_ + ": the simulation is gone");
        next += sent;
        size -= static_cast<size_t>(sent);
    }
}

void SimulatedCard::receive(void* octets, size_t size) {
    auto* next = static_cast<uint8_t*>(octets);
    while (size) {
        const ssize_t got = recv(socket_, next, size, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) throw CardError("card sim:" + path_ + ": the simulation is gone");
        next += got;
        size -= static_cast<size_t>(got);
    }
}

uint32_t SimulatedCard::read_word(uint32_t address) {
    std::lock_guard<std::mutex> hold(conversation_);
    std::vector<uint8_t> message{'R'};
    append(message, address);
    send(message.data(), message.size());
    const auto response = receive<uint8_t>();
    const auto data = receive<uint32_t>();
    if (response) throw CardError("SLVERR to a read of register " + hexadecimal(address));
    return data;
}

void SimulatedCard::write_word(uint32_t address, uint32_t value) {
    std::lock_guard<std::mutex> hold(conversation_);
    std::vector<uint8_t> message{'W'};
    append(message, address);
    append(message, value);
    send(message.data(), message.size());
    if (receive<uint8_t>())
        throw CardError("SLVERR to a write of " + hexadecimal(value) + " to register " + hexadecimal(address));
}

std::unique_ptr<Buffer> SimulatedCard::allocate(size_t octets) {
    std::lock_guard<std::mutex> hold(conversation_);
    std::vector<uint8_t> message{'A'};
    append(message, static_cast<uint64_t>(octets));
    send(message.data(), message.size());
    const auto address = receive<uint64_t>();
    if (!address || address % 4096 || address > octets_ || octets > octets_ - address)
        throw CardError("the simulated card has no room for " + std::to_string(octets) + " octets");
    return std::make_unique<SharedBuffer>(memory_ + address, octets, address);
}

void SimulatedCard::put_frame(Port port, const std::vector<uint8_t>& octets, bool bad) {
    std::lock_guard<std::mutex> hold(conversation_);
    std::vector<uint8_t> message{'P', static_cast<uint8_t>(port), bad};
    append(message, static_cast<uint32_t>(octets.size()));
    message.insert(message.end(), octets.begin(), octets.end());
    send(message.data(), message.size());
    receive<uint8_t>();
}

std::vector<uint8_t> SimulatedCard::take_frame() {
    std::lock_guard<std::mutex> hold(conversation_);
    send("T", 1);
    std::vector<uint8_t> frame(receive<uint32_t>());
    receive(frame.data(), frame.size());
    return frame;
}

uint64_t SimulatedCard::advance(uint32_t cycles) {
    std::lock_guard<std::mutex> hold(conversation_);
    std::vector<uint8_t> message{'I'};
    append(message, cycles);
    send(message.data(), message.size());
    return receive<uint64_t>();
}

}  // namespace tickwire
