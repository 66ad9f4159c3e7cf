"""A real OpenID Connect provider on this computer, behind a front that can tell lies.

`oidc-provider-mock` speaks the protocol in a process of its own. The front passes everything on
and signs ID tokens with keys of its own, so that a test may change what they say; with
`faithful=True` they are the provider's, untouched.
"""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import orjson
from joserfc import jwk, jwt
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from handrail.clock import Clock
from support.doors import served

Alter = Callable[[dict[str, Any], dict[str, Any]], None]


@dataclass
class Front:
    """The provider as Handrail sees it."""

    behind: str
    clock: Clock
    url: str = ""
    faithful: bool = False
    alter: Alter | None = None  #: changes (claims, header) of the next tokens
    sign: Callable[[dict[str, Any], dict[str, Any]], str] | None = None
    answer: dict[str, Response] = field(default_factory=dict)  #: path → what it says instead
    said: dict[str, Any] = field(default_factory=dict)  #: laid over its configuration
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    key: jwk.RSAKey = field(default_factory=lambda: _key("one"))
    published: list[Any] = field(default_factory=list)

    def rotate(self, name: str) -> None:
        """From now on another key signs; the old one is not published any more."""
        self.key = _key(name)
        self.published = [self.key]

    def person(self, sub: str, **claims: Any) -> None:
        """What the provider says of *sub*."""
        httpx.put(f"{self.behind}/users/{sub}", json=claims).raise_for_status()

    def asked(self, path: str) -> list[dict[str, str]]:
        """What was sent to *path*."""
        return [fields for at, fields in self.seen if at == path]

    def consent(self, url: str, sub: str) -> dict[str, str]:
        """Sign in there as *sub*, as a person at *url* does; what the way back carries."""
        response = httpx.post(url, data={"sub": sub})
        assert response.status_code == 302, response.text
        query = parse_qs(urlsplit(response.headers["location"]).query)
        return {k: v[0] for k, v in query.items()}

    async def handle(self, request: Request) -> Response:
        body = await request.body()
        fields = dict(request.query_params)
        if request.headers.get("content-type", "").startswith("application/x-www-form"):
            fields |= {k: v[0] for k, v in parse_qs(body.decode()).items()}
        self.seen.append((request.url.path, fields))
        if (instead := self.answer.get(request.url.path)) is not None:
            return instead
        async with httpx.AsyncClient() as client:
            passed = await client.request(
                request.method,
                f"{self.behind}{request.url.path}",
                params=dict(request.query_params),
                content=body,
                headers={k: v for k, v in request.headers.items() if k != "content-length"},
            )
        if request.url.path == "/.well-known/openid-configuration":
            return JSONResponse({**passed.json(), **self.said})
        if request.url.path == "/jwks" and not self.faithful:
            return JSONResponse(
                {"keys": [k.as_dict(private=False) for k in self.published or [self.key]]}
            )
        if request.url.path == "/oauth2/token" and passed.status_code == 200 and not self.faithful:
            return JSONResponse(self._signed(passed.json()))
        kept = {k: v for k, v in passed.headers.items() if k in {"content-type", "location"}}
        return Response(passed.content, passed.status_code, kept)

    def _signed(self, tokens: dict[str, Any]) -> dict[str, Any]:
        import base64

        payload = tokens["id_token"].split(".")[1]
        claims = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        now = int(self.clock.now().timestamp())
        claims |= {"iat": now, "exp": now + 300, "auth_time": now}
        header: dict[str, Any] = {"alg": "RS256", "kid": self.key.kid}
        if self.alter is not None:
            self.alter(claims, header)
        if self.sign is not None:
            return {**tokens, "id_token": self.sign(claims, header)}
        return {**tokens, "id_token": jwt.encode(header, claims, self.key)}


def _key(name: str) -> jwk.RSAKey:
    return jwk.RSAKey.generate_key(2048, {"kid": name, "use": "sig"}, private=True)


def free_port() -> int:
    """A port of this computer that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def provider(clock: Clock) -> Iterator[Front]:
    """The provider, started, and its front."""
    port = free_port()
    behind = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "oidc_provider_mock", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "AUTHLIB_INSECURE_TRANSPORT": "1"},
    )
    try:
        for _ in range(1000):
            assert process.poll() is None, "the provider died"
            try:
                httpx.get(f"{behind}/jwks")
                break
            except httpx.TransportError:
                threading.Event().wait(0.02)
        else:
            raise AssertionError("the provider did not start")
        front = Front(behind, clock)
        app = Starlette(
            routes=[Route("/{path:path}", front.handle, methods=["GET", "POST", "PUT"])]
        )
        with served(app) as url:
            front.url = url
            yield front
    finally:
        process.terminate()
        process.wait(10)
