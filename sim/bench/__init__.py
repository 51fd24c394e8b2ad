"""How fast a replay is, and where its time goes. Rates are of this machine and moment; ratios are of one run."""

from .command import run
from .engines import Speed, compare_engines
from .profile import PARTS, Profile, Replay, measure_replay, profile

__all__ = ["PARTS", "Profile", "Replay", "Speed", "compare_engines", "measure_replay", "profile", "run"]
