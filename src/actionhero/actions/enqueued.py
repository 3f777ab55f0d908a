"""Any action as a task: `await hello(name="Ada").enqueue()`.

One task type, `runAction` as in ActionHero, runs them all, through the funnel like any other call
and over the transport "task". An action's error is the task's: it is retried, or kept.
"""

from typing import Any

from actionhero.actions.dispatch import Dispatcher
from actionhero.clock import Duration
from actionhero.codec import encode_json
from actionhero.connections import Connection
from actionhero.messages import Call
from actionhero.tasks.task import TaskDefinition


async def run_action(
    action: str, params: dict[str, Any], version: str, dispatcher: Dispatcher
) -> Any:
    """Run an action that was enqueued."""
    call = Call(action, body=encode_json(params), version=version)
    reply = await dispatcher.dispatch(call, Connection("task"))
    if reply.error is not None:
        raise reply.error
    return reply.value


def action_task(keep_result: Duration | None = None) -> TaskDefinition:
    """The task type of one app; whether results are kept is up to each task."""
    return TaskDefinition(run_action, name="runAction", keep_result=keep_result)
