"""What becomes of a task that raised."""

import pytest

from actionhero.codec import decode_json
from actionhero.tasks.outcomes import Discarded, Failed, Outcome, Retrying
from actionhero.tasks.retry import Discard, Retry, RetryPolicy, judge


def kind(policy: RetryPolicy, error: BaseException, attempts: int = 1) -> type[Outcome]:
    return type(judge(policy, error, attempts))


def test_there_are_as_many_as_was_said() -> None:
    policy = RetryPolicy(retries=2)
    assert kind(policy, ValueError(), 1) is Retrying
    assert kind(policy, ValueError(), 2) is Retrying
    assert kind(policy, ValueError(), 3) is Failed
    assert kind(RetryPolicy(), ValueError(), 1) is Failed


def test_each_waits_about_twice_as_long_up_to_the_most() -> None:
    policy = RetryPolicy(retries=1000, backoff=2.0, max_backoff=60.0)
    for attempts, longest in ((1, 2.0), (2, 4.0), (3, 8.0), (5, 32.0), (6, 60.0), (999, 60.0)):
        delays = [policy.delay(attempts) for _ in range(50)]
        assert all(longest / 2 <= delay <= longest for delay in delays)
        assert len(set(delays)) > 1


def test_no_backoff_is_at_once() -> None:
    assert RetryPolicy(retries=1, backoff=0.0).delay(1) == 0.0


def test_some_errors_fail_at_once() -> None:
    policy = RetryPolicy(retries=5, fail_for=(LookupError, TypeError))
    assert kind(policy, KeyError("x")) is Failed
    assert kind(policy, ValueError()) is Retrying


def test_only_some_errors_are_retried() -> None:
    policy = RetryPolicy(retries=5, retry_for=(OSError,), fail_for=(FileNotFoundError,))
    assert kind(policy, TimeoutError()) is Retrying
    assert kind(policy, ValueError()) is Failed
    assert kind(policy, FileNotFoundError()) is Failed  # both: the stricter one counts
    assert kind(policy, OSError(), 6) is Failed


def test_a_task_that_asks_runs_again_when_it_says() -> None:
    policy = RetryPolicy(fail_for=(Exception,), backoff=4.0)
    outcome = judge(policy, Retry("not yet", after="1m"), 100)
    assert isinstance(outcome, Retrying)
    assert outcome.delay == 60.0
    assert decode_json(outcome.error)["message"] == "not yet"
    backed_off = judge(policy, Retry(), 1)
    assert isinstance(backed_off, Retrying)
    assert 2.0 <= backed_off.delay <= 4.0


def test_a_task_that_asks_is_discarded() -> None:
    outcome = judge(RetryPolicy(retries=5), Discard("nobody wants it"), 1)
    assert isinstance(outcome, Discarded)
    assert decode_json(outcome.reason)["message"] == "nobody wants it"


def test_after_must_be_a_duration() -> None:
    with pytest.raises(ValueError, match="soon"):
        Retry(after="soon")
