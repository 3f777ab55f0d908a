// Has ActionHero's client for browsers go through all it can, in Node; prints what came of it.
const { readFileSync } = require("node:fs");
const until = require("./until.cjs");

const [folder, source, port] = process.argv.slice(2);
const Primus = require(require.resolve("primus", { paths: [folder] }));
const Socket = Primus.createSocket({ transformer: "websockets", parser: "json", pathname: "/primus" });
const text = readFileSync(source, "utf8").replace("%%DEFAULTS%%", "return {}");
const Client = new Function("require", `${text}; return ActionheroWebsocketClient;`)(require);

async function connected() {
  const socket = new Socket(`http://127.0.0.1:${port}`, { manual: true });
  const client = new Client({}, socket);
  const events = [];
  for (const event of ["welcome", "say", "disconnected"]) client.on(event, (told) => events.push([event, told]));
  await new Promise((resolve) => client.connect(resolve));
  return { client, events, socket };
}

async function main() {
  const one = await connected();
  const other = await connected();
  const ask = (name, ...args) => new Promise((resolve) => one.client[name](...args, resolve));
  const shown = { id: one.client.id };
  shown.spark = await new Promise((resolve) => one.socket.id(resolve));
  shown.action = await ask("action", "hello", { name: "Ada\u2028" });
  shown.missing = await ask("action", "hello");
  shown.unknown = await ask("action", "nothing");
  shown.roomAdd = await ask("roomAdd", "defaultRoom");
  await new Promise((resolve) => other.client.roomAdd("defaultRoom", resolve));
  shown.roomView = await ask("roomView", "defaultRoom");
  shown.say = await ask("say", "defaultRoom", { text: "hello there" });
  await until(() => other.events.some(([event]) => event === "say"));
  shown.rooms = one.client.rooms;
  shown.details = await ask("detailsView");
  shown.file = await ask("file", "note.txt");
  shown.noFile = await ask("file", "missing.txt");
  shown.documentation = await ask("documentation");
  shown.heard = other.events.filter(([event]) => event === "say").map(([, told]) => told.message);
  shown.welcome = one.events.find(([event]) => event === "welcome")[1].welcome;
  one.client.disconnect();
  await until(() => one.events.some(([event]) => event === "disconnected"));
  console.log(JSON.stringify(shown));
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
