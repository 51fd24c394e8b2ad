"""The Internet checksum, RFC 1071: 16-bit ones' complement of the ones' complement sum."""

from struct import unpack


def ones_complement_sum(octets: bytes) -> int:
    """Sum of the big-endian 16-bit words with end-around carry; an odd octet is padded with a zero.

    0xFFFF over octets that include their own correct checksum.
    """
    if len(octets) % 2:
        octets += b"\0"
    total = sum(unpack(f">{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def checksum(octets: bytes) -> int:
    """What the checksum field must hold, computed over ``octets`` with that field zero."""
    return ones_complement_sum(octets) ^ 0xFFFF
