"""What becomes of a task that raised: whether it runs again, and when.

Rules
- `raise Retry(after="5s")` always runs it again, however many retries the type has: the function
  decides, and may look at `task.attempts` to stop. It counts as an attempt that raised.
- `raise Discard("why")` ends it without a dead letter: it is counted and logged, no more.
- Any other error is retried as often as the type says, after a backoff with jitter. An error of
  `fail_for` fails at once; where `retry_for` is given, so does every error that is not of it.
- All this is one pure function, `judge`; the timeout of an attempt is a `TimeoutError` to it.
"""

import random

from msgspec import Struct

from actionhero.clock import Duration, parse_duration
from actionhero.tasks.outcomes import Discarded, Failed, Outcome, Retrying, describe_error

Errors = tuple[type[BaseException], ...]


class Retry(Exception):  # noqa: N818  it is no error: the function asks for something
    """Raise it in a task to have it run again, `after` that long (default: after its backoff)."""

    def __init__(self, reason: str = "it asked to run again", *, after: Duration | None = None):
        """Raises `ValueError` for an `after` that is no duration."""
        super().__init__(reason)
        self.after = None if after is None else parse_duration(after)


class Discard(Exception):  # noqa: N818  it is no error: the function asks for something
    """Raise it in a task to end it as cancelled: it is not retried, and leaves no dead letter."""

    def __init__(self, reason: str = "it asked to be discarded"):
        super().__init__(reason)


class RetryPolicy(Struct, frozen=True):
    """`retries` more attempts after the first; the first after about `backoff` seconds, each later
    one after twice as long, at most `max_backoff`. Errors of `fail_for` are not retried, nor those
    that are not of `retry_for`, if that is given."""

    retries: int = 0
    backoff: float = 1.0
    max_backoff: float = 3600.0
    retry_for: Errors = ()
    fail_for: Errors = ()

    def problem(self) -> str | None:
        """What cannot be meant, if anything."""
        if self.retries < 0:
            return f"retries must be 0 or more, not {self.retries}"
        for option, errors in (("retry_for", self.retry_for), ("fail_for", self.fail_for)):
            if not isinstance(errors, tuple) or not all(_is_exception(one) for one in errors):
                return f"{option} must be a tuple of exception types, not {errors!r}"
        if self.retry_for and not self.retries:
            return "retry_for means nothing without retries"
        return None

    def delay(self, attempts: int) -> float:
        """Seconds until the next attempt, after `attempts` that raised.

        Half of the time is random, so that what failed together does not come back together.
        """
        longest = min(self.max_backoff, self.backoff * 2.0 ** min(attempts - 1, 60))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311  not a secret

    def is_retried(self, error: BaseException, attempts: int) -> bool:
        """Whether `error`, the last of `attempts` that raised, is followed by another attempt."""
        if attempts > self.retries or isinstance(error, self.fail_for):
            return False
        return not self.retry_for or isinstance(error, self.retry_for)


def judge(policy: RetryPolicy, error: BaseException, attempts: int) -> Outcome:
    """What becomes of a task that raised `error`, the last of `attempts` that raised."""
    described = describe_error(error)
    if isinstance(error, Discard):
        return Discarded(described)
    if isinstance(error, Retry):
        return Retrying(policy.delay(attempts) if error.after is None else error.after, described)
    if policy.is_retried(error, attempts):
        return Retrying(policy.delay(attempts), described)
    return Failed(described)


def _is_exception(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseException)
