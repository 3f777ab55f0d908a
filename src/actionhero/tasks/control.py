"""What keeps a type's tasks in check: its limits, and how they are unique.

Limits are kept by the whole cluster together: how many tasks of the type run at once, and how often
one starts. A rate is "10/s": ten may start at once, then they come back one by one. All tasks of a
limited type are in one shard, whose scripts keep count; see `lua/tasks_marks.lua`.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from actionhero.clock import parse_rate
from actionhero.tasks.record import LIMITED, UNIQUE
from actionhero.tasks.unique import MODES, UniqueMode, UniqueRule


class Control(NamedTuple):
    """`limits` is as the scripts read it: most at once (0: any number), ms that each start costs
    (0: no rate), starts in a row; "" for no limits."""

    limits: str = ""
    unique: UniqueRule | None = None

    @property
    def flags(self) -> int:
        """What a record says of it."""
        return (UNIQUE if self.unique else 0) | (LIMITED if self.limits else 0)


def control_of(
    name: str,
    parameters: Collection[str],
    *,
    concurrency: int | None,
    rate: str | None,
    unique: UniqueMode | None,
    unique_by: Sequence[str],
    is_periodic: bool,
    is_on_all: bool,
) -> Control:
    """What a type's options mean. Raises `ValueError`."""
    limits = limits_of(concurrency, rate)
    if limits and is_on_all:
        raise ValueError(
            "concurrency and rate are kept by all servers together; they mean nothing with "
            "scope='all'"
        )
    if unique is None:
        if unique_by:
            raise ValueError("unique_by means something only beside unique=")
        return Control(limits)
    if unique not in MODES:
        raise ValueError(f"unique must be one of {', '.join(MODES)}, not {unique!r}")
    if is_periodic or is_on_all:
        raise ValueError("unique is for types that are neither periodic nor on all servers")
    if isinstance(unique_by, str) or not isinstance(unique_by, Sequence):
        raise ValueError(f"unique_by must be a sequence of parameter names, not {unique_by!r}")
    if unknown := [one for one in unique_by if one not in parameters]:
        raise ValueError(f"unique_by names {', '.join(map(repr, unknown))}: no parameter of it")
    return Control(limits, UniqueRule(name, unique, unique_by))


def limits_of(concurrency: int | None, rate: str | None) -> str:
    """The limits as the scripts read them. Raises `ValueError`."""
    if concurrency is None and rate is None:
        return ""
    most = 0 if concurrency is None else concurrency
    if type(most) is not int or (concurrency is not None and most < 1):
        raise ValueError(f"concurrency must be a whole number from 1, not {concurrency!r}")
    if rate is None:
        return f"{most} 0 1"
    if not isinstance(rate, str):
        raise ValueError(f"rate must be a text such as '10/s', not {rate!r}")
    parsed = parse_rate(rate)
    if parsed.period <= 0:
        raise ValueError(f"rate {rate!r} has no period")
    return f"{most} {parsed.period * 1000 / parsed.uses:.6f} {parsed.uses}"
