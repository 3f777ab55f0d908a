"""Types by the clock through any order of events: servers start, lag, crash, lose their leases and
leave while time passes. Every occurrence is fired, and none twice."""

import random
from collections import Counter

import pytest

from actionhero.store.task_scripts import TickReply
from actionhero.tasks.schedule import ByClock
from actionhero.workers.firing import Firing
from tests.tasks.lab import LEASE, START, Lab, Other, Server, ids_of, periodic
from tests.workers.house import Counts

MINUTE = 60_000
SWEEP = periodic("sweep", ByClock("* * * * *", "UTC", "all", "allow").spec)
STEPS = 1200


class Disorder:
    """Some servers, in any state."""

    def __init__(self, lab: Lab, seed: int) -> None:
        self.lab = lab
        self.random = random.Random(seed)
        self.servers: list[Server] = []
        self.held: dict[Server, dict[str, int]] = {}
        self.heard: list[TickReply] = []
        self.ended: Counter[str] = Counter()
        self.booted = 0

    async def step(self) -> None:
        events = [self.boot, self.crash, self.leave, self.register_again, self.renew]
        events += [self.advance] * 3 + [self.tick] * 8 + [self.fire] * 6
        event = self.random.choice(events)
        if self.servers or event in {self.boot, self.advance}:
            await event()

    async def boot(self) -> None:
        if len(self.servers) < 4:
            self.booted += 1
            server = await self.lab.server(f"s{self.booted}:1", SWEEP)
            self.servers.append(server)
            self.held[server] = {}

    async def crash(self) -> None:
        """It may still have said that something is due, and says it late."""
        self.servers.remove(self.random.choice(self.servers))

    async def leave(self) -> None:
        server = self.random.choice(self.servers)
        self.servers.remove(server)
        await self.lab.scripts.leave(server.id)

    async def register_again(self) -> None:
        server = self.random.choice(self.servers)
        await self.lab.scripts.register(server.id, LEASE, [SWEEP], is_start=False)

    async def renew(self) -> None:
        for server in list(self.servers):
            if not await server.renew():
                self.servers.remove(server)

    async def advance(self) -> None:
        await self.lab.advance(self.random.choice([1, 999, 5_000, 30_000, MINUTE]))
        if self.random.random() < 0.8:
            await self.renew()

    async def tick(self) -> None:
        await self.tick_of(self.random.choice(self.servers), self.random.random() < 0.7)

    async def tick_of(self, server: Server, settles: bool) -> None:
        ending = self.held[server] if settles else {}
        reply = await server.tick(
            5, others=[Other("d", *pair) for pair in ending.items()], max_lapses=1000
        )
        if reply.status == "lost":
            self.servers.remove(server)
            return
        refused = {id.decode() for id in reply.refused}
        self.ended.update(id for id in ending if id not in refused)
        if settles:
            self.held[server] = {}
        self.held[server].update(dict.fromkeys(ids_of(reply), server.number))
        self.heard.append(reply)

    async def fire(self) -> None:
        """Answer something that was heard, perhaps long ago."""
        if self.heard:
            reply = self.heard.pop(self.random.randrange(len(self.heard)))
            await Firing(self.lab.scripts, Counts()).answer(reply.notes)

    async def come_to_rest(self) -> None:
        """One server stays alive and does what there is to do."""
        self.servers = []
        await self.lab.advance(2 * LEASE)
        await self.boot()
        (last,) = self.servers
        for _ in range(1000):
            before = self.ended.total()
            await self.lab.advance(LEASE // 2)
            assert await last.renew()
            await self.tick_of(last, settles=True)
            while self.heard:
                await self.fire()
            if self.ended.total() == before and not (self.held[last] or await self.lab.ids()):
                return


@pytest.mark.parametrize("seed", range(4))
async def test_every_occurrence_is_fired_and_none_twice(lab: Lab, seed: int) -> None:
    disorder = Disorder(lab, seed)
    await disorder.boot()
    for _ in range(STEPS):
        await disorder.step()
    await disorder.come_to_rest()
    count = (lab.now - START) // MINUTE
    assert count > 30
    expected = {f"sweep#{START + n * MINUTE}": 1 for n in range(1, count + 1)}
    assert disorder.ended == expected
