// What the host tells the card at the start, from files. Every fault is one line: file, line, what was expected.

#pragma once

#include <string>
#include <vector>

#include "records.h"

namespace tickwire {

struct ConfigError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// The configured symbols: their names where a file gives them, and their number.
struct Symbols {
    std::vector<std::string> names;
    uint32_t count = 0;
    std::string design;  // 16 hexadecimal digits, "" if not known

    // Index of a name or number. Throws ConfigError, which begins with `where`.
    uint32_t index(const std::string& text, const std::string& where) const;
};

// symbols.txt as sim.card.products writes it: "# design DIGEST", then a stock per line in the order of its index.
Symbols read_symbols(const std::string& path);

// [strategy], [session], [symbol NAME] and [symbol *], which stands for every symbol; NAME's own keys go before it. A
// section names all that its record has, as spec.config does: `rate_burst` in tokens. The symbols' come last.
std::vector<Record> read_limits(const std::string& path, const Symbols& symbols);

// CSV with the columns symbol,stock,locate: what the day's symbols are, as GivenSymbol. From then on `symbols` knows them
// by their stocks; those that are not there have no market.
std::vector<Record> read_names(const std::string& path, Symbols& symbols);

// Numbers of the open order session: each a file of `key = value`, or "key=value,key=value"; later ones win, and all
// keys must be there.
Record read_handover(const std::vector<std::string>& sources);

// CSV with the columns symbol,side,reference,price,shares: an order that rests in the book, side B or S, price in
// 1/10 000 $. `symbol,vouch` says that all of a symbol's are in.
std::vector<Record> read_snapshot(const std::string& path, const Symbols& symbols);

}  // namespace tickwire
