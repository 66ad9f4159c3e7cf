"""A webhook: what happened, as CloudEvents 1.0 in structured mode, signed as Standard Webhooks are.

* `webhook-id` is the same each time one event is sent, so that a receiver drops what it has.
* `webhook-signature` is `v1,` and the base64 of HMAC-SHA256 over `ID.TIMESTAMP.BODY`, once for each
  secret of the file, newest first: a secret is changed by writing the new one above the old one.
* The time is that of the try; a receiver refuses what is older than five minutes.
* It goes where `outward` allows. A redirect is a failure; what is answered is not read.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime

import httpx2

from handrail import outward
from handrail.errors import BadInput, NoAnswer, NotSent

TIMEOUT = 10.0  # seconds for each step
_LEAST = 24  # bytes of a secret
_PREFIX = "whsec_"


def secrets(text: str) -> tuple[bytes, ...]:
    """The secrets of a file's *text*, one `whsec_BASE64` a line. Raises `BadInput`."""
    hint = f"One {_PREFIX}… a line: the base64 of at least {_LEAST} random bytes."
    found = []
    for line in text.split():
        try:
            secret = base64.b64decode(line.removeprefix(_PREFIX), validate=True)
        except (binascii.Error, ValueError) as error:
            raise BadInput("a secret of the webhook is not base64", hint=hint) from error
        if not line.startswith(_PREFIX) or len(secret) < _LEAST:
            raise BadInput("a secret of the webhook is too short", hint=hint)
        found.append(secret)
    if not found:
        raise BadInput("the webhook has no secret", hint=hint)
    return tuple(found)


def signature(secret: bytes, id: str, timestamp: int, body: bytes) -> str:
    """The signature of *body* under one *secret*."""
    signed = f"{id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()


class Webhook:
    """Posts to one URL. *free* lists the hosts that may be at private addresses."""

    def __init__(self, url: str, keys: Sequence[bytes], free: frozenset[str] = frozenset()) -> None:
        self.url = url
        self._keys = tuple(keys)
        self._free = free

    def look(self) -> None:
        """Look whether it may be gone to, sending nothing. Raises `NotSent`."""
        self._aim()

    def post(self, id: str, body: bytes, at: datetime) -> None:
        """Hand over one event; return when the receiver took it.

        Raises `NotSent` when nothing reached it or it refused, `NoAnswer` when it may have it."""
        to = self._aim()
        timestamp = int(at.timestamp())
        headers = {
            "host": to.host,
            "content-type": "application/cloudevents+json; charset=utf-8",
            "user-agent": "Handrail",
            "webhook-id": id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(signature(k, id, timestamp, body) for k in self._keys),
        }
        try:
            with (
                httpx2.Client(timeout=TIMEOUT, trust_env=False, follow_redirects=False) as client,
                client.stream(
                    "POST", to.url, content=body, headers=headers, extensions=dict(to.extensions)
                ) as response,
            ):
                status = response.status_code
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise NotSent(
                f"the webhook can't be reached: {type(error).__name__}: {error}"
            ) from error
        except httpx2.HTTPError as error:
            raise NoAnswer(
                f"the webhook gave no answer: {type(error).__name__}: {error}"
            ) from error
        if not 200 <= status < 300:
            raise NotSent(f"the webhook answered {status}")

    def _aim(self) -> outward.Aim:
        return outward.aim(self.url, self._free, "HANDRAIL_WEBHOOK_HOSTS")
