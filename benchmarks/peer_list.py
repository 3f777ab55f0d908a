"""The task queues that ours is held against: versions, and the best settings that we found.

Rules:
- A peer is timed with the settings by which its documentation promises to lose nothing (`safe`
  says them), since that is what ours does. To find its best concurrency again:
  `python -m benchmarks.tasks_side_by_side --tune NAME`.
- Whether that promise holds is not taken from its documentation: `is_safe` is what
  `python -m benchmarks.kill_peers` has found.
"""

from __future__ import annotations

import dataclasses

from benchmarks.task_peers import (
    Command,
    NodePeer,
    Ours,
    Peer,
    PythonPeer,
    Store,
    Traits,
    length_of,
)
from benchmarks.valkey import Valkey


def _count_stream(store: Store) -> int:
    """Count what a group has not acknowledged; before there is a group, the whole stream."""
    assert isinstance(store, Valkey)
    groups = store.ask("XINFO", "GROUPS", "taskiq") if store.count("EXISTS", "taskiq") else []
    if not isinstance(groups, list) or not groups:
        return store.count("XLEN", "taskiq")
    group = dict(zip(groups[0][::2], groups[0][1::2], strict=True))
    return int(group[b"pending"]) + int(group[b"lag"] or 0)


def _celery(concurrency: int) -> Command:
    quiet = ["--loglevel", "ERROR", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    pool = ["--pool", "prefork", "--concurrency", str(concurrency)]
    return ["-m", "celery", "--app", "celery_app", "worker", *quiet, *pool]


def _dramatiq(threads: int) -> Command:
    return ["-m", "dramatiq", "dramatiq_app", "--processes", "1", "--threads", str(threads)]


def _taskiq(concurrency: int) -> Command:
    limits = ["--workers", "1", "--max-async-tasks", str(concurrency)]
    return ["-m", "taskiq", "worker", "taskiq_app:broker", "--log-level", "ERROR", *limits]


def _huey(threads: int) -> Command:
    pool = ["--worker-type", "thread", "--workers", str(threads)]
    return ["-m", "huey.bin.huey_consumer", "huey_app.huey", "--quiet", *pool]


_BULLMQ = length_of(("LLEN", "bull:bench:wait"), ("LLEN", "bull:bench:active"))
_BULLMQ_SAFE = Traits(
    safe="lockDuration, stalledInterval 10 s, maxStalledCount 3",
    held_for="30 to 60 s",
    parked=(("ZCARD", "bull:bench:failed"),),
)

PEERS: tuple[Peer, ...] = (
    Ours(),
    PythonPeer(
        "celery",
        ("celery[redis]==5.7.0", "hiredis==3.5.0"),
        "celery_app",
        _celery,
        length_of(("LLEN", "celery"), ("HLEN", "unacked")),
        concurrency=2,
        candidates=(1, 2, 4),
        env={"BENCH_PREFETCH": "64"},
        traits=Traits(
            kill_concurrency=4,
            safe="acks_late, reject_on_worker_lost, visibility_timeout 10 s",
            held_for="1 h",
            scheduler=("-m", "celery", "--app", "celery_app", "beat"),
        ),
    ),
    NodePeer(
        "bullmq",
        ("bullmq@6.7.0", "ioredis@5.11.1"),
        "bullmq.mjs",
        _BULLMQ,
        concurrency=100,
        candidates=(10, 50, 100, 200, 400),
        traits=_BULLMQ_SAFE,
    ),
    PythonPeer(
        "pgqueuer",
        ("pgqueuer[asyncpg]==1.6.0", "uvloop==0.23.0"),
        "pgqueuer_app",
        lambda _: ["pgqueuer_app.py"],
        length_of(("pgqueuer",)),
        concurrency=400,
        candidates=(50, 100, 200, 400, 800),
        store="postgres",
        traits=Traits(safe="heartbeat_timeout 10 s", held_for="30 s", period=60),
    ),
    PythonPeer(
        "dramatiq",
        ("dramatiq[redis]==2.2.1", "hiredis==3.5.0"),
        "dramatiq_app",
        _dramatiq,
        length_of(("HLEN", "dramatiq:default.msgs")),
        concurrency=2,
        candidates=(1, 2, 4, 8),
        # The default of two messages a thread makes each fetch wait for the last.
        env={"dramatiq_queue_prefetch": "200"},
        traits=Traits(
            safe="heartbeat_timeout 10 s, maintenance_chance 1 %",
            held_for="1 min and a chance",
            period=0,
            parked=(("ZCARD", "dramatiq:default.XQ"),),
        ),
    ),
    PythonPeer(
        "taskiq",
        ("taskiq==0.13.0", "taskiq-redis==1.2.4", "hiredis==3.5.0", "uvloop==0.23.0"),
        "taskiq_app",
        _taskiq,
        _count_stream,
        concurrency=100,
        candidates=(10, 100, 400),
        traits=Traits(
            safe="stream broker, idle_timeout 10 s, lock timeout",
            held_for="10 min",
            scheduler=("-m", "taskiq", "scheduler", "taskiq_app:scheduler"),
        ),
    ),
    PythonPeer(
        "huey",
        ("huey==3.5.4", "redis==8.1.0", "hiredis==3.5.0"),
        "huey_app",
        _huey,
        length_of(("LLEN", "huey.redis.bench")),
        concurrency=2,
        candidates=(1, 2, 4, 8),
        traits=Traits(is_safe=False, period=60),
    ),
    PythonPeer(
        "arq",
        ("arq==0.28.0", "hiredis==3.5.0"),
        "arq_app",
        lambda _: ["-m", "arq", "arq_app.WorkerSettings"],
        length_of(("ZCARD", "arq:queue")),
        concurrency=50,
        candidates=(10, 50, 100, 200),
        traits=Traits(safe="job_timeout 10 s", held_for="310 s"),
    ),
    PythonPeer(
        "saq",
        ("saq[redis]==0.26.4", "typing-extensions==4.16.0", "hiredis==3.5.0", "uvloop==0.23.0"),
        "saq_app",
        lambda _: ["-m", "saq", "saq_app.settings", "--quiet"],
        length_of(("ZCARD", "saq:bench:incomplete")),
        concurrency=10,
        candidates=(1, 10, 50, 100),
        traits=Traits(safe="retries 3, timeout 10 s, sweep 5 s", held_for="60 s"),
    ),
    PythonPeer(
        "bullmq-python",
        ("bullmq==3.4.4", "hiredis==3.5.0"),
        "bullmq_app",
        lambda _: ["bullmq_app.py"],
        _BULLMQ,
        concurrency=50,
        candidates=(10, 50, 100, 200),
        # It has a scheduler, but the script of this version fails (no integer for a string).
        traits=dataclasses.replace(_BULLMQ_SAFE, period=0),
    ),
    PythonPeer(
        "docket",
        ("pydocket==0.27.0", "hiredis==3.5.0", "uvloop==0.23.0"),
        "docket_app",
        lambda _: ["docket_app.py"],
        length_of(("XLEN", "bench:stream"), ("ZCARD", "bench:queue")),
        concurrency=50,
        candidates=(10, 50, 100),
        traits=Traits(safe="redelivery_timeout 10 s", held_for="5 min"),
    ),
    PythonPeer(
        "rq",
        ("rq==3.0.0", "hiredis==3.5.0"),
        "rq_app",
        lambda _: ["rq_app.py"],
        length_of(
            ("LLEN", "rq:queue:bench"),
            ("LLEN", "rq:queue:bench:intermediate"),
            ("ZCARD", "rq:wip:bench"),
        ),
        concurrency=1,
        candidates=(1,),
        traits=Traits(
            kill_concurrency=1,
            safe="Retry(3), maintenance and monitoring 5 s",
            held_for="10 min",
            period=0,
            parked=(("ZCARD", "rq:failed:bench"),),
        ),
    ),
)
