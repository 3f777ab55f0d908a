"""What can be told about actions to those who may call them."""

from collections.abc import Iterable
from typing import Any

from actionhero.actions.action import Action
from actionhero.actions.dispatch import Dispatcher


def describe(actions: Iterable[Action], dispatcher: Dispatcher) -> list[dict[str, Any]]:
    """Every action in the order of the names: version, description, routes, whether it streams,
    inputs as the names that are required and optional, and their JSON Schema."""
    ordered = sorted(actions, key=lambda action: (action.name, action.version))
    return [_describe(action, dispatcher) for action in ordered]


def _describe(action: Action, dispatcher: Dispatcher) -> dict[str, Any]:
    inputs = dispatcher.inputs_of(action)
    fields = inputs.fields.values()
    return {
        "name": action.name,
        "version": action.version,
        "description": action.description,
        "routes": list(action.routes),
        "transports": sorted(action.transports),
        "streams": action.is_stream,
        "inputs": {
            "required": [field.name for field in fields if field.required],
            "optional": [field.name for field in fields if not field.required],
        },
        "schema": inputs.schema(),
    }
