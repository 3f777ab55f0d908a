"""Three bands: the high ones first, and nobody starves."""

from collections import Counter

from tests.tasks.lab import Lab


async def test_the_high_ones_come_first(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.put("l", priority="low")
    await lab.put("n", priority="normal")
    await lab.put("h", priority="high")
    assert await server.claim() == ["h", "n", "l"]


async def test_each_band_has_its_turns(lab: Lab) -> None:
    server = await lab.server("a:1")
    for priority in ("high", "normal", "low"):
        await lab.put(*(f"{priority}{n}" for n in range(60)), priority=priority)
    claimed = [(await server.claim(1))[0] for _ in range(50)]
    assert Counter(id.rstrip("0123456789") for id in claimed) == {"high": 40, "normal": 8, "low": 2}
    assert [n for n, id in enumerate(claimed, 1) if id.startswith("low")] == [25, 50]


async def test_only_ticks_that_want_something_take_turns(lab: Lab) -> None:
    """Else a server that claims with every fifth tick would leave the high ones to starve."""
    server = await lab.server("a:1")
    await lab.put(*(f"h{n}" for n in range(9)), priority="high")
    await lab.put("n")
    claimed = []
    for _ in range(4):
        for _ in range(4):
            await server.tick(0)
        claimed += await server.claim(1)
    assert claimed == ["h0", "h1", "h2", "h3"]
