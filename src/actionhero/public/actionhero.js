/**
 * The browser's side of ActionHero: actions, streams and rooms over one WebSocket. No build step.
 *
 * - A lost connection is made anew, with growing, jittered pauses, for as long as the client is open.
 * - What was not sent yet waits for the connection. What was sent and not answered fails with a
 *   `ConnectionLostError`: it may have been done, and is never sent twice.
 * - Rooms are joined again from where they were: what was said meanwhile is given in order, each
 *   message once; what the server has forgotten is told by a `lost` event.
 * - Where no WebSocket can be opened at all (some proxies), actions go over HTTP.
 */

const FIRST_PAUSE = 250; // ms
const LONGEST_PAUSE = 10_000;
const STEADY = 5_000; // ms after which a connection counts as a good one
const MOST_WAITING = 1_000;
const MOST_VALUES = 1_000; // of a stream that nobody reads
const FULL = { code: "offline", message: "too much waits for the connection" };
const UNREAD = { code: "unread", message: "the values of the stream were not read" };
const RESTARTS = new Set([1001, 1012]); // close codes that promise a server to come back to

export class ActionHeroError extends Error {
  constructor({ code = "error", message = "it failed", details = [], status = 0 } = {}) {
    super(message);
    this.name = this.constructor.name;
    this.code = code;
    this.details = details;
    this.status = status;
  }
}

/** The answer did not come; what was asked for may have been done. */
export class ConnectionLostError extends ActionHeroError {
  constructor(message = "the connection broke before the answer came; it may have been done") {
    super({ code: "connection_lost", message });
  }
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

class Emitter {
  #listeners = new Map();

  /** Have `listener` called at each event of this name; returns what ends that. */
  on(name, listener) {
    const some = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, some.add(listener));
    return () => some.delete(listener);
  }

  _emit(name, value) {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        listener(value);
      } catch (error) {
        console.error(error); // a listener's fault is its own
      }
    }
  }
}

/** One room; made by `client.join`. Events: `message`, `lost`, `destroyed`, `resumed`. */
export class Room extends Emitter {
  #client;
  #position = null;

  constructor(client, name) {
    super();
    this.#client = client;
    this.name = name;
  }

  /** Say something to all members, this one too; or to those whose details have all of `where`. Its
   *  place in the room. */
  async say(message, { where } = {}) {
    const told = { event: "say", room: this.name, message, where };
    return (await this.#client._ask(told)).offset;
  }

  /** The room and its members: `{room, members, membersCount}`. */
  async view() {
    return (await this.#client._ask({ event: "roomView", room: this.name })).data;
  }

  async leave() {
    this.#client._forget(this);
    await this.#client._ask({ event: "roomLeave", room: this.name });
  }

  _joining() {
    return { event: "roomAdd", room: this.name, ...this.#position };
  }

  _joined({ epoch, offset, resumed }) {
    if (resumed) return this._emit("resumed", { room: this.name }); // what was missed follows
    const isLost = this.#position !== null && this.#position.epoch !== epoch;
    if (resumed === false || this.#position?.epoch !== epoch) this.#position = { epoch, offset };
    if (resumed === false || isLost) this._emit("lost", { room: this.name });
  }

  _heard(told) {
    if (told.epoch !== undefined) {
      const { epoch, offset } = told;
      if (this.#position?.epoch === epoch && offset <= this.#position.offset) return;
      this.#position = { epoch, offset };
    }
    if (told.context === "user") this._emit("message", told);
    else this._emit(told.event, told);
  }
}

/** A client. Events: `state` (connecting, open, waiting, closed), `welcome`, `message` (of all rooms). */
export class ActionHero extends Emitter {
  #url;
  #api;
  #timeout;
  #socket = null;
  #asked = new Map(); // messageId -> what waits for its answer
  #waiting = []; // not sent yet
  #rooms = new Map();
  #lastId = 0;
  #failures = 0;
  #hasOpened = false;
  #timer = null;
  #openedAt = 0;

  /**
   * `url` of the WebSocket and `api` of the actions over HTTP; by default where the page is from.
   * `timeout`: ms for an answer.
   */
  constructor({ url, api, timeout = 30_000 } = {}) {
    super();
    const base = globalThis.location?.href;
    this.#url = new URL(url ?? "/ws", base);
    this.#url.protocol = this.#url.protocol.replace("http", "ws");
    this.#api = new URL(api ?? "/api/", base ?? this.#url.href.replace(/^ws/, "http"));
    this.#timeout = timeout;
    this.state = "closed";
  }

  /** Connect, and go on connecting. Fulfilled at the first connection. */
  connect() {
    if (this.state === "open") return Promise.resolve();
    if (this.state === "closed") this.#open();
    return new Promise((resolve, reject) => {
      const end = this.on("state", (state) => {
        if (state !== "open" && state !== "closed") return;
        end();
        state === "open" ? resolve() : reject(new ConnectionLostError("the client was closed"));
      });
    });
  }

  /** Run an action; its value, as `{data: value}` if that is no object. Rejected with an
   *  `ActionHeroError`. */
  async action(name, params = {}) {
    if (this.#goesByHttp()) return this.#fetch(name, params);
    const reply = await this._ask({ event: "action", params: { ...params, action: name } });
    const { context, messageId, ...value } = reply;
    return value;
  }

  /** The values of an action that streams: `for await (const value of client.stream("count"))`. */
  async *stream(name, params = {}) {
    const values = [];
    let wake = () => {};
    let end = null;
    const stop = (error) => {
      end ??= { error };
      wake();
    };
    const take = (value) => {
      if (values.push(value) > MOST_VALUES) stop(new ActionHeroError(UNREAD));
      wake();
    };
    const asked = this.#prepare({ event: "action", params: { ...params, action: name } }, take);
    asked.answer.then(() => stop(null), stop);
    try {
      for (;;) {
        while (values.length) yield values.shift();
        if (end?.error) throw end.error;
        if (end) return;
        await new Promise((resolve) => (wake = resolve));
      }
    } finally {
      this.#cancel(asked);
    }
  }

  /** Become a member of a room, and of it again after each lost connection. */
  async join(name) {
    const known = this.#rooms.get(name);
    if (known) return known;
    const room = new Room(this, name);
    this.#rooms.set(name, room);
    try {
      room._joined(await this._ask(room._joining()));
    } catch (error) {
      if (!(error instanceof ConnectionLostError)) {
        this.#rooms.delete(name);
        throw error;
      }
      await this.connect(); // it is joined with all others then
    }
    return room;
  }

  /** The rooms that this client is in. */
  get rooms() {
    return [...this.#rooms.values()];
  }

  /** Who this client is to the server: `{id, rooms, …}`. */
  async details() {
    return (await this._ask({ event: "detailsView" })).data;
  }

  /** End the connection; what waits fails. */
  close() {
    clearTimeout(this.#timer);
    this.#socket?.close(1000);
    this.#socket = null;
    this.#fail([...this.#asked.values(), ...this.#waiting], "the client was closed");
    this.#asked.clear();
    this.#waiting = [];
    this.#become("closed");
  }

  // for rooms

  _ask(message) {
    const asked = this.#prepare(message);
    asked.timer = setTimeout(() => this.#expire(asked), this.#timeout);
    return asked.answer;
  }

  _forget(room) {
    this.#rooms.delete(room.name);
  }

  // the connection

  #open() {
    this.#become("connecting");
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.onopen = () => this.#opened(socket);
    socket.onmessage = (event) => this.#socket === socket && this.#heard(event.data);
    const closed = (code) => this.#socket === socket && this.#closed(code);
    socket.onclose = (event) => closed(event.code);
    socket.onerror = () => setTimeout(closed, 0, 1006); // early versions of Node tell no more than this
  }

  #opened(socket) {
    if (this.#socket !== socket) return;
    this.#hasOpened = true;
    this.#openedAt = Date.now();
    this.state = "open";
    for (const room of this.#rooms.values()) this.#rejoin(room);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const asked of waiting) this.#send(asked);
    this._emit("state", "open");
  }

  #rejoin(room) {
    // one that waits to be sent joins by itself
    if (this.#waiting.some(({ message }) => message.event === "roomAdd" && message.room === room.name)) return;
    this._ask(room._joining()).then(
      (reply) => room._joined(reply),
      (error) => {
        if (error instanceof ConnectionLostError) return;
        this._forget(room);
        room._emit("destroyed", { room: room.name, error });
      },
    );
  }

  #closed(code) {
    this.#socket = null;
    const asked = [...this.#asked.values()];
    this.#asked.clear();
    this.#fail(asked);
    const isSteady = this.state === "open" && (RESTARTS.has(code) || Date.now() - this.#openedAt > STEADY);
    this.#failures = isSteady ? 0 : this.#failures + 1;
    const longest = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.#failures);
    this.#timer = setTimeout(() => this.#open(), longest * (0.5 + Math.random() / 2));
    this.#become("waiting");
    if (this.#goesByHttp()) this.#sendByHttp();
  }

  #become(state) {
    if (this.state === state) return;
    this.state = state;
    this._emit("state", state);
  }

  // messages

  #prepare(message, onValue = null) {
    if (this.state === "closed") this.#open();
    const asked = { message, onValue, timer: null };
    asked.answer = new Promise((resolve, reject) => Object.assign(asked, { resolve, reject }));
    if (this.state === "open") this.#send(asked);
    else if (this.#waiting.length < MOST_WAITING) this.#waiting.push(asked);
    else this.#settle(asked, new ActionHeroError(FULL));
    return asked;
  }

  /** Nobody reads what this one streams any more. */
  #cancel(asked) {
    const { messageId } = asked;
    this.#waiting = this.#waiting.filter((one) => one !== asked);
    if (!this.#asked.delete(messageId) || this.state !== "open") return;
    this.#socket.send(JSON.stringify({ event: "cancel", messageId }));
  }

  #send(asked) {
    const messageId = ++this.#lastId;
    asked.messageId = messageId;
    this.#asked.set(messageId, asked);
    this.#socket.send(JSON.stringify({ ...asked.message, messageId }));
  }

  #heard(text) {
    const told = JSON.parse(text);
    const asked = this.#asked.get(told.messageId);
    if (told.context === "response" && asked) {
      this.#asked.delete(told.messageId);
      this.#settle(asked, told.error ? new ActionHeroError(told.error) : null, told);
    } else if (told.context === "stream") asked?.onValue?.(told.data);
    else if (told.context === "user" || told.context === "room") {
      this.#rooms.get(told.room)?._heard(told);
      if (told.context === "user") this._emit("message", told);
      if (told.event === "destroyed") this.#rooms.delete(told.room);
    } else if (told.welcome) this._emit("welcome", told);
  }

  #settle(asked, error, reply) {
    clearTimeout(asked.timer);
    error ? asked.reject(error) : asked.resolve(reply);
  }

  #expire(asked) {
    const wasSent = this.#asked.delete(asked.messageId);
    this.#waiting = this.#waiting.filter((one) => one !== asked);
    asked.reject(
      wasSent
        ? new ConnectionLostError("no answer came in time; it may have been done")
        : new ActionHeroError({ code: "offline", message: "there was no connection in time; it was not sent" }),
    );
  }

  #fail(some, message) {
    for (const asked of some) this.#settle(asked, new ConnectionLostError(message));
  }

  // over HTTP

  #goesByHttp() {
    return !this.#hasOpened && this.#failures > 0;
  }

  #sendByHttp() {
    const isAction = ({ message, onValue }) => message.event === "action" && !onValue;
    const some = this.#waiting.filter(isAction);
    this.#waiting = this.#waiting.filter((asked) => !isAction(asked));
    for (const asked of some) {
      const { action, ...params } = asked.message.params;
      this.#fetch(action, params).then(
        (value) => this.#settle(asked, null, value),
        (error) => this.#settle(asked, error),
      );
    }
  }

  async #fetch(name, params) {
    let response, body;
    try {
      response = await fetch(new URL(encodeURIComponent(name), this.#api), {
        method: "POST",
        headers: { "Content-Type": "application/json", Accept: "application/json" },
        body: JSON.stringify(params),
      });
      body = await response.text();
    } catch {
      throw new ConnectionLostError();
    }
    const value = /\bjson\b/.test(response.headers.get("Content-Type") ?? "") ? JSON.parse(body) : body;
    if (response.ok) return isObject(value) ? value : { data: value };
    throw new ActionHeroError({
      code: value.code,
      message: value.detail ?? value.title,
      details: value.errors,
      status: response.status,
    });
  }
}
