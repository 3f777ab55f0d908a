// Has one of ActionHero's own clients go through all it can; prints what came of it, as JSON.
const until = require("./until.cjs");

const [folder, name, port] = process.argv.slice(2);
const found = require(require.resolve(name, { paths: [folder] }));
const Client = found.default ?? found;

async function connected() {
  const client = new Client();
  const events = [];
  for (const event of ["welcome", "say", "end"]) client.on(event, (told) => events.push([event, told?.message ?? told ?? null]));
  client.on("error", () => {});
  await client.connect({ host: "127.0.0.1", port: Number(port), timeout: 30_000, reconnectTimeout: 0 });
  return { client, events };
}

async function main() {
  const one = await connected();
  const other = await connected();
  const { client } = one;
  const shown = {};
  const ask = async (key, answer) => {
    const { error, data } = await answer;
    shown[key] = { failed: Boolean(error), data };
  };
  shown.id = client.id;
  await ask("action", client.actionWithParams("hello", { name: "Ada" }));
  await ask("paramAdd", client.paramAdd("name", "Bo"));
  await ask("sticky", client.action("hello"));
  await ask("paramsView", client.paramsView());
  await ask("paramDelete", client.paramDelete("name"));
  await ask("missing", client.action("hello"));
  await ask("unknown", client.action("nothing"));
  await ask("roomAdd", client.roomAdd("defaultRoom"));
  await ask("again", client.roomAdd("defaultRoom"));
  await other.client.roomAdd("defaultRoom");
  await ask("roomView", client.roomView("defaultRoom"));
  await ask("say", client.say("defaultRoom", "hello there"));
  await until(() => other.events.some(([event]) => event === "say"));
  await ask("roomLeave", client.roomLeave("defaultRoom"));
  await ask("details", { data: await client.detailsView() });
  let raw = "";
  client.on("rawData", (chunk) => (raw += chunk));
  client.file("note.txt").catch(() => {}); // gives bytes, and so never an answer
  await until(() => raw.includes("kept in a file"));
  await client.disconnect();
  await until(() => one.events.some(([event]) => event === "end"));
  shown.heard = other.events.filter(([event]) => event === "say").map(([, text]) => text);
  shown.welcome = one.events.find(([event]) => event === "welcome")[1];
  console.log(JSON.stringify(shown));
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
