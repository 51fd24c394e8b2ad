#include "configuration.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <set>

namespace tickwire {
namespace {

struct Value {
    std::string text;
    std::string where;  // file:line
};
using Values = std::map<std::string, Value>;

struct Section {
    std::string name;
    std::string where;
    Values values;
};

std::string trimmed(const std::string& text) {
    const auto first = text.find_first_not_of(" \t\r"), last = text.find_last_not_of(" \t\r");
    return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

// Calls `take(line, where)` for each line that says something; what follows # is a comment.
void each_line(const std::string& path, const std::function<void(const std::string&, const std::string&)>& take) {
    std::ifstream file(path);
    if (!file) throw ConfigError(path + ": cannot be read: " + std::strerror(errno));
    std::string line;
    for (unsigned number = 1; std::getline(file, line); ++number) {
        line = trimmed(line.substr(0, line.find('#')));
        if (!line.empty()) take(line, path + ":" + std::to_string(number));
    }
    if (file.bad() || !file.eof()) throw ConfigError(path + ": cannot be read: expected a text file");
}

// The same for lines after a header.
void each_row(const std::string& path, const std::string& columns,
              const std::function<void(const std::string&, const std::string&)>& take) {
    bool headed = false;
    each_line(path, [&](const std::string& line, const std::string& where) {
        if (headed) take(line, where);
        else if (line != columns) throw ConfigError(where + ": expected the header " + columns);
        headed = true;
    });
    if (!headed) throw ConfigError(path + ": empty; expected the header " + columns);
}

uint64_t number(const std::string& text, const std::string& where, const std::string& what) {
    std::string digits;
    bool good = !text.empty() && text.front() != '_' && text.back() != '_';
    for (char c : text)
        if (c >= '0' && c <= '9') digits += c;
        else if (c != '_') good = false;
    errno = 0;
    const uint64_t value = good ? std::strtoull(digits.c_str(), nullptr, 10) : 0;
    if (!good || errno)
        throw ConfigError(where + ": " + what + " = " + text + ": expected an integer from 0 to 2**64 - 1");
    return value;
}

uint64_t number_of(const Value& value, const std::string& key, unsigned bits) {
    if (bits == 1 && (value.text == "true" || value.text == "false")) return value.text == "true";
    const uint64_t parsed = number(value.text, value.where, key);
    if (bits < 64 && parsed >> bits)
        throw ConfigError(value.where + ": " + key + " = " + value.text + ": expected below 2**" +
                          std::to_string(bits));
    return parsed;
}

void add(Values& values, const std::string& line, const std::string& where) {
    const auto equals = line.find('=');
    const std::string key = trimmed(line.substr(0, equals));
    if (equals == std::string::npos || key.empty())
        throw ConfigError(where + ": \"" + line + "\": expected key = value");
    if (!values.insert({key, {trimmed(line.substr(equals + 1)), where}}).second)
        throw ConfigError(where + ": " + key + ": a second time; expected each key once");
}

std::vector<Section> read_sections(const std::string& path) {
    std::vector<Section> sections;
    each_line(path, [&](const std::string& line, const std::string& where) {
        if (line.front() == '[') {
            if (line.back() != ']') throw ConfigError(where + ": " + line + ": expected [name]");
            sections.push_back({trimmed(line.substr(1, line.size() - 2)), where, {}});
        } else if (sections.empty()) {
            throw ConfigError(where + ": \"" + line + "\": expected [session], [strategy] or [symbol NAME] before it");
        } else {
            add(sections.back().values, line, where);
        }
    });
    return sections;
}

// The keys of a record's section: `rate_burst` counts tokens, and there is no symbol among them.
std::vector<std::pair<std::string, unsigned>> keys(const Layout& layout) {
    std::vector<std::pair<std::string, unsigned>> all;
    for (const Field* f = layout.fields; f != layout.fields + layout.count; ++f) {
        const std::string name = f->name;
        if (name == "rate_burst_ns") all.push_back({"rate_burst", 16});
        else if (name != "symbol") all.push_back({name, f->bits});
    }
    return all;
}

[[noreturn]] void refuse(const Values& values, const std::string& key, const std::string& expected) {
    const Value& value = values.at(key);
    throw ConfigError(value.where + ": " + key + " = " + value.text + ": expected " + expected);
}

void check_known(const Layout& layout, const Values& values) {
    const auto known = keys(layout);
    for (const auto& [key, value] : values)
        if (std::none_of(known.begin(), known.end(), [&k = key](const auto& one) { return one.first == k; })) {
            std::string names;
            for (const auto& one : known) names += (names.empty() ? "" : ", ") + one.first;
            throw ConfigError(value.where + ": " + key + ": no such key; expected one of " + names);
        }
}

// What spec.config.Strategy wants.
void check_parameters(const Record& record, const Values& values) {
    for (const char* key : {"numerator", "denominator"})
        if (!record[key]) refuse(values, key, "from 1 to 255");
    if (!record["quantity"] || record["quantity"] >= QUANTITY_LIMIT)
        refuse(values, "quantity", "from 1 to " + std::to_string(QUANTITY_LIMIT - 1));
}

// What spec.config.Limits wants.
void check_limits(const Record& record, const Values& values) {
    for (const char* key : {"min_quantity", "max_quantity"})
        if (!record[key] || record[key] >= QUANTITY_LIMIT)
            refuse(values, key, "from 1 to " + std::to_string(QUANTITY_LIMIT - 1));
    if (record["min_quantity"] > record["max_quantity"])
        refuse(values, "min_quantity", "at most max_quantity = " + std::to_string(record["max_quantity"]));
    if (std::find(std::begin(LOTS), std::end(LOTS), record["lot"]) == std::end(LOTS)) {
        std::string lots;
        for (uint32_t lot : LOTS) lots += (lots.empty() ? "" : ", ") + std::to_string(lot);
        refuse(values, "lot", "one of " + lots);
    }
    if (record["collar_bps"] > 10'000) refuse(values, "collar_bps", "at most 10000");
}

// The whole record of a section.
Record whole(Command command, const Section& section, const Values& values) {
    check_known(layout(command), section.values);
    Record record(command);
    for (const auto& [key, bits] : keys(layout(command))) {
        const auto found = values.find(key);
        if (found == values.end())
            throw ConfigError(section.where + ": [" + section.name + "] needs " + key +
                              ": all of them are taken together");
        if (key != "rate_burst") record.set(key, number_of(found->second, key, bits));
    }
    if (command == Command::parameters) {
        check_parameters(record, values);
        return record;
    }
    const uint64_t burst = number_of(values.at("rate_burst"), "rate_burst", 16), between = record["rate_ns"];
    if (!burst) refuse(values, "rate_burst", "from 1 to 65535 tokens");
    if (between * (burst - 1) >> 40) refuse(values, "rate_burst", "rate_ns * (rate_burst - 1) below 2**40");
    record.set("rate_burst_ns", between * (burst - 1));
    if (command == Command::symbol_limits) check_limits(record, values);
    return record;
}

std::vector<std::string> cells(const std::string& line) {
    std::vector<std::string> all;
    for (size_t at = 0;;) {
        const auto comma = line.find(',', at);
        all.push_back(trimmed(line.substr(at, comma - at)));
        if (comma == std::string::npos) return all;
        at = comma + 1;
    }
}

}  // namespace

uint32_t Symbols::index(const std::string& text, const std::string& where) const {
    const auto found = std::find(names.begin(), names.end(), text);
    if (found != names.end()) return static_cast<uint32_t>(found - names.begin());
    if (!text.empty() && text.size() < 9 && text.find_first_not_of("0123456789") == std::string::npos &&
        std::stoul(text) < count)
        return static_cast<uint32_t>(std::stoul(text));
    throw ConfigError(where + ": symbol " + text + ": expected " +
                      (names.empty() ? "" : "a name of the symbols file or ") + "an index from 0 to " +
                      std::to_string(count - 1) + (names.empty() ? " (names need --symbols)" : ""));
}

Symbols read_symbols(const std::string& path) {
    Symbols symbols;
    std::ifstream file(path);
    std::string first;
    if (!file) throw ConfigError(path + ": cannot be read: " + std::strerror(errno));
    std::getline(file, first);
    const std::string start = "# design ";
    if (first.rfind(start, 0) != 0 || trimmed(first).size() != start.size() + 16)
        throw ConfigError(path + ":1: expected \"# design \" and 16 hexadecimal digits, as sim.card.products writes "
                          "it");
    symbols.design = trimmed(first).substr(start.size());
    each_line(path, [&](const std::string& line, const std::string& where) {
        if (std::find(symbols.names.begin(), symbols.names.end(), line) != symbols.names.end())
            throw ConfigError(where + ": " + line + ": a second time; expected each stock once");
        symbols.names.push_back(line);
    });
    symbols.count = static_cast<uint32_t>(symbols.names.size());
    return symbols;
}

std::vector<Record> read_limits(const std::string& path, const Symbols& symbols) {
    std::vector<Record> records;
    const std::map<std::string, Command> alone{{"session", Command::session_limits},
                                               {"strategy", Command::parameters}};
    std::set<std::string> seen;
    const Section* of_all = nullptr;
    std::map<uint32_t, const Section*> of_symbol;
    const std::vector<Section> sections = read_sections(path);
    const std::string prefix = "symbol ";
    for (const Section& section : sections) {
        const std::string twice = section.where + ": [" + section.name + "]: a second time; expected each section once";
        if (const auto command = alone.find(section.name); command != alone.end()) {
            if (!seen.insert(section.name).second) throw ConfigError(twice);
            records.push_back(whole(command->second, section, section.values));
        } else if (section.name.rfind(prefix, 0) == 0) {
            const std::string name = trimmed(section.name.substr(prefix.size()));
            check_known(layout(Command::symbol_limits), section.values);
            const bool again = name == "*" ? of_all != nullptr :
                !of_symbol.insert({symbols.index(name, section.where), &section}).second;
            if (again) throw ConfigError(twice);
            if (name == "*") of_all = &section;
        } else {
            throw ConfigError(section.where + ": [" + section.name +
                              "]: expected [session], [strategy], [symbol NAME] or [symbol *]");
        }
    }
    if (of_all)
        for (uint32_t i = 0; i < symbols.count; ++i) of_symbol.insert({i, of_all});
    for (const auto& [index, section] : of_symbol) {
        Values values = section->values;
        if (of_all) values.insert(of_all->values.begin(), of_all->values.end());
        records.push_back(whole(Command::symbol_limits, *section, values));
        records.back().set("symbol", index);
    }
    if (records.empty()) throw ConfigError(path + ": no limits; expected [session], [strategy], [symbol NAME] or [symbol *]");
    return records;
}

Record read_handover(const std::vector<std::string>& sources) {
    Values all;
    for (const std::string& source : sources) {
        Values values;
        if (source.find('=') != std::string::npos) {
            for (const std::string& pair : cells(source)) add(values, pair, "--handover");
        } else {
            each_line(source, [&](const std::string& line, const std::string& where) { add(values, line, where); });
        }
        check_known(layout(Command::handovers), values);
        for (const auto& [key, value] : values) all[key] = value;
    }
    Record record(Command::handovers);
    for (const auto& [key, bits] : keys(layout(Command::handovers))) {
        const auto found = all.find(key);
        if (found == all.end()) throw ConfigError(sources.back() + ": a hand-over needs " + key);
        record.set(key, number_of(found->second, key, bits));
    }
    return record;
}

std::vector<Record> read_names(const std::string& path, Symbols& symbols) {
    std::vector<Record> records;
    std::set<std::string> stocks;
    std::set<uint64_t> locates;
    std::set<uint32_t> named;
    std::vector<std::string> names(symbols.count);
    each_row(path, "symbol,stock,locate", [&](const std::string& line, const std::string& where) {
        const auto row = cells(line);
        if (row.size() != 3) throw ConfigError(where + ": \"" + line + "\": expected symbol,stock,locate");
        const uint32_t symbol = symbols.index(row[0], where);
        const std::string& stock = row[1];
        if (stock.empty() || stock.size() > 8 ||
            std::any_of(stock.begin(), stock.end(), [](char c) { return c < 0x21 || c > 0x7e; }))
            throw ConfigError(where + ": stock " + stock + ": expected one to eight visible ASCII characters");
        const uint64_t locate = number_of({row[2], where}, "locate", 16);
        if (!locate) throw ConfigError(where + ": locate = 0: expected from 1 to 65535");
        if (!named.insert(symbol).second || !stocks.insert(stock).second || !locates.insert(locate).second)
            throw ConfigError(where + ": \"" + line + "\": a second time; expected each symbol, stock and locate once");
        Record record(Command::symbols);
        uint64_t octets = 0;
        for (size_t i = 0; i < 8; ++i)
            octets |= uint64_t(static_cast<unsigned char>(i < stock.size() ? stock[i] : ' ')) << 8 * i;
        record.set("symbol", symbol);
        record.set("stock", octets);
        record.set("locate", locate);
        records.push_back(record);
        names[symbol] = stock;
    });
    if (records.empty()) throw ConfigError(path + ": no symbols; expected symbol,stock,locate");
    symbols.names = names;
    return records;
}

std::vector<Record> read_snapshot(const std::string& path, const Symbols& symbols) {
    const std::string columns = "symbol,side,reference,price,shares";
    std::vector<Record> records;
    std::set<uint32_t> vouched;
    each_row(path, columns, [&](const std::string& line, const std::string& where) {
        const auto row = cells(line);
        Record record(Command::snapshot);
        const uint32_t symbol = symbols.index(row[0], where);
        record.set("symbol", symbol);
        if (vouched.count(symbol))
            throw ConfigError(where + ": " + row[0] + " was vouched for; expected its orders before that");
        if (row.size() == 2 && row[1] == "vouch") {
            record.set("vouch", 1);
            vouched.insert(symbol);
        } else if (row.size() != 5 || (row[1] != "B" && row[1] != "S")) {
            throw ConfigError(where + ": \"" + line + "\": expected " + columns + " with side B or S, or symbol,vouch");
        } else {
            record.set("side", row[1] == "S");
            record.set("reference", number_of({row[2], where}, "reference", 64));
            record.set("price", number_of({row[3], where}, "price", 32));
            record.set("shares", number_of({row[4], where}, "shares", 32));
        }
        records.push_back(record);
    });
    return records;
}

}  // namespace tickwire
