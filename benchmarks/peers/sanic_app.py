"""Sanic: the same two replies. It decodes bodies but does not check them: msgspec does."""
# mypy: ignore-errors

import sys

import msgspec
from people import Person, summarise
from sanic import Sanic, json

app = Sanic("benchmark", configure_logging=False)


@app.get("/api/hello")
async def hello(request):
    """Say hello."""
    return json({"greeting": f"Hello, {request.args.get('name')}."})


@app.post("/api/register")
async def register(request):
    """Take a typed body and give back some of it."""
    return json(summarise(msgspec.convert(request.json, Person)))


if __name__ == "__main__":
    app.run("127.0.0.1", int(sys.argv[1]), single_process=True, access_log=False, motd=False)
