"""Places, and whose turn it is."""

from actionhero.workers.slots import Slots


def test_gives_no_more_than_there_are() -> None:
    slots = Slots(3)
    assert [slots.take(2), slots.take(2), slots.take(2)] == [2, 1, 0]
    slots.give(2)
    assert slots.take(5) == 2


def test_who_waited_longest_is_told_first_and_once() -> None:
    slots, told = Slots(1), list[str]()
    slots.take(1)

    def one() -> None:
        told.append("one")

    def two() -> None:
        told.append("two")

    slots.wait(one)
    slots.wait(two)
    slots.wait(one)
    assert slots.is_contended
    slots.give()
    assert told == ["one"]
    slots.give(5)
    assert told == ["one", "two"]
    assert not slots.is_contended
