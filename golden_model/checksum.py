"""The Internet checksum, RFC 1071: 16-bit ones' complement of the ones' complement sum."""


def ones_complement_sum(octets: bytes) -> int:
    """Sum of the big-endian 16-bit words with end-around carry; an odd octet is padded with a zero.

    0xFFFF over octets that include their own correct checksum.
    """
    if len(octets) % 2:
        octets += b"\0"
    whole = int.from_bytes(octets, "big")
    # 2**16 is 1 modulo 0xFFFF, so one division adds all words and folds all carries; of both zeros a sum that is not of
    # zeros alone is 0xFFFF.
    return whole % 0xFFFF or (0xFFFF if whole else 0)


def checksum(octets: bytes) -> int:
    """What the checksum field must hold, computed over ``octets`` with that field zero."""
    return ones_complement_sum(octets) ^ 0xFFFF
