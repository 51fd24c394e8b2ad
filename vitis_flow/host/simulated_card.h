// A card that is simulated in another process: registers over a Unix socket, memory shared.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "card.h"

namespace tickwire {

enum class Port : uint8_t { rx = 0, session_rx = 1 };

// Throws CardError where nobody listens, or the server is no Tickwire card. Integers on the socket are little-endian:
//
//   on connection  server: u32 "TWC1", u64 octets of memory, u16 length of path, path of the memory's file
//   'R' u32 address                        -> u8 response (0 OKAY, 2 SLVERR), u32 data
//   'W' u32 address, u32 data              -> u8 response
//   'A' u64 octets                         -> u64 address, 0: no room
//   'P' u8 port, u8 bad, u32 length, octets -> u8 0
//   'T'                                    -> u32 length (0: none), octets of the next frame that left on tx
//   'I' u32 cycles                         -> u64 cycle
class SimulatedCard : public Card {
public:
    explicit SimulatedCard(const std::string& path);
    ~SimulatedCard() override;
    SimulatedCard(const SimulatedCard&) = delete;
    SimulatedCard& operator=(const SimulatedCard&) = delete;

    std::unique_ptr<Buffer> allocate(size_t octets) override;
    void pause() override { advance(512); }

    void put_frame(Port port, const std::vector<uint8_t>& octets, bool bad = false);
    std::vector<uint8_t> take_frame();   // empty: none has left
    uint64_t advance(uint32_t cycles);   // returns the cycle that the simulation has reached

protected:
    uint32_t read_word(uint32_t address) override;
    void write_word(uint32_t address, uint32_t value) override;

private:
    void send(const void* octets, size_t size);
    void receive(void* octets, size_t size);
    template <typename T>
    T receive() {
        T value;
        receive(&value, sizeof value);
        return value;
    }

    std::string path_;
    int socket_ = -1;
    std::mutex conversation_;
    uint8_t* memory_ = nullptr;
    uint64_t octets_ = 0;
};

}  // namespace tickwire
