"""The time of day as the core's stages see it."""

from amaranth.lib import data


class Time(data.Struct):
    """One moment, twice: all fields belong to the same clock edge."""

    ns: 64  #: since 1970-01-01 UTC, without leap seconds
    digits: data.ArrayLayout(4, 17)  #: the same in UTC, cut to ms, decimal: YYYYMMDDHHMMSSsss, first digit first
