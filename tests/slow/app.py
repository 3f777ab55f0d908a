"""What is attacked: an action, and a folder of files with a large one."""

from actionhero import App

app = App("slow")


@app.action("GET,POST /hello")
async def hello(name: str = "Ada") -> dict[str, str]:
    """Say hello."""
    return {"greeting": f"Hello, {name}."}
