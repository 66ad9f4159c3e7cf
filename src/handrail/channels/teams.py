"""Teams: an Adaptive Card through the workflow webhook of each person, with one link to the page.

A webhook only sends: without a bot registration Teams hands nothing back, so a card can't be
refreshed for who looks at it, answered, or edited to its result. The card therefore names its
deadline and has *Open package* alone; the page knows where things stand and who may decide.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx2
import orjson

from handrail import outward
from handrail.channels.contract import Message
from handrail.core.model import Person
from handrail.errors import BadInput, NoAnswer, NotSent

TIMEOUT = 10.0  # seconds for each step
_ASKS = frozenset({"ask", "reminder", "alarm"})
_SCHEMA = "http://adaptivecards.io/schemas/adaptive-card.json"
_OPENS = "The link only opens the page. Opening it decides nothing."
_MOVES_ON = "Without an answer the next person is asked, never the agent."


def webhooks(text: str) -> dict[str, str]:
    """Webhook URLs by mail address, of a file with `ADDRESS URL` lines. They are secrets: no error
    repeats one. Raises `BadInput`."""
    found: dict[str, str] = {}
    for n, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2 or "@" not in words[0] or not urlsplit(words[1]).hostname:
            raise BadInput(f"line {n} of the Teams webhooks is not `ADDRESS URL`")
        found[words[0].casefold()] = words[1]
    return found


def escaped(text: str) -> str:
    """*text* on one line, so that Teams' Markdown reads nothing into it."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return "".join(f"\\{c}" if c in "\\`*_[]()#<>!|~" else c for c in line)


class Teams:
    """Posts cards. *free* lists the hosts that may be at private addresses."""

    name = "teams"

    def __init__(
        self, webhooks: Mapping[str, str], *, url: str, free: frozenset[str] = frozenset()
    ) -> None:
        self._webhooks = dict(webhooks)
        self._url = url
        self._free = free

    def deliver(self, person: Person, message: Message) -> bool:
        """Hand the card to *person*'s webhook; False without one. Raises `NotSent` when nothing
        took it, `NoAnswer` when it may have been taken."""
        to_url = self._webhooks.get(person.email.casefold())
        if to_url is None:
            return False
        try:
            to = outward.aim(to_url, self._free, "HANDRAIL_TEAMS_HOSTS")
        except NotSent as error:
            host = urlsplit(to_url).hostname
            raise NotSent(f"the Teams webhook at {host} may not be gone to", hint=error.hint) from (
                error
            )
        headers = {"host": to.host, "content-type": "application/json"}
        content = orjson.dumps(self._post(message))
        try:
            with httpx2.Client(timeout=TIMEOUT, trust_env=False, follow_redirects=False) as client:
                status = client.post(
                    to.url, content=content, headers=headers, extensions=dict(to.extensions)
                ).status_code
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise NotSent(f"Teams can't be reached: {type(error).__name__}") from error
        except httpx2.HTTPError as error:
            raise NoAnswer(f"Teams gave no answer: {type(error).__name__}") from error
        if not 200 <= status < 300:
            raise NotSent(f"Teams answered {status}")
        return True

    def _post(self, message: Message) -> dict[str, Any]:
        attachment = {
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": None,
            "content": self._card(message),
        }
        return {"type": "message", "attachments": [attachment]}

    def _card(self, message: Message) -> dict[str, Any]:
        asks = message.kind in _ASKS
        foot = f"{_OPENS} {_MOVES_ON}" if asks else _OPENS
        body = [
            _text(message.title, weight="Bolder", size="Medium"),
            *(_text(line) for line in message.lines),
            {"type": "TextBlock", "text": foot, "wrap": True, "isSubtle": True, "size": "Small"},
        ]
        action = {
            "type": "Action.OpenUrl",
            "title": "Open package" if asks else "Open",
            "url": f"{self._url}{message.path}",
        }
        return {
            "$schema": _SCHEMA,
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": body,
            "actions": [action],
        }


def _text(text: str, **more: str) -> dict[str, Any]:
    return {"type": "TextBlock", "text": escaped(text), "wrap": True, **more}
