// Drives actionhero.js for the tests: a command a line comes in, a line for all that happens goes out.
import { createInterface } from "node:readline";

const [module, url, api] = process.argv.slice(2);
const { ActionHero } = await import(module);
const client = new ActionHero({ url, api, timeout: 20_000 });
const rooms = new Map();
const tell = (what, value) => console.log(JSON.stringify([what, value ?? null]));
const DO = {
  connect: () => client.connect(),
  action: (name, params) => client.action(name, params),
  async stream(name, params, most) {
    const values = [];
    for await (const value of client.stream(name, params)) {
      if (values.push(value) === most) break;
    }
    return values;
  },
  async join(name) {
    const room = await client.join(name);
    rooms.set(name, room);
    for (const event of ["lost", "resumed", "destroyed"]) room.on(event, () => tell(event, name));
    room.on("message", ({ message }) => tell("heard", message));
  },
  say: (name, message) => rooms.get(name).say(message),
  view: (name) => rooms.get(name).view(),
  leave: (name) => rooms.get(name).leave(),
  close: () => client.close(),
};
client.on("state", (state) => tell("state", state));
for await (const line of createInterface({ input: process.stdin })) {
  const [number, name, ...args] = JSON.parse(line);
  Promise.resolve(DO[name](...args)).then(
    (value) => tell(number, { value }),
    ({ name, code, message, details }) => tell(number, { error: { name, code, message, details } }),
  );
}
