"""Periodic types as a server registers them."""

from actionhero.tasks.schedule import periodic_types
from actionhero.tasks.task import TaskDefinition


async def sweep(depth: int = 3) -> None: ...


def test_only_those_of_the_queue_and_with_an_interval() -> None:
    types = [
        TaskDefinition(sweep, every="1m30s"),
        TaskDefinition(sweep, name="plain"),
        TaskDefinition(sweep, name="elsewhere", every=1, queue="other"),
    ]
    (one,) = periodic_types(types, "default")
    assert (one.name, one.spec) == ("sweep", "90000")
    assert one.record == b'1np-{"name":"sweep","params":{"depth":3}}'


def test_one_on_all_servers_says_so() -> None:
    (one,) = periodic_types([TaskDefinition(sweep, every=1, scope="all")], "default")
    assert one.record.startswith(b"1nb-")
