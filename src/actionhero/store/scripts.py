"""Lua files as functions.

A script is `store/lua/<name>.lua`. It is called by the hash of its text; a store that does not know
the hash yet (NOSCRIPT) has done nothing, so calling again with the whole text is safe.
"""

import hashlib
from collections.abc import Sequence
from importlib.resources import files

from actionhero.errors import StoreReplyError
from actionhero.store.client import StoreClient
from actionhero.store.link import Arg, Command, Reply


class Script:
    """One script. `await script(client, keys=[...], args=[...])` runs it."""

    __slots__ = ("name", "sha", "source")

    def __init__(self, name: str, source: str | None = None) -> None:
        """`source` is the text, if it is not that of `store/lua/<name>.lua`."""
        if source is None:
            source = files("actionhero.store").joinpath("lua", f"{name}.lua").read_text("utf-8")
        self.name = name
        self.source = source
        self.sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()

    async def __call__(
        self, client: StoreClient, keys: Sequence[Arg] = (), args: Sequence[Arg] = ()
    ) -> Reply:
        """Run it. Raises what `StoreClient.execute` raises."""
        try:
            return await client.execute("EVALSHA", self.sha, len(keys), *keys, *args)
        except StoreReplyError as error:
            if error.kind != "NOSCRIPT":
                raise
        return await client.execute("EVAL", self.source, len(keys), *keys, *args)

    async def load(self, client: StoreClient) -> None:
        """Make the store know the script, so that `command` finds it."""
        await client.execute("SCRIPT", "LOAD", self.source)

    def command(self, keys: Sequence[Arg] = (), args: Sequence[Arg] = ()) -> Command:
        """The call as a command, for `client.execute(*…)` and `client.execute_many([…])` without
        a coroutine between. The NOSCRIPT error is the caller's to meet."""
        return ("EVALSHA", self.sha, len(keys), *keys, *args)

    def __repr__(self) -> str:
        return f"<Script {self.name}>"
