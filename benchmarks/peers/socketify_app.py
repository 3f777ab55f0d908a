"""socketify: the same two replies. It leaves decoding to the program: msgspec does it."""
# mypy: ignore-errors

import sys

from people import decode_person, encode, summarise
from socketify import App

TYPE = b"application/json"


def hello(response, request):
    """Say hello."""
    name = request.get_query("name")
    response.write_header(b"Content-Type", TYPE).end(encode({"greeting": f"Hello, {name}."}))


def register(response, _):
    """Take a typed body and give back some of it. (`await response.get_data()` crashes.)"""
    parts = []

    def take(response, chunk, is_last, *_):
        if chunk:
            parts.append(chunk)
        if is_last:
            person = decode_person(b"".join(parts))
            response.write_header(b"Content-Type", TYPE).end(encode(summarise(person)))

    response.on_data(take)


app = App()
app.get("/api/hello", hello)
app.post("/api/register", register)
app.listen({"port": int(sys.argv[1]), "host": "127.0.0.1"})
app.run()
