"""The server, as the signed-in person reaches it: `HANDRAIL_URL`, by default this computer's."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx2
import orjson

from handrail.cli import talk
from handrail.cli.session import FILE, Sessions, folder
from handrail.config import DEFAULT_PORT
from handrail.errors import BadInput, NotFound, NotSignedIn, StepUpNeeded

TIMEOUT = 90.0  # seconds: a reversal waits for its upstream
_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})


def server(url: str | None = None) -> str:
    """The server's URL. Raises `BadInput` for what is none, and for one that would send a
    session over the network unencrypted."""
    text = (url or os.environ.get("HANDRAIL_URL") or f"http://127.0.0.1:{DEFAULT_PORT}").strip()
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise BadInput(f"{text!r} is no server", hint="Set HANDRAIL_URL to https://…")
    if parts.scheme == "http" and parts.hostname not in _LOCAL:
        raise BadInput(
            f"{text} would carry your session unencrypted", hint="Use https:// to reach it."
        )
    return text.rstrip("/")


class Remote:
    """One server, and the session for it."""

    def __init__(self, url: str, sessions: Sessions, http: httpx2.Client) -> None:
        self.url = url
        self.sessions = sessions
        self._http = http

    def get(self, path: str, **query: Any) -> Any:
        """GET /v1/*path* as the signed-in person."""
        return self._signed("GET", path, None, query)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """POST /v1/*path* as the signed-in person. When the act needs a fresher sign-in and a
        person is there, they are asked to sign in again, and it is sent once more."""
        try:
            return self._signed("POST", path, body or {}, {})
        except talk.Told as told:
            if told.kind != StepUpNeeded.code or not talk.interactive():
                raise
        talk.note("This needs a recent sign-in.")
        sign_in(self)
        return self._signed("POST", path, body or {}, {})

    def delete(self, path: str) -> None:
        """DELETE /v1/*path* as the signed-in person."""
        self._signed("DELETE", path, None, {})

    def file(self, path: str) -> bytes:
        """A file of the published record, with the session where there is one."""
        try:
            headers = {"Authorization": f"Bearer {self.sessions.token(self.url)}"}
        except NotSignedIn:
            headers = {}
        return self._send("GET", path, headers=headers).content

    def open(self, path: str, body: Mapping[str, Any]) -> tuple[int, Any]:
        """POST /v1/*path* without a session; the status and what came back."""
        response = self._send("POST", f"{self.url}/v1/{path}", content=orjson.dumps(body))
        return response.status_code, _value(response)

    def _signed(
        self, method: str, path: str, body: Mapping[str, Any] | None, query: Mapping[str, Any]
    ) -> Any:
        response = self._send(
            method,
            f"{self.url}/v1/{path}",
            headers={"Authorization": f"Bearer {self.sessions.token(self.url)}"},
            params={k: v for k, v in query.items() if v is not None},
            content=None if body is None else orjson.dumps(body),
        )
        return _value(response)

    def _send(self, method: str, url: str, **more: Any) -> httpx2.Response:
        if more.get("content") is not None:
            more["headers"] = {**more.get("headers", {}), "Content-Type": "application/json"}
        try:
            response = self._http.request(method, url, **more)
        except httpx2.TransportError as error:
            raise talk.Unreachable(
                f"{self.url} does not answer: {error}",
                hint="Is it running? Another server: set HANDRAIL_URL.",
            ) from None
        if response.status_code >= 400:
            raise talk.Told(response.status_code, _problem(response))
        return response


@contextmanager
def connected(url: str | None = None) -> Iterator[Remote]:
    """The server, for the length of a command."""
    with httpx2.Client(timeout=TIMEOUT) as http:
        yield Remote(server(url), Sessions(folder() / FILE), http)


def sign_in(remote: Remote, wait: Callable[[float], None] = time.sleep) -> str:
    """Sign in by a browser: show a code, wait until a person confirmed it, keep the session.

    Returns the person's name. Raises `NotSignedIn` when nobody confirmed in time."""
    _, start = remote.open("device", {})
    talk.note(f"Open  {start['verification_uri']}")
    talk.note(f"Code  {start['user_code']}")
    talk.note("Waiting until you confirm it there …")
    while True:
        wait(float(start["interval"]))
        try:
            status, found = remote.open("device/token", {"device_code": start["device_code"]})
        except talk.Told as told:
            if told.kind == NotFound.code:
                raise NotSignedIn(told.message, hint="Run `handrail login` again.") from None
            raise
        if status == 200:
            remote.sessions.keep(remote.url, found["token"])
            return str(found["name"])


def _value(response: httpx2.Response) -> Any:
    if not response.content:
        return None
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        raise talk.Unreachable(
            f"{response.url.host} answered with something that is not JSON",
            hint="Is HANDRAIL_URL a Handrail server?",
        ) from None


def _problem(response: httpx2.Response) -> Mapping[str, Any]:
    try:
        found = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
