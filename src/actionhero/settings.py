"""Typed settings: what can be set, and what holds when nothing is.

The values come from the defaults here, then `actionhero.toml`, then the environment
(`ACTIONHERO_WEB__PORT`), then the command line; `load_settings` joins them. Durations are texts
such as "30s" in all of these, and `float` seconds in the values. Sizes are bytes.
"""

from typing import Annotated

from msgspec import Meta, Struct

Port = Annotated[int, Meta(ge=0, le=65535)]
Size = Annotated[int, Meta(ge=1)]
MessageSize = Annotated[int, Meta(ge=125)]  # what any control frame may have (RFC 6455, 5.5)
Count = Annotated[int, Meta(ge=1)]
Rate = Annotated[int, Meta(ge=0)]
Envelope = Annotated[str, Meta(pattern="^(native|classic)$")]
Seconds = Annotated[float, Meta(gt=0)]
Mode = Annotated[str, Meta(pattern="^[0-7]{3}$", description="three octal digits, such as '660'")]


class GeneralSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`name` names this server within the cluster; empty: host name and process id."""

    name: str = ""
    action_timeout: Seconds = 30.0
    shutdown_timeout: Seconds = 30.0
    filtered_params: tuple[str, ...] = (
        "password",
        "passwd",
        "secret",
        "token",
        "authorization",
        "api_key",
        "apikey",
        "credit_card",
    )


class WebSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """HTTP. Port 0 takes a free one. A `host` "unix:/path.sock" is a unix socket, of mode
    `socket_mode`. With a `certificate` (and its `key`, if in a file of its own), PEM, it is HTTPS.

    `hosts` are the names it answers to; without any: loopback names while `host` is a loopback
    address, else all. `cors_origins` may read replies ("*": all others too, without cookies).
    `security_headers` are sent with every reply. `public` is the folder of static files;
    `file_roots` are further ones that an action may send files of. `cache_control` is sent with
    files; empty: none. `compress`: files that have no compressed one beside them;
    `compress_replies`: what actions answer; both from `compress_from` bytes on. `heartbeat`: how
    long a stream says nothing. What `trusted_proxies` (addresses, networks, "unix") say of the
    client is believed (X-Forwarded-For, -Proto, -Host). An address may be a /64 of IPv6.
    `body_rate`: bytes a second that a body must come at on the whole, after 5 s, and that a client
    must take of what waits for it; 0: none.

    `gzip_bodies`: packed bodies are read, and may unfold to `body_bytes`. `upload_bytes`: a form
    for an action that takes files, that may take `upload_timeout`; a file is on the disk from
    `upload_memory` on, and those of all forms under way have `upload_space` there.
    `envelope` "classic": replies as of ActionHero 4, their status always 200 without
    `return_error_codes`. `jsonp`: `callback` and `outputType=xml`
    are heeded, as they are in the classic envelope.
    """

    enabled: bool = True
    host: str = "127.0.0.1"
    port: Port = 8080
    socket_mode: Mode = "660"
    certificate: str = ""
    key: str = ""
    hosts: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    cors_credentials: bool = False
    cors_max_age: Seconds = 600.0
    security_headers: tuple[str, ...] = (
        "X-Content-Type-Options: nosniff",
        "Referrer-Policy: strict-origin-when-cross-origin",
        "X-Frame-Options: SAMEORIGIN",
    )
    public: str = "public"
    file_roots: tuple[str, ...] = ()
    cache_control: str = "no-cache"
    compress: bool = True
    compress_replies: bool = False
    compress_from: Size = 1024
    header_bytes: Size = 32 * 1024
    headers: Count = 100
    target_bytes: Size = 8 * 1024
    body_bytes: Size = 1024 * 1024
    gzip_bodies: bool = False
    upload_bytes: Size = 64 * 1024 * 1024
    upload_memory: Size = 64 * 1024
    upload_timeout: Seconds = 3600.0
    upload_space: Size = 4 * 1024 * 1024 * 1024
    envelope: Envelope = "native"
    return_error_codes: bool = False
    jsonp: bool = False
    header_timeout: Seconds = 10.0
    body_timeout: Seconds = 30.0
    body_rate: Rate = 500
    idle_timeout: Seconds = 75.0
    write_timeout: Seconds = 30.0
    heartbeat: Seconds = 15.0
    connections: Count = 10_000
    connections_per_address: Count = 2000
    trusted_proxies: tuple[str, ...] = ()
    pipelined: Count = 16


class WebSocketSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """WebSocket, on HTTP's port. `origins` beside the server's own host; "*" is any. `deflate`:
    compressed messages for clients that offer it. `messages_per_second` of one client, 0: any
    number."""

    enabled: bool = True
    path: str = "/ws"
    origins: tuple[str, ...] = ()
    message_bytes: MessageSize = 1024 * 1024
    pending: Count = 5
    outstanding_bytes: Size = 1024 * 1024
    ping_interval: Seconds = 30.0
    write_timeout: Seconds = 30.0
    connections: Count = 10_000
    messages_per_second: Rate = 10_000
    deflate: bool = True


class TcpSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """TCP lines. `host`, `socket_mode`, `certificate` and `key` are as in `[web]`."""

    enabled: bool = True
    host: str = "127.0.0.1"
    port: Port = 5000
    socket_mode: Mode = "660"
    certificate: str = ""
    key: str = ""
    line_bytes: Size = 64 * 1024
    pending: Count = 5
    outstanding_bytes: Size = 1024 * 1024
    params: Count = 100
    idle_timeout: Seconds = 600.0
    write_timeout: Seconds = 30.0
    connections: Count = 10_000
    connections_per_address: Count = 2000
    lines_per_second: Rate = 10_000


class SessionSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`secret` signs the cookies; empty: one that the servers make and keep in the store.
    `old_secrets` are believed still. A session ends `max_age` after it was last used."""

    secret: str = ""
    old_secrets: tuple[str, ...] = ()
    cookie: str = "session"
    max_age: Seconds = 14 * 86400.0
    max_bytes: Size = 64 * 1024


class StoreSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`url`: embedded:DIR, valkey://, valkeys://, unix://. `prefix` begins every key; empty: the
    app's name."""

    url: str = "embedded:.actionhero"
    prefix: str = ""
    command_timeout: Seconds = 5.0


class CacheSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`near_entries`: how many values `cache.get` keeps in the process (0: none)."""

    near_entries: Annotated[int, Meta(ge=0)] = 0


class RoomSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`create`: rooms that are there from the start. A room remembers `history` messages for
    `history_age`. `members` of one room at most, `per_connection` rooms of one connection.
    `inbox_ttl`: how long an HTTP client stays in its rooms that does not ask for messages. `lease`:
    how long a server may say nothing before its members count as gone."""

    create: tuple[str, ...] = ("defaultRoom",)
    history: Annotated[int, Meta(ge=0)] = 100
    history_age: Seconds = 600.0
    announce: bool = False
    message_bytes: Size = 64 * 1024
    members: Count = 100_000
    per_connection: Count = 100
    inbox_ttl: Seconds = 300.0
    lease: Seconds = 10.0


class TaskSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Workers. `queues` empty: all that tasks are defined for. `processes`: children at most, for
    tasks with `executor="process"`; 0: one for each core."""

    enabled: bool = True
    queues: tuple[str, ...] = ()
    concurrency: Count = 100
    lease: Seconds = 10.0
    max_lapses: Count = 3
    processes: Annotated[int, Meta(ge=0)] = 0


class LogSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`format` auto: text on a terminal, JSON otherwise."""

    level: Annotated[str, Meta(pattern="^(debug|info|warning|error)$")] = "info"
    format: Annotated[str, Meta(pattern="^(auto|text|json)$")] = "auto"


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything, by section."""

    env: str = "development"
    general: GeneralSettings = GeneralSettings()
    web: WebSettings = WebSettings()
    websocket: WebSocketSettings = WebSocketSettings()
    tcp: TcpSettings = TcpSettings()
    session: SessionSettings = SessionSettings()
    store: StoreSettings = StoreSettings()
    tasks: TaskSettings = TaskSettings()
    cache: CacheSettings = CacheSettings()
    rooms: RoomSettings = RoomSettings()
    log: LogSettings = LogSettings()

    @property
    def has_certificates(self) -> bool:
        """Whether anything is served over TLS."""
        return any(part.enabled and part.certificate for part in (self.web, self.tcp))
