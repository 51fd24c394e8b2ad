// Fields of packed records, by the layouts of registers.h. Hosts are little-endian, as everything that XRT runs on.

#pragma once

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "registers.h"

namespace tickwire {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are copied as they stand in memory");

// The field or stream of that name. Throws std::out_of_range.
inline const Field& field(const Layout& layout, std::string_view name) {
    for (const Field* f = layout.fields; f != layout.fields + layout.count; ++f)
        if (name == f->name) return *f;
    throw std::out_of_range(std::string(layout.name) + " has no field " + std::string(name));
}

inline const Layout& layout(Ring ring) { return RINGS[static_cast<size_t>(ring)]; }
inline const Layout& layout(Command command) { return COMMANDS[static_cast<size_t>(command)]; }

// A field of up to 64 bits, zero-extended. `payload` has PAYLOAD_OCTETS.
inline uint64_t get(const uint8_t* payload, const Field& f) {
    const unsigned first = f.offset / 8, shift = f.offset % 8, octets = (shift + f.bits + 7) / 8;
    uint64_t value = 0;
    std::memcpy(&value, payload + first, octets < 8 ? octets : 8);
    value >>= shift;
    if (octets > 8) value |= static_cast<uint64_t>(payload[first + 8]) << (64 - shift);
    return f.bits < 64 ? value & ((uint64_t{1} << f.bits) - 1) : value;
}

// The same with its sign.
inline int64_t get_signed(const uint8_t* payload, const Field& f) {
    const uint64_t value = get(payload, f);
    const bool negative = f.is_signed && f.bits < 64 && value >> (f.bits - 1);
    return static_cast<int64_t>(negative ? value | ~uint64_t{0} << f.bits : value);
}

// Any field as octets, the least significant first.
inline std::vector<uint8_t> get_octets(const uint8_t* payload, const Field& f) {
    std::vector<uint8_t> octets;
    for (unsigned done = 0; done < f.bits; done += 8) {
        const unsigned bits = f.bits - done < 8 ? f.bits - done : 8;
        const Field part{f.name, static_cast<uint16_t>(f.offset + done), static_cast<uint16_t>(bits), false, ""};
        octets.push_back(static_cast<uint8_t>(get(payload, part)));
    }
    return octets;
}

// Set a field of up to 64 bits in a payload; signed ones as two's complement. Throws std::out_of_range where the value
// does not fit.
inline void put(uint8_t* payload, const Field& f, uint64_t value) {
    const uint64_t mask = f.bits < 64 ? (uint64_t{1} << f.bits) - 1 : ~uint64_t{0};
    const auto number = static_cast<int64_t>(value);
    const bool fits = f.bits >= 64 || (f.is_signed ? number >> (f.bits - 1) == 0 || number >> (f.bits - 1) == -1
                                                   : value <= mask);
    if (!fits)
        throw std::out_of_range(std::string(f.name) + " = " + (f.is_signed ? std::to_string(number) :
                                std::to_string(value)) + " does not fit " + std::to_string(f.bits) + " bits");
    value &= mask;
    for (unsigned done = 0; done < f.bits;) {  // octet by octet: neighbours stay as they are
        const unsigned at = f.offset + done, shift = at % 8;
        const unsigned bits = 8 - shift < f.bits - done ? 8 - shift : f.bits - done;
        const unsigned part = ((1u << bits) - 1) << shift;
        payload[at / 8] = static_cast<uint8_t>((payload[at / 8] & ~part) | ((value >> done << shift) & part));
        done += bits;
    }
}

// Set any field from octets, the least significant first; those that are not given are zero.
inline void put_octets(uint8_t* payload, const Field& f, const std::vector<uint8_t>& octets) {
    if (octets.size() > (f.bits + 7u) / 8)
        throw std::out_of_range(std::string(f.name) + ": " + std::to_string(octets.size()) + " octets do not fit");
    for (unsigned done = 0; done < f.bits; done += 8) {
        const unsigned bits = f.bits - done < 8 ? f.bits - done : 8;
        const Field part{f.name, static_cast<uint16_t>(f.offset + done), static_cast<uint16_t>(bits), false, ""};
        put(payload, part, done / 8 < octets.size() ? octets[done / 8] : 0);
    }
}

// A record on its way to the card: all fields zero until they are set.
class Record {
public:
    explicit Record(Command command) : command_(command) {}

    Command command() const { return command_; }
    const uint8_t* payload() const { return payload_; }
    uint64_t operator[](std::string_view name) const { return get(payload_, field(layout(command_), name)); }
    void set(std::string_view name, uint64_t value) { put(payload_, field(layout(command_), name), value); }

private:
    Command command_;
    uint8_t payload_[PAYLOAD_OCTETS] = {};
};

// The names of the flags that are up, with a plus between, or "none".
template <size_t N>
std::string flags(const Name (&names)[N], uint32_t value) {
    std::string text;
    for (const Name& name : names)
        if (value & name.value) text += (text.empty() ? "" : "+") + std::string(name.name);
    return text.empty() ? "none" : text;
}

// The name of a code, or its number.
template <size_t N>
std::string code(const Name (&names)[N], uint32_t value) {
    for (const Name& name : names)
        if (value == name.value) return name.name;
    return std::to_string(value);
}

}  // namespace tickwire
