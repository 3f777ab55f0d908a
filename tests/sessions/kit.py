"""An app with sessions, and a browser that keeps its cookie."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from actionhero import ActionError, App, Connection, Invocation, Proceed, Session, action
from actionhero.testing import HttpClient, Response

COOKIE = "session"


def make_app() -> App:
    app = App("sessions")
    app.include(__name__)
    return app


@action("POST /login")
async def login(user: str, session: Session) -> dict[str, str]:
    session["user"] = user
    await session.rotate()
    return {"token": session.csrf_token}


@action("POST /logout")
async def logout(session: Session) -> None:
    await session.destroy()


@action("GET /me")
async def me(session: Session) -> dict[str, Any]:
    return {"session": dict(session), "new": session.is_new}


@action("POST /put")
async def put(session: Session, key: str = "k", value: object = None) -> None:
    session[key] = value


@action("POST /push")
async def push(item: int, session: Session) -> None:
    session.setdefault("items", []).append(item)


@action("POST /forget")
async def forget(key: str, session: Session) -> None:
    del session[key]


@action("POST /fail")
async def fail(status: int, session: Session) -> None:
    session["failed"] = status
    if status == 500:
        raise RuntimeError("broken")
    raise ActionError("no", status=status)


@action("POST /open", csrf=False)
async def open_to_all(session: Session) -> None:
    session["open"] = True


@action
async def anything(session: Session) -> None:
    session["anything"] = True


@action("POST /renew")
async def renew(session: Session) -> None:
    await session.rotate()


@action("POST /steps")
async def steps(steps: list[str], session: Session, connection: Connection) -> dict[str, Any]:
    """Do any number of things in one call."""
    for number, step in enumerate(steps):
        if step == "set":
            session[f"step{number}"] = number
        elif step == "rotate":
            await session.rotate()
        elif step == "destroy":
            await session.destroy()
        elif step == "token":
            assert session.csrf_token
        elif step == "redirect":
            connection.redirect("/elsewhere")
        elif step == "sleep":
            await asyncio.sleep(60)
        else:
            raise RuntimeError(step)
    return dict(session)


@action("GET /where")
async def where(connection: Connection) -> dict[str, object]:
    return {
        "ip": connection.remote_ip,
        "scheme": connection.scheme,
        "host": connection.host,
    }


@action("GET /stream")
async def stream(session: Session) -> AsyncIterator[object]:
    session["streamed"] = session.get("streamed", 0) + 1
    yield dict(session)


async def needs_user(invocation: Invocation, proceed: Proceed) -> object:
    session = await invocation.session()
    if "user" not in session:
        raise ActionError("log in", code="login", status=401)
    return await proceed()


@action("GET /guarded", middleware=[needs_user])
async def guarded() -> str:
    return "inside"


class Browser:
    """Keeps the cookie of one site, and says where its page comes from."""

    def __init__(self, http: HttpClient, **headers: str) -> None:
        self._http = http
        self.headers = {"Sec-Fetch-Site": "same-origin", **headers}
        self.cookie = ""

    @property
    def fields(self) -> dict[str, str]:
        cookie = {"Cookie": f"{COOKIE}={self.cookie}"} if self.cookie else {}
        return {**self.headers, **cookie}

    async def get(self, path: str) -> Response:
        return self._keep(await self._http.request("GET", path, headers=self.fields))

    async def post(self, path: str, **inputs: Any) -> Response:
        response = await self._http.request("POST", path, json=inputs, headers=self.fields)
        return self._keep(response)

    async def see(self) -> dict[str, Any]:
        """What the session holds."""
        seen: dict[str, Any] = (await self.get("/api/me")).json()["session"]
        return seen

    def _keep(self, response: Response) -> Response:
        line = response.headers.get("set-cookie", "")
        if line.startswith(f"{COOKIE}="):
            self.cookie = line.partition(";")[0].partition("=")[2]
        return response
