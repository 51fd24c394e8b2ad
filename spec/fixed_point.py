"""Fixed-point rules of the indicators.

Prices are integers of 1/10 000 dollar. Averages are unsigned Q32.16: integer = price * 2**16. Every rounding is
towards minus infinity (an arithmetic shift or an integer quotient).

- mid = (bid + ask) / 2, exact in Q32.16.
- SMA(n), n a power of two: sum of the last n samples / n, exact in Q32.16 for n up to 2**15.
- EMA(n), n + 1 a power of two: ema += (sample - ema) / ((n + 1) / 2), the first sample taken as it is.
- VWAP = sum(price * shares) * 2**16 // sum(shares).
"""

FRACTION_BITS = 16
PRICE_BITS = 32
AVERAGE_BITS = PRICE_BITS + FRACTION_BITS
VOLUME_BITS = 48
NOTIONAL_BITS = PRICE_BITS + VOLUME_BITS
