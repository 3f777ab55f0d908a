"""What the commands about tasks share."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import click

from actionhero.cli.loading import Loaded, load_quietly

if TYPE_CHECKING:
    from actionhero.tasks.views import Page, TaskView

limit_option = click.option(
    "--limit", type=click.IntRange(1, 10_000), default=100, help="Show at most so many (100)."
)


def load_tasks(options: dict[str, str | None]) -> Loaded:
    """The app that the `app_options` mean."""
    return load_quietly(options["target"], options["env"], store=options["store"])


async def first(
    count: int, fetch: "Callable[[str | None, int], Awaitable[Page]]"
) -> "list[TaskView]":
    """At most `count` tasks of the pages that `fetch` gets by cursor and size."""
    found: list[TaskView] = []
    cursor: str | None = None
    while len(found) < count:
        page = await fetch(cursor, count - len(found))
        found += page.tasks
        if page.next is None:
            break
        cursor = page.next
    return found


def tell_limit(shown: int, limit: int) -> None:
    """Say that there may be more than was shown."""
    if shown == limit:
        click.echo(f"(There may be more; --limit shows more than {limit}.)")
