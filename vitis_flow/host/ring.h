// One ring of records in host memory, read by phase: no register is read while records come.

#pragma once

#include <cstdint>
#include <cstring>
#include <string>

#include "card.h"
#include "registers.h"

namespace tickwire {

// A slot as it was read. `payload` is packed as registers.h says.
struct Slot {
    uint8_t octets[SLOT_OCTETS];

    const uint8_t* payload() const { return octets; }
    uint64_t cycle() const { return word<uint64_t>(SLOT_CYCLE); }
    uint32_t sequence() const { return word<uint32_t>(SLOT_SEQUENCE); }
    uint8_t ring() const { return octets[SLOT_RING]; }

private:
    template <typename T>
    T word(size_t offset) const {
        T value;
        std::memcpy(&value, octets + offset, sizeof value);
        return value;
    }
};

// Reads a ring in order. The card is told how far in batches of a quarter of the ring, and by `tell`.
class RingReader {
public:
    RingReader(Card& card, uint32_t index, Buffer& buffer, size_t offset, unsigned log2)
        : card_(card), buffer_(buffer), slots_(buffer.data() + offset), index_(index), log2_(log2) {}

    // Hand what has landed to `take(const Slot&)`, `limit` slots at most; returns how many. Throws CardError where a
    // slot belongs to another ring: then addresses or sizes are wrong, and nothing here means anything.
    template <typename Take>
    uint32_t poll(Take&& take, uint32_t limit) {
        uint32_t taken = 0;
        for (; taken < limit; ++taken) {
            const uint8_t* source = slots_ + static_cast<size_t>(read_ & ((1u << log2_) - 1)) * SLOT_OCTETS;
            const uint8_t phase = ~(read_ >> log2_) & 1;
            // The phase lands last: what is read after it is whole.
            if (__atomic_load_n(source + SLOT_PHASE, __ATOMIC_ACQUIRE) != phase) break;
            Slot slot;
            std::memcpy(slot.octets, source, SLOT_OCTETS);
            if (slot.ring() != index_)
                throw CardError(std::string("ring ") + RINGS[index_].stream + ", slot " + std::to_string(read_) +
                                ": says ring " + std::to_string(slot.ring()) + ", expected " + std::to_string(index_));
            lost_ += static_cast<uint32_t>(slot.sequence() - sequence_);
            sequence_ = slot.sequence() + 1;
            ++read_;
            take(static_cast<const Slot&>(slot));
            if (read_ - told_ >= quarter()) tell();
        }
        return taken;
    }

    // The card may use the slots that were read again.
    void tell() {
        if (told_ == read_) return;
        told_ = read_;
        __atomic_thread_fence(__ATOMIC_SEQ_CST);  // all reads of the slots are done
        card_.write(address::ring_consumer(index_), read_);
    }

    uint32_t index() const { return index_; }
    uint32_t read() const { return read_; }      // slots so far, modulo 2**32
    uint64_t lost() const { return lost_; }      // records missing between those that were read
    // Slots that the card has sent and that are not read yet.
    uint32_t behind() { return card_.read(address::ring_producer(index_)) - read_; }

private:
    uint32_t quarter() const { return 1u << (log2_ - 2); }

    Card& card_;
    Buffer& buffer_;
    const uint8_t* slots_;
    uint32_t index_;
    unsigned log2_;
    uint32_t read_ = 0, told_ = 0, sequence_ = 0;
    uint64_t lost_ = 0;
};

}  // namespace tickwire
