// For the tests: parts of the host program on what the test sends, line by line.
//
//   check unpack           "ring NUMBER HEX"    -> each field, decimal if it has at most 64 bits, else its octets
//   check pack             "COMMAND VALUE..."   -> payload, hexadecimal; values above 64 bits as octets
//   check ring INDEX LOG2  "slot I HEX" puts a slot into memory; "poll LIMIT", "tell" -> sequences, lost, consumer
//   check clock NS                              -> payload of the ClockSetting
//   check limits FILE COUNT [SYMBOLS]           -> each record's command and payload
//   check handover SOURCE...                    -> the same
//   check snapshot FILE COUNT                   -> the same

#include <iostream>
#include <sstream>

#include "clock.h"
#include "configuration.h"
#include "ring.h"

using namespace tickwire;

namespace {

std::vector<uint8_t> octets(const std::string& hex) {
    std::vector<uint8_t> all;
    for (size_t i = 0; i + 1 < hex.size(); i += 2)
        all.push_back(static_cast<uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
    return all;
}

std::string hex(const uint8_t* data, size_t size) {
    std::string text;
    for (size_t i = 0; i < size; ++i) {
        char two[3];
        std::snprintf(two, sizeof two, "%02x", data[i]);
        text += two;
    }
    return text;
}

void print(const Record& record) {
    std::cout << layout(record.command()).stream << ' ' << hex(record.payload(), PAYLOAD_OCTETS) << '\n';
}

struct Memory : Buffer {
    std::vector<uint8_t> octets;
    explicit Memory(size_t size) : octets(size) {}
    uint8_t* data() override { return octets.data(); }
    size_t size() const override { return octets.size(); }
    uint64_t address() const override { return 0; }
};

struct Consumer : Card {
    uint32_t written = 0, writes = 0;
    std::unique_ptr<Buffer> allocate(size_t) override { return nullptr; }

protected:
    uint32_t read_word(uint32_t) override { throw CardError("a register was read"); }
    void write_word(uint32_t, uint32_t value) override { written = value, ++writes; }
};

void unpack() {
    std::string line;
    while (std::getline(std::cin, line)) {
        std::istringstream words(line);
        size_t ring;
        std::string text;
        words >> ring >> text;
        const auto payload = octets(text);
        const Layout& layout = RINGS[ring];
        for (const Field* f = layout.fields; f != layout.fields + layout.count; ++f) {
            if (f->bits > 64) {
                const auto all = get_octets(payload.data(), *f);
                std::cout << hex(all.data(), all.size()) << ' ';
            } else if (f->is_signed) {
                std::cout << get_signed(payload.data(), *f) << ' ';
            } else {
                std::cout << get(payload.data(), *f) << ' ';
            }
        }
        std::cout << '\n';
    }
}

void pack() {
    std::string line;
    while (std::getline(std::cin, line)) {
        std::istringstream words(line);
        size_t command;
        words >> command;
        const Layout& layout = COMMANDS[command];
        uint8_t payload[PAYLOAD_OCTETS] = {};
        for (const Field* f = layout.fields; f != layout.fields + layout.count; ++f) {
            std::string text;
            words >> text;
            if (f->bits > 64) put_octets(payload, *f, octets(text));
            else put(payload, *f, f->is_signed ? static_cast<uint64_t>(std::stoll(text)) : std::stoull(text));
        }
        std::cout << hex(payload, PAYLOAD_OCTETS) << '\n';
    }
}

void ring(uint32_t index, unsigned log2) {
    Memory memory(size_t{SLOT_OCTETS} << log2);
    Consumer card;
    RingReader reader(card, index, memory, 0, log2);
    std::string line;
    while (std::getline(std::cin, line)) {
        std::istringstream words(line);
        std::string what, text;
        uint32_t number = 0;
        words >> what >> number >> text;
        if (what == "slot") {
            const auto all = octets(text);
            std::copy(all.begin(), all.end(), memory.octets.begin() + number * SLOT_OCTETS);
            continue;
        }
        std::ostringstream read;
        if (what == "tell") reader.tell();
        else reader.poll([&](const Slot& slot) { read << slot.sequence() << '@' << slot.cycle() << ','; }, number);
        std::cout << '[' << read.str() << "] " << reader.lost() << ' ' << card.written << ' ' << card.writes << '\n';
    }
}

}  // namespace

int main(int count, char** arguments) {
    const std::vector<std::string> all(arguments + 1, arguments + count);
    try {
        Symbols symbols;
        if (all.size() > 2) symbols.count = static_cast<uint32_t>(std::strtoul(all[2].c_str(), nullptr, 10));
        if (all.size() > 3 && all[0] != "handover") symbols = read_symbols(all[3]);
        if (all.at(0) == "unpack") unpack();
        else if (all[0] == "pack") pack();
        else if (all[0] == "ring") ring(static_cast<uint32_t>(std::stoul(all.at(1))),
                                        static_cast<unsigned>(std::stoul(all.at(2))));
        else if (all[0] == "clock") print(clock_setting(std::stoull(all.at(1))));
        else if (all[0] == "limits") for (const Record& record : read_limits(all.at(1), symbols)) print(record);
        else if (all[0] == "names") {
            for (const Record& record : read_names(all.at(1), symbols)) print(record);
            for (const std::string& name : symbols.names) std::cerr << name << ',';
        }
        else if (all[0] == "snapshot") for (const Record& record : read_snapshot(all.at(1), symbols)) print(record);
        else if (all[0] == "handover") print(read_handover({all.begin() + 1, all.end()}));
        else throw std::invalid_argument(all[0]);
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
    return 0;
}
