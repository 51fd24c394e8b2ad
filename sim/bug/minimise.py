"""Delta debugging: the fewest messages that still fail.

Written here: picire, the library for it, does not import beside today's setuptools.

Source: A. Zeller, R. Hildebrandt, Simplifying and Isolating Failure-Inducing Input, IEEE TSE 28(2), 2002.
"""

from collections.abc import Callable, Sequence


def minimise(items: Sequence, fails: Callable[[list], bool], *, trials: int = 400) -> list:
    """A part of ``items``, in order, that ``fails``, of which no single item can be left out; or the least that so many
    trials have found. ``items`` as a whole are taken to fail.
    """
    left, pieces = list(items), 2
    while len(left) > 1 and trials > 0:
        size = -(-len(left) // pieces)
        for first in range(0, len(left), size):
            rest = left[:first] + left[first + size :]
            trials -= 1
            if rest and fails(rest):
                left, pieces = rest, max(pieces - 1, 2)
                break
            if trials <= 0:
                break
        else:
            if size == 1:
                break
            pieces = min(2 * pieces, len(left))
    return left
