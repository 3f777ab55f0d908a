"""Periodic types as they are defined, and as a server registers them."""

import subprocess
import sys
from typing import Any

import pytest

from actionhero.errors import DefinitionError
from actionhero.tasks.queues import QueueDefinition
from actionhero.tasks.schedule import ByClock, Every, periodic_types, read_spec
from actionhero.tasks.task import TaskDefinition


async def sweep(depth: int = 3) -> None: ...


def test_only_those_of_the_queue_and_with_a_schedule() -> None:
    types = [
        TaskDefinition(sweep, every="1m30s"),
        TaskDefinition(sweep, name="plain"),
        TaskDefinition(sweep, name="elsewhere", every=1, queue="other"),
    ]
    (one, _) = periodic_types([*types, TaskDefinition(sweep, cron="@daily")], "default")
    assert (one.name, one.spec) == ("sweep", "90000")
    assert one.record == b'1np-{"name":"sweep","params":{"depth":3}}'


def test_of_a_divided_queue_each_type_is_in_one_shard() -> None:
    divided = QueueDefinition("default", shards=4)
    types = [TaskDefinition(sweep, name=f"t{n}", every=1) for n in range(20)]
    by_shard = [
        {one.name for one in periodic_types(types, shard, {"default": divided})}
        for shard in divided.shards
    ]
    assert sum(map(len, by_shard)) == len(set().union(*by_shard)) == 20
    assert all(by_shard)


def test_one_on_all_servers_says_so() -> None:
    (one,) = periodic_types([TaskDefinition(sweep, every=1, scope="all")], "default")
    assert one.record.startswith(b"1nb-")


def test_a_schedule_in_the_store_is_one_word_and_reads_back() -> None:
    definition = TaskDefinition(
        sweep, cron="*/5 3  * * mon", tz="America/Sao_Paulo", catch_up="all", overlap="allow"
    )
    assert definition.schedule == ByClock("*/5 3 * * MON", "America/Sao_Paulo", "all", "allow")
    assert definition.schedule.spec == "c:all:allow:America/Sao_Paulo:*/5_3_*_*_MON"
    assert read_spec(definition.schedule.spec) == definition.schedule
    assert read_spec("1500") == Every(1.5)


def test_by_the_clock_of_utc_leaving_out_what_is_missed_unless_told() -> None:
    assert TaskDefinition(sweep, cron="0 3 * * *").schedule == ByClock(
        "0 3 * * *", "UTC", "skip", "skip"
    )


@pytest.mark.parametrize("spec", ["stopped", "", "c:skip:skip:UTC", "c:never:skip:UTC:*_*_*_*_*"])
def test_what_is_no_schedule(spec: str) -> None:
    assert read_spec(spec) is None


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"every": "1h", "cron": "@daily"}, "give either every= or cron=, not both"),
        ({"tz": "UTC"}, "tz means something only beside cron="),
        ({"every": 1, "catch_up": "all"}, "catch_up means something only beside cron="),
        ({"cron": "@daily", "overlap": "queue"}, "overlap must be 'skip' or 'allow', not 'queue'"),
        ({"cron": "@daily", "catch_up": "any"}, "catch_up must be 'skip' or 'latest' or 'all'"),
        ({"cron": "0 25 * * *"}, "the hour field '25' is wrong; it takes 0 to 23"),
        ({"cron": "@daily", "tz": "Europe/Wein"}, "tz 'Europe/Wein' is no time zone"),
        ({"every": "often"}, "every: 'often' is not a duration"),
        ({"every": 0}, "every must be at least 1ms"),
    ],
)
def test_a_mistake_names_its_place(options: dict[str, Any], told: str) -> None:
    with pytest.raises(DefinitionError, match=r"test_schedule\.py") as caught:
        TaskDefinition(sweep, **options)
    assert told in str(caught.value)


def test_the_cron_library_is_imported_only_for_a_cron_text() -> None:
    code = (
        "import sys, actionhero; "
        "app = actionhero.App('a'); app.task(name='a', every=1)(lambda: None); "
        "assert not {'cronsim', 'zoneinfo'} & set(sys.modules); "
        "app.task(cron='@daily', name='b')(lambda: None); "
        "assert 'cronsim' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_zones_come_with_the_package_where_the_system_has_none() -> None:
    code = (
        "import zoneinfo; zoneinfo.reset_tzpath(to=[]); "
        "from actionhero.tasks.cron import Cron; "
        "assert Cron('0 3 * * *', 'Europe/Vienna').next(0) == 2 * 3_600_000"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
