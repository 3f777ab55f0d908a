"""Dead letters: the tasks that failed for good, kept until a person retries or purges them."""

from actionhero.errors import UnknownTaskError
from actionhero.tasks.inspection import Inspection, no_such
from actionhero.tasks.views import Page


class DeadLetters(Inspection):
    """What one may do with dead letters."""

    async def failed(
        self, queue: str | None = None, cursor: str | None = None, count: int = 100
    ) -> Page:
        """Dead letters, the newest first; without `queue`, those of one queue after another."""
        if queue is not None:
            return await self.list(queue, "failed", cursor, count)
        names = await self.queues()
        at, _, offset = (cursor or "").partition(":")
        names = [name for name in names if name >= at]
        for place, name in enumerate(names):
            page = await self.list(name, "failed", offset if name == at else None, count)
            if page.next is not None:
                return Page(page.tasks, f"{name}:{page.next}")
            if page.tasks:
                return Page(page.tasks, f"{names[place + 1]}:" if place + 1 < len(names) else None)
        return Page([])

    async def retry(self, id: str) -> None:
        """Give a dead letter another chance, with all its attempts.

        Raises `UnknownTaskError` if there is none of this id, or it did not fail, or it is a copy
        whose server is gone.
        """
        for queue in await self.queues():
            told = await self.scripts(queue).retry(id)
            if told == "retried":
                return
            if told == "absent":
                raise UnknownTaskError(
                    f"task {id!r} is the copy of a server that is gone; nobody can run it"
                )
            if told != "unknown":
                raise UnknownTaskError(f"task {id!r} has not failed: it is {told}")
        raise UnknownTaskError(no_such(id))
