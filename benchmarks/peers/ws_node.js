// ws, the WebSocket library of Node: an echo. It runs with its node_modules in NODE_PATH.

const { WebSocketServer } = require("ws");

const server = new WebSocketServer({
  port: Number(process.argv[2]),
  host: "127.0.0.1",
  perMessageDeflate: false,
});

server.on("connection", (socket) => {
  socket.on("message", (content, isBinary) => socket.send(content, { binary: isBinary }));
});
