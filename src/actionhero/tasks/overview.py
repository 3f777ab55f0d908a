"""Puts together what each shard tells: the queues, and the servers with what they run."""

import functools
from collections import Counter
from collections.abc import Iterator, Mapping

from actionhero.store.inspection_scripts import Counts, Glance, Working
from actionhero.store.keys import queue_of
from actionhero.tasks.views import Overview, QueueView, ServerView, TaskView, claimed_at, view


def overview_of(glances: Mapping[str, Glance], failures: int) -> Overview:
    """The overview of these shards, with at most so many dead letters."""
    at = max((glance.at for glance in glances.values()), default=0)
    return Overview(
        at=at,
        queues=list(_queues(glances)),
        servers=list(_servers(glances, at)),
        failed=_newest(glances)[:failures],
    )


def _queues(glances: Mapping[str, Glance]) -> Iterator[QueueView]:
    by_queue: dict[str, list[Counts]] = {}
    for shard, glance in glances.items():
        by_queue.setdefault(queue_of(shard), []).append(glance.counts)
    for name, shards in sorted(by_queue.items()):
        counts = functools.reduce(Counts.plus, shards)
        yield QueueView(
            name=name,
            pending=counts.pending,
            local=counts.local,
            delayed=counts.delayed,
            processing=counts.processing,
            failed=counts.failed,
            servers=counts.servers,
            shards=len(shards),
            is_paused=bool(counts.paused),
        )


def _servers(glances: Mapping[str, Glance], at: int) -> Iterator[ServerView]:
    by_server: dict[str, list[tuple[str, Working]]] = {}
    for shard, glance in glances.items():
        for one in glance.servers:
            by_server.setdefault(one.server, []).append((queue_of(shard), one))
    for id, parts in sorted(by_server.items()):
        tasks = [task for _, one in parts for task in one.tasks]
        claims = [moment for _, token in tasks if (moment := claimed_at(token)) is not None]
        yield ServerView(
            id=id,
            queues=sorted({queue for queue, _ in parts}),
            lease=min(one.lease for _, one in parts) - at,
            held=sum(one.held for _, one in parts),
            running=dict(Counter(name for name, _ in tasks).most_common()),
            oldest=min(claims, default=None),
        )


def _newest(glances: Mapping[str, Glance]) -> list[TaskView]:
    letters = [
        view(queue_of(shard), one) for shard, glance in glances.items() for one in glance.failed
    ]
    return sorted(letters, key=lambda one: one.finished_at or 0, reverse=True)
