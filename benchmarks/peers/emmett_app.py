"""Emmett55: the same two replies. It decodes bodies but does not check them: msgspec does."""
# mypy: ignore-errors

import msgspec
from emmett55 import App, request
from emmett55.tools import service
from people import Person, summarise

app = App(__name__)


@app.route("/api/hello", methods="get")
@service.json
async def hello():
    """Say hello."""
    return {"greeting": f"Hello, {request.query_params.name}."}


@app.route("/api/register", methods="post")
@service.json
async def register():
    """Take a typed body and give back some of it."""
    return summarise(msgspec.convert(dict(await request.body_params), Person))
