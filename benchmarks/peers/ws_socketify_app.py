"""socketify: an echo."""
# mypy: ignore-errors

import sys

from socketify import App

app = App()
app.ws("/ws", {"message": lambda socket, message, kind: socket.send(message, kind)})
app.listen({"port": int(sys.argv[1]), "host": "127.0.0.1"})
app.run()
