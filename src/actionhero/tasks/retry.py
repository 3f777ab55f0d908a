"""When a task that raised runs again: exponential backoff with jitter."""

import random

from msgspec import Struct


class RetryPolicy(Struct, frozen=True):
    """`retries` more attempts after the first; the first after about `backoff` seconds, each later
    one after twice as long, at most `max_backoff`."""

    retries: int = 0
    backoff: float = 1.0
    max_backoff: float = 3600.0

    def delay(self, attempts: int) -> float | None:
        """Seconds until the next attempt after `attempts` that raised; None if there is none.

        Half of the time is random, so that what failed together does not come back together.
        """
        if attempts > self.retries:
            return None
        longest = min(self.max_backoff, self.backoff * 2.0 ** min(attempts - 1, 60))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311  not a secret
