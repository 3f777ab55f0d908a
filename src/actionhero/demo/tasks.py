"""A task of each kind. Each leaves a line in the log and a number in the stats."""

import logging

from actionhero import Stats, task

_log = logging.getLogger("actionhero.demo")


@task
async def greet(name: str, stats: Stats) -> None:
    """Once, on any server: greet somebody."""
    _log.info("Hello, %s.", name)
    stats.increment("demo:greetings")


@task
async def divide(a: float, b: float, stats: Stats) -> None:
    """Once, on any server, and fails for b = 0: see `actionhero tasks failed` and `retry`."""
    _log.info("%g / %g = %g", a, b, a / b)
    stats.increment("demo:divisions")


@task(scope="all")
async def forget(what: str, stats: Stats) -> None:
    """Once on every live server, as for dropping what each has in its memory."""
    _log.info("forgot %s", what)
    stats.increment("demo:forgotten")


@task(every="20s")
async def tidy(stats: Stats) -> None:
    """Every 20 seconds, on one server of all."""
    _log.info("tidied up, for all servers")
    stats.increment("demo:tidied")


@task(every="30s", scope="all")
async def report(stats: Stats) -> None:
    """Every 30 seconds, on every server."""
    greetings = await stats.get("demo:greetings")
    _log.info("%d greetings so far", greetings)
    stats.increment("demo:reports")
