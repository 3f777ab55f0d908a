import pytest

from actionhero.clock import Rate, parse_rate
from actionhero.errors import StoreUnavailableError, TooManyRequestsError
from actionhero.limits import Limits
from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys


@pytest.fixture
def limits(store: StoreClient, keys: Keys) -> Limits:
    return Limits(store, keys)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("10/s", Rate(10, 1)),
        ("100 / m", Rate(100, 60)),
        ("5/10s", Rate(5, 10)),
        ("1/d", Rate(1, 86400)),
    ],
)
def test_a_rate_is_read(text: str, rate: Rate) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "10", "0/s", "often", "10/parsec", "-1/s"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        parse_rate(text)


async def test_all_uses_may_come_at_once_and_then_wait(limits: Limits) -> None:
    rate = Rate(3, 3600)
    for _ in range(3):
        await limits.take("a", "1.2.3.4", rate)
    for _ in range(2):  # a denied use costs nothing
        with pytest.raises(TooManyRequestsError, match="3 calls in 3600 s") as caught:
            await limits.take("a", "1.2.3.4", rate)
        assert caught.value.retry_after == pytest.approx(1200, abs=30)


async def test_each_client_and_each_name_has_its_own(limits: Limits) -> None:
    rate = Rate(1, 3600)
    await limits.take("a", "1.2.3.4", rate)
    await limits.take("a", "1.2.3.5", rate)
    await limits.take("b", "1.2.3.4", rate)


async def test_uses_come_back_and_leave_nothing_behind(
    limits: Limits, store: StoreClient, keys: Keys
) -> None:
    used, waits = 0, []
    while used < 3:
        try:
            await limits.take("a", "x", Rate(1, 0.02))
            used += 1
        except TooManyRequestsError as exc:
            waits.append(exc.retry_after)
    assert all(wait is not None and 0 < wait <= 0.02 for wait in waits)
    assert int(str(await store.execute("PTTL", keys.rate("a", "x")))) <= 20


async def test_a_limit_that_cannot_be_checked_is_not_passed(
    limits: Limits, store: StoreClient
) -> None:
    await store.aclose()
    with pytest.raises(StoreUnavailableError):
        await limits.take("a", "x", Rate(1, 1))
