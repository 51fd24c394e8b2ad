"""A core's order session with Linux's own TCP stack as peer."""

from .impairment import Impairment as Impairment
from .namespace import Unavailable as Unavailable
from .rig import CoreEnd as CoreEnd
from .rig import Rig as Rig
