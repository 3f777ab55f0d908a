"""How many tasks a lane claims beyond its free slots, and when it fetches more."""

from actionhero.workers.ahead import Ahead


def after(*turns: tuple[int, float], trip: float = 0.0) -> Ahead:
    """Turns, each with what finished in it and the seconds it took."""
    ahead, now = Ahead(), 1000.0
    ahead.turn(0, now)
    for finished, seconds in turns:
        if trip:
            ahead.tripped(trip)
        now += seconds
        ahead.turn(finished, now)
    return ahead


def test_nothing_ahead_of_long_tasks() -> None:
    assert after((1, 1.0), (2, 1.0)).most == 0


def test_twice_what_finished_of_short_ones() -> None:
    ahead = after((10, 0.001))
    assert (ahead.most, ahead.low) == (20, 10)


def test_what_finishes_in_a_moment_at_most() -> None:
    assert after((100, 0.125)).most == 16


def test_is_bounded() -> None:
    assert after((5_000, 0.001), trip=10.0).most == 300


def test_a_short_turn_after_a_long_one_says_little() -> None:
    assert after((150, 0.003), (2, 0.001)).most == 300
    assert after((150, 0.003), (2, 0.001), (2, 0.001)).most == 4


def test_a_far_store_is_asked_earlier() -> None:
    turns = [(150, 0.003)] * 20
    assert after(*turns).low == 150
    assert 200 < after(*turns, trip=0.005).low < 300
    assert after(*turns, trip=0.1).low == 300


def test_stops() -> None:
    ahead = after((10, 0.001))
    ahead.stop()
    assert (ahead.most, ahead.low) == (0, 0)
