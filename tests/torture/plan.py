"""What the torture app promises to do, for those who make it and those who check it. Seconds."""

import os

LEASE = float(os.environ.get("TORTURE_LEASE", "2"))
MEDIUM = 0.4
LONG = 3.5 * LEASE
"""How long the longest task takes."""
LATEST = 2.5 * LEASE
"""The longest delay."""
FAILS = 2
"""How often a flaky task raises before it succeeds."""
AT_ONCE = 2
"""How many limited tasks may run at a time."""
RATE = 5
"""How many rated tasks may start in a second."""
EVERY = 0.3
EVERY_ON_ALL = 1.0
CRON = 2
"""Whole seconds between two times of the type by the clock."""
