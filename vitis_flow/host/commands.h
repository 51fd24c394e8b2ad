// What the host wants of the card: through the command ring, or a single one through the request registers.

#pragma once

#include <cstring>

#include "card.h"
#include "records.h"
#include "wait.h"

namespace tickwire {

// The ring that the host writes. Commands are carried out in order.
class CommandRing {
public:
    CommandRing(Card& card, Waiter& waiter, Buffer& buffer, unsigned log2)
        : card_(card), waiter_(waiter), buffer_(buffer), log2_(log2) {}

    // Waits for room; the card may not look at it before `publish`. Throws CardError where the card does not go on.
    void put(const Record& record) {
        if (produced_ - consumed_ == 1u << log2_) {
            publish();
            waiter_.until("room in the command ring", LIMIT, [this] { return produced_ - consumed() < 1u << log2_; });
        }
        uint8_t* slot = buffer_.data() + static_cast<size_t>(produced_ & ((1u << log2_) - 1)) * SLOT_OCTETS;
        std::memset(slot, 0, SLOT_OCTETS);
        std::memcpy(slot, record.payload(), PAYLOAD_OCTETS);
        slot[COMMAND_SLOT_COMMAND] = static_cast<uint8_t>(record.command());
        ++produced_;
    }

    // Tell the card what was put.
    void publish() {
        buffer_.to_card();
        __atomic_thread_fence(__ATOMIC_SEQ_CST);  // the slots are in memory before the card is told
        card_.write(address::command_producer, produced_);
    }

    // All that was put is carried out.
    void finish() {
        publish();
        waiter_.until("commands carried out", LIMIT, [this] { return consumed() == produced_; });
    }

private:
    static constexpr double LIMIT = 5;  // seconds without the last slot being taken

    uint32_t consumed() {
        consumed_ = card_.read(address::command_consumer);
        if (consumed_ != produced_ && card_.read(address::status) & status::COMMAND_FAULT)
            throw CardError("command " + std::to_string(consumed_) + " of the ring is none that the card knows, or "
                            "cannot be read by it");
        return consumed_;
    }

    Card& card_;
    Waiter& waiter_;
    Buffer& buffer_;
    unsigned log2_;
    uint32_t produced_ = 0, consumed_ = 0;
};

// One command through the registers, without memory. Throws CardError while the one before it waits, where the
// transport tells; on hardware use it for what is rare.
inline void commit(Card& card, const Record& record) {
    const unsigned words = (layout(record.command()).bits + 31u) / 32;
    for (unsigned i = 0; i < words; ++i) {
        uint32_t word;
        std::memcpy(&word, record.payload() + 4 * i, sizeof word);
        card.write(address::request(i), word);
    }
    card.write(address::commit, static_cast<uint32_t>(record.command()));
}

}  // namespace tickwire
