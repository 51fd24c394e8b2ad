// The moment that the core's time of day is set to.

#pragma once

#include <cstdio>
#include <ctime>

#include "records.h"

namespace tickwire {

// `ns` since 1970-01-01 UTC, before the year 10000.
inline Record clock_setting(uint64_t ns) {
    constexpr uint64_t SECOND = 1'000'000'000, MS = 1'000'000;
    const auto seconds = static_cast<time_t>(ns / SECOND);
    const time_t next_day = (seconds / 86400 + 1) * 86400;
    tm now{}, tomorrow{};
    gmtime_r(&seconds, &now);
    gmtime_r(&next_day, &tomorrow);
    char digits[80], date[64];
    std::snprintf(digits, sizeof digits, "%04d%02d%02d%02d%02d%02d%03d", now.tm_year + 1900, now.tm_mon + 1,
                  now.tm_mday, now.tm_hour, now.tm_min, now.tm_sec, static_cast<int>(ns % SECOND / MS));
    std::snprintf(date, sizeof date, "%04d%02d%02d", tomorrow.tm_year + 1900, tomorrow.tm_mon + 1, tomorrow.tm_mday);

    Record record(Command::clock);
    record.set("ns", ns);
    for (unsigned i = 0; i < 17; ++i) record.set("digit_" + std::to_string(i), static_cast<uint64_t>(digits[i] - '0'));
    record.set("ns_of_ms", ns % MS);
    for (unsigned i = 0; i < 8; ++i) record.set("tomorrow_" + std::to_string(i), static_cast<uint64_t>(date[i] - '0'));
    return record;
}

// The host's clocks, in ns. PTP counts TAI, which Linux knows where chrony or ptp4l told it the leap seconds; otherwise
// its TAI is UTC.
inline uint64_t host_ns(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace tickwire
