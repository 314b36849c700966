"""Search for settings: random, successive halving, or Optuna's; every result is on the disk at once and kept.

`Search` is told what may vary (`Space`) and how a setting is judged (an objective), and works in a folder: the same
search in the same folder goes on where it was broken off.
"""

from striate.tune.search import Search, Trial
from striate.tune.space import Choice, Range, Space

__all__ = ["Choice", "Range", "Search", "Space", "Trial"]
