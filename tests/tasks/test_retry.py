"""Backoff."""

from actionhero.tasks.retry import RetryPolicy


def test_there_are_as_many_as_was_said() -> None:
    policy = RetryPolicy(retries=2)
    assert policy.delay(1) is not None
    assert policy.delay(2) is not None
    assert policy.delay(3) is None
    assert RetryPolicy().delay(1) is None


def test_each_waits_about_twice_as_long_up_to_the_most() -> None:
    policy = RetryPolicy(retries=1000, backoff=2.0, max_backoff=60.0)
    for attempts, longest in ((1, 2.0), (2, 4.0), (3, 8.0), (5, 32.0), (6, 60.0), (999, 60.0)):
        delays = [policy.delay(attempts) or 0.0 for _ in range(50)]
        assert all(longest / 2 <= delay <= longest for delay in delays)
        assert len(set(delays)) > 1


def test_no_backoff_is_at_once() -> None:
    assert RetryPolicy(retries=1, backoff=0.0).delay(1) == 0.0
