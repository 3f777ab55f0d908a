"""What is defined in one app, and the check that nothing is defined twice."""

from actionhero.actions.action import Action, ActionVersions, Middleware
from actionhero.actions.enqueued import action_task
from actionhero.actions.routes import Routes
from actionhero.errors import DefinitionError
from actionhero.initializers import Initializer
from actionhero.peers import PeerFunction
from actionhero.rooms import RoomDefinition
from actionhero.tasks.middleware import Layers, TaskLayer
from actionhero.tasks.queues import QueueDefinition
from actionhero.tasks.task import TaskDefinition


class Definitions:
    """Actions, tasks, middleware and initializers, in the order they were defined."""

    def __init__(self) -> None:
        self.actions: list[Action] = []
        self.action_task = action_task()
        self.tasks: dict[str, TaskDefinition] = {self.action_task.name: self.action_task}
        self.divided: dict[str, QueueDefinition] = {}
        """The queues that are more than a name."""
        self.middleware: list[Middleware] = []
        self.initializers: list[Initializer] = []
        self.task_layers: list[TaskLayer] = []
        self.peer_functions: dict[str, PeerFunction] = {}
        self.rooms: dict[str, RoomDefinition] = {}

    def add_action(self, action: Action) -> None:
        """Take up an action. Raises `DefinitionError` if its name and version exist."""
        for other in self.actions:
            if other is action:
                return
            if (other.name, other.version) == (action.name, action.version):
                raise DefinitionError(
                    f"action {action.name!r} version {action.version} is defined twice: "
                    f"{other.place} and {action.place}; rename one or give it another version"
                )
        self.actions.append(action)

    def add_task(self, task: TaskDefinition) -> None:
        """Take up a task type. Raises `DefinitionError` if its name exists."""
        other = self.tasks.setdefault(task.name, task)
        if other is not task:
            raise DefinitionError(
                f"task {task.name!r} is defined twice: {other.place} and {task.place}; rename one"
            )

    def add_queue(self, queue: QueueDefinition) -> None:
        """Take up a queue. Raises `DefinitionError` if it is defined differently already."""
        if self.divided.setdefault(queue.name, queue) != queue:
            raise DefinitionError(
                f"queue {queue.name!r} is defined twice, and differently; define it in one place"
            )

    def add_peer_function(self, function: PeerFunction) -> None:
        """Take up a function for peers. Raises `DefinitionError` if its name exists."""
        other = self.peer_functions.setdefault(function.name, function)
        if other is not function:
            raise DefinitionError(
                f"peers may call {function.name!r} twice: {other.place} and {function.place}; "
                "rename one"
            )

    def add_room(self, room: RoomDefinition) -> None:
        """Take up what is said of a room. Raises `DefinitionError` if something is already."""
        if self.rooms.setdefault(room.name, room) is not room:
            raise DefinitionError(f"room {room.name!r} is defined twice; define it in one place")

    def add_initializer(self, initializer: Initializer) -> None:
        """Take up an initializer, once."""
        if initializer not in self.initializers:
            self.initializers.append(initializer)

    def add_middleware(self, middleware: Middleware) -> None:
        """Put a middleware around every action, inside those added before."""
        if middleware not in self.middleware:
            self.middleware.append(middleware)

    def add_task_layer(self, layer: TaskLayer) -> None:
        """Put a layer around every task, inside those added before."""
        if layer not in self.task_layers:
            self.task_layers.append(layer)

    def layers(self) -> Layers:
        """What stands around every task."""
        one, other = (
            tuple(layer.function for layer in self.task_layers if layer.where == where)
            for where in ("enqueue", "run")
        )
        return Layers(one, other)

    def versions(self) -> dict[str, ActionVersions]:
        """The actions by name."""
        by_name: dict[str, list[Action]] = {}
        for action in self.actions:
            by_name.setdefault(action.name, []).append(action)
        return {name: ActionVersions(actions) for name, actions in by_name.items()}

    def routes(self) -> Routes:
        """The actions by path. Raises `DefinitionError` for routes that cannot be."""
        return Routes(self.actions)

    def queues(self) -> tuple[str, ...]:
        """The queues that tasks are defined for, in order."""
        return tuple(dict.fromkeys(task.queue for task in self.tasks.values()))
