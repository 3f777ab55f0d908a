/** An error that the server answered, or (`offline`, `unread`) that arose here. */
export class ActionHeroError extends Error {
  code: string;
  details: Array<{ path: string; code: string; message: string }>;
  /** Over HTTP; 0 over WebSocket. */
  status: number;
}

/** The answer did not come; what was asked for may have been done. */
export class ConnectionLostError extends ActionHeroError {}

export type State = "connecting" | "open" | "waiting" | "closed";

/** What was said in a room. `from` is the id of the connection that said it, "" for the program. */
export interface RoomMessage<T = unknown> {
  message: T;
  room: string;
  from: string;
  context: "user";
  /** Milliseconds since the epoch. */
  sentAt: number;
  epoch: string;
  offset: number;
}

export interface RoomView {
  room: string;
  members: Record<string, { id: string; joinedAt: number; [detail: string]: unknown }>;
  membersCount: number;
}

interface RoomEvents<T> {
  message: RoomMessage<T>;
  /** The client is back; what was said meanwhile follows. */
  resumed: { room: string };
  /** Something was said that this client will never hear. */
  lost: { room: string };
  destroyed: { room: string; error?: ActionHeroError };
}

export class Room<T = unknown> {
  readonly name: string;
  /** Have `listener` called at each event of this name; returns what ends that. */
  on<N extends keyof RoomEvents<T>>(name: N, listener: (event: RoomEvents<T>[N]) => void): () => boolean;
  /** Say something to all members, this one too, or to those whose details have all of `where`. Its
   *  place in the room. */
  say(message: T, options?: { where?: Record<string, unknown> }): Promise<number>;
  view(): Promise<RoomView>;
  leave(): Promise<void>;
}

interface ClientEvents {
  state: State;
  welcome: { welcome: string; context: "api" };
  message: RoomMessage;
}

export interface Options {
  /** Of the WebSocket; by default `/ws` where the page is from. */
  url?: string | URL;
  /** Of the actions over HTTP; by default `/api/` there. */
  api?: string | URL;
  /** Milliseconds for an answer: 30,000. */
  timeout?: number;
}

export class ActionHero {
  constructor(options?: Options);
  readonly state: State;
  readonly rooms: Room[];
  on<N extends keyof ClientEvents>(name: N, listener: (event: ClientEvents[N]) => void): () => boolean;
  /** Connect, and go on connecting. Fulfilled at the first connection. */
  connect(): Promise<void>;
  /** Run an action; its value, as `{data: value}` if that is no object. */
  action<T extends object = Record<string, unknown>>(name: string, params?: object): Promise<T>;
  /** The values of an action that streams; to leave the loop ends the stream. */
  stream<T = unknown>(name: string, params?: object): AsyncGenerator<T, void, void>;
  /** Become a member of a room, and of it again after each lost connection. */
  join<T = unknown>(name: string): Promise<Room<T>>;
  /** Who this client is to the server. */
  details(): Promise<{ id: string; rooms: string[]; [detail: string]: unknown }>;
  /** End the connection; what waits fails. */
  close(): void;
}
