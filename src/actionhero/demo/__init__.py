"""The demo app: ActionHero v4.1.0's own actions under their names, and a task of each kind.

`actionhero demo` serves it and says what to try; `actionhero.demo:app` is it.
"""

from actionhero import App

__all__ = ["app"]

app = App("demo")
app.include("actionhero.demo.actions", "actionhero.demo.tasks", "actionhero.chat")
