"""Task types and their queues, for tests that look into these."""

from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys
from actionhero.tasks.queue import Tasks
from actionhero.tasks.task import TaskDefinition


async def send(email: str, n: int = 1) -> None: ...
async def sweep() -> None: ...


SEND = TaskDefinition(send)
URGENT = TaskDefinition(send, name="urgent", priority="high")
MAIL = TaskDefinition(send, name="mail", queue="mail")
SWEEP = TaskDefinition(sweep, scope="all")


def open_queues(store: StoreClient, keys: Keys) -> Tasks:
    """The queues of these types. Close them after."""
    return Tasks(store, keys, {one.name: one for one in (SEND, URGENT, MAIL, SWEEP)})


class Failer:
    """A server whose tasks fail."""

    def __init__(self, tasks: Tasks, queue: str = "default", server: str = "f:1") -> None:
        self.scripts = tasks.scripts(queue)
        self.server = server
        self.number = 0

    async def fail(self, count: int = 1000, error: str = '{"type":"E","message":""}') -> list[str]:
        """Claim up to `count` tasks and fail them all in one tick. Returns their ids."""
        await self.scripts.register(self.server, 60_000, [])
        held = await self._tick(count, 1, [])
        await self._tick(0, 0, [part for id in held for part in ("f", id, self.number, 0, error)])
        return [id.decode() for id in held]

    async def _tick(self, want: int, duties: int, failures: list[str | bytes | int]) -> list[bytes]:
        self.number += 1
        args = [self.server, self.number, want, duties, 3, 0, len(failures) // 5, *failures]
        return list((await self.scripts.tick(args)).ids)
