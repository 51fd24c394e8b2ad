// What the host program needs of a card: registers, and memory that both sides see.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stdexcept>

namespace tickwire {

// The card refused an access, or did not do what was asked of it.
struct CardError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Memory of the host that the card reads and writes. Gone with the last owner.
class Buffer {
public:
    virtual ~Buffer() = default;

    virtual uint8_t* data() = 0;
    virtual size_t size() const = 0;
    virtual uint64_t address() const = 0;  // as the card sees it
    virtual void to_card() {}              // what the host wrote is in the card's sight
    virtual void from_card() {}            // what the card wrote is in the host's
};

// Registers may be used by several threads: each access is whole, a counter's two words too.
class Card {
public:
    virtual ~Card() = default;

    // One register. Throws CardError on SLVERR where the transport tells; XRT's does not, so wait for what can be read
    // (Status.BUSY) before each access that may be refused.
    uint32_t read(uint32_t address) {
        std::lock_guard<std::mutex> hold(one_);
        return read_word(address);
    }
    void write(uint32_t address, uint32_t value) {
        std::lock_guard<std::mutex> hold(one_);
        write_word(address, value);
    }

    // A register of 64 bits, low word first.
    uint64_t read_wide(uint32_t address) {
        std::lock_guard<std::mutex> hold(one_);
        const uint64_t low = read_word(address);
        return low | static_cast<uint64_t>(read_word(address + 4)) << 32;
    }
    void write_wide(uint32_t address, uint64_t value) {
        std::lock_guard<std::mutex> hold(one_);
        write_word(address, static_cast<uint32_t>(value));
        write_word(address + 4, static_cast<uint32_t>(value >> 32));
    }

    // Zeros, at a multiple of 4 KiB. Throws CardError where there is no room.
    virtual std::unique_ptr<Buffer> allocate(size_t octets) = 0;

    // The host has nothing to do right now: a simulated card takes the time to go on.
    virtual void pause() {}

    // Limits of waiting are for hardware; how many times as long to wait here.
    double patience = 1;

protected:
    virtual uint32_t read_word(uint32_t address) = 0;
    virtual void write_word(uint32_t address, uint32_t value) = 0;

private:
    std::mutex one_;
};

}  // namespace tickwire
