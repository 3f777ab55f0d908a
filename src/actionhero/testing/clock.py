"""Time that passes when the test says so.

The store's own clock decides when a task is due and a cached value gone, and cannot be set. So
`advance` moves those moments nearer instead: for everything that waits in the store, that is the
same. Leases are left alone, so servers and workers do not notice.
"""

from actionhero.clock import Duration, parse_duration
from actionhero.services import Services
from actionhero.store.keys import QUEUE_KEYS
from actionhero.store.scripts import Script

_NEARER = Script(
    "testing nearer",
    """-- KEYS: delayed, schedule, wake   ARGV: milliseconds
-- A periodic type that comes due in it is due now: one by the clock would be missed else.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 1, 2 do
  local earliest = i == 2 and now or 0
  local waiting = redis.call('ZRANGEBYSCORE', KEYS[i], earliest, '+inf', 'WITHSCORES')
  for at = 1, #waiting, 2 do
    redis.call('ZADD', KEYS[i], math.max(earliest, waiting[at + 1] - ARGV[1]), waiting[at])
  end
end
redis.call('DEL', KEYS[3])
redis.call('RPUSH', KEYS[3], '1')
""",
)


class FakeClock:
    """The time of one test's store."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def advance(self, by: Duration) -> None:
        """Let `by` pass: what is due within it becomes due (a periodic type once), what expires
        within it is gone."""
        milliseconds = round(parse_duration(by) * 1000)
        for queue in await self._services.tasks.shards():
            await self._bring_nearer(queue, milliseconds)
        await self._expire(milliseconds)

    async def _bring_nearer(self, queue: str, milliseconds: int) -> None:
        keys = dict(zip(QUEUE_KEYS, self._services.keys.queue(queue).for_scripts, strict=True))
        await _NEARER(
            self._services.store,
            [keys["delayed"], keys["schedule"], keys["wake"]],
            [milliseconds],
        )

    async def _expire(self, milliseconds: int) -> None:
        store = self._services.store
        for key in await store.execute("KEYS", "*"):
            left = int(await store.execute("PTTL", key))
            if left > 0:
                await store.execute("PEXPIRE", key, left - milliseconds)
