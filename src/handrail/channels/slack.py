"""Slack: direct messages in Block Kit with a link, edited to their result; signed interactivity.

* A message has *Open package*, and *Deny* through a form that asks for a reason. Nothing is approved
  in a chat: approving takes a recent sign-in and the evidence, which are on the page.
* People are those whom a file names by Slack user id; anybody else is nobody here.
* What Slack sends is believed only under its signing secret, within five minutes, and once.
* All text is escaped: a name in a sentence makes no link, mention or format.
"""

import hashlib
import hmac
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx2
import orjson

from handrail import outward
from handrail.channels.contract import Message
from handrail.core.model import Person
from handrail.errors import BadInput, NoAnswer, NotAllowed, NotSent

API = "https://slack.com/api"
TIMEOUT = 10.0  # seconds for each step
WINDOW = 300  #: seconds that a signed request may be old
_ASKS = frozenset({"ask", "reminder", "alarm"})
_HEADER = 150  # characters, as Slack takes them
_SECTION = 3000


def users(text: str) -> dict[str, str]:
    """Slack user ids by mail address, of a file with `ADDRESS USER_ID` lines. Raises `BadInput`."""
    found: dict[str, str] = {}
    for n, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) != 2 or "@" not in words[0] or not words[1].isalnum():
            raise BadInput(f"line {n} of the Slack users is not `ADDRESS USER_ID`")
        if words[1] in found.values():
            raise BadInput(f"line {n} of the Slack users names {words[1]} again")
        found[words[0].casefold()] = words[1]
    return found


def escaped(text: str) -> str:
    """*text* on one line, so that Slack shows it and reads nothing into it."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # A zero width space keeps mentions, formats and emoji names apart.
    return "".join(f"{c}\u200b" if c in "*_~`@#:" else c for c in line)


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """The `v0` signature of *body* under the signing secret."""
    signed = f"v0:{timestamp}:".encode() + body
    return "v0=" + hmac.digest(secret.encode(), signed, hashlib.sha256).hex()


class Slack:
    """Delivers as one Slack app and reads what it sends back."""

    name = "slack"

    def __init__(
        self,
        *,
        token: str,
        secret: str,
        users: Mapping[str, str],
        url: str,
        api: str = API,
        free: frozenset[str] = frozenset(),
    ) -> None:
        if not token or not secret:
            raise BadInput(
                "Slack needs a bot token and a signing secret",
                hint="Set HANDRAIL_SLACK_TOKEN_FILE and HANDRAIL_SLACK_SECRET_FILE.",
            )
        self._token = token
        self._secret = secret
        self._users = dict(users)
        self._emails = {id: email for email, id in self._users.items()}
        self._url = url
        self._api = api.rstrip("/")
        self._free = free
        self._lock = threading.Lock()
        self._seen: dict[str, int] = {}  # signature → its time, within the window

    # --- telling ----------------------------------------------------------------------------

    def deliver(self, person: Person, message: Message) -> bool | str:
        """Send *message* to *person*; False when no line names them. Raises `NotSent`."""
        user = self._users.get(person.email.casefold())
        if user is None:
            return False
        sent = self._call("chat.postMessage", {"channel": user, **self._content(message)})
        return f"{sent.get('channel', user)}:{sent.get('ts', '')}"

    def edit(self, handle: str, person: Person, message: Message) -> None:
        """Put *message* in the place of the one sent. Raises `NotSent`."""
        channel, _, ts = handle.partition(":")
        self._call("chat.update", {"channel": channel, "ts": ts, **self._content(message)})

    def _content(self, message: Message) -> dict[str, Any]:
        link = f"{self._url}{message.path}"
        lines = "\n".join(escaped(line) for line in message.lines)
        blocks: list[dict[str, Any]] = [
            {"type": "section", "text": _mrkdwn(f"*{escaped(message.title)}*")},
        ]
        if lines:
            blocks.append({"type": "section", "text": _mrkdwn(lines)})
        buttons: list[dict[str, Any]] = [
            {"type": "button", "text": _plain("Open package" if message.kind in _ASKS else "Open"),
             "action_id": "open", "url": link},
        ]  # fmt: skip
        if message.kind in _ASKS and message.digest:
            value = f"{message.ref}:{message.version}:{message.digest}"
            buttons[0]["style"] = "primary"
            buttons.append(
                {"type": "button", "text": _plain("Deny"), "style": "danger",
                 "action_id": "deny", "value": value}
            )  # fmt: skip
        blocks.append({"type": "actions", "elements": buttons})
        if message.kind in _ASKS:
            note = "Approving is on the page. Without an answer the next person is asked, never the agent."
            blocks.append({"type": "context", "elements": [_mrkdwn(note)]})
        return {
            "text": escaped(message.title)[:_HEADER],
            "blocks": blocks,
            "unfurl_links": False,
            "unfurl_media": False,
        }

    # --- what comes back --------------------------------------------------------------------

    def verified(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        """Return when Slack itself sent *body*, just now and for the first time. Raises
        `NotAllowed`."""
        timestamp = headers.get("x-slack-request-timestamp", "")
        given = headers.get("x-slack-signature", "")
        at = int(timestamp) if timestamp.isascii() and timestamp.isdigit() else 0
        present = int(now.timestamp())
        right = signature(self._secret, timestamp, body)
        if not hmac.compare_digest(right.encode(), given.encode()):
            raise NotAllowed("this was not signed by Slack")
        if abs(present - at) > WINDOW:
            raise NotAllowed("this was signed too long ago")
        with self._lock:
            self._seen = {s: t for s, t in self._seen.items() if present - t <= WINDOW}
            if right in self._seen:
                raise NotAllowed("this was sent before")
            self._seen[right] = at

    def email_of(self, user: str) -> str:
        """The mail address that stands for a Slack user id; empty for anybody else."""
        return self._emails.get(user, "")

    def ask_why(self, trigger: str, value: str, reasons: Mapping[str, str]) -> None:
        """Open the form that a denial goes through. Raises `NotSent`."""
        options = [{"text": _plain(text[:75]), "value": code} for code, text in reasons.items()]
        view = {
            "type": "modal",
            "callback_id": "deny",
            "private_metadata": value,
            "title": _plain("Deny"),
            "submit": _plain("Deny"),
            "close": _plain("Back"),
            "blocks": [
                {"type": "input", "block_id": "reason", "label": _plain("Reason"),
                 "element": {"type": "static_select", "action_id": "reason", "options": options}},
                {"type": "input", "block_id": "note", "label": _plain("What should happen instead?"),
                 "element": {"type": "plain_text_input", "action_id": "note", "multiline": True,
                             "max_length": 3000}},
            ],
        }  # fmt: skip
        self._call("views.open", {"trigger_id": trigger, "view": view})

    def _call(self, method: str, content: Mapping[str, Any]) -> dict[str, Any]:
        to = outward.aim(f"{self._api}/{method}", self._free, "HANDRAIL_SLACK_HOSTS")
        headers = {
            "host": to.host,
            "content-type": "application/json; charset=utf-8",
            "authorization": f"Bearer {self._token}",
        }
        try:
            with httpx2.Client(timeout=TIMEOUT, trust_env=False, follow_redirects=False) as client:
                response = client.post(
                    to.url, content=orjson.dumps(content), headers=headers,
                    extensions=dict(to.extensions),
                )  # fmt: skip
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise NotSent(f"Slack can't be reached: {type(error).__name__}") from error
        except httpx2.HTTPError as error:
            raise NoAnswer(f"Slack gave no answer: {type(error).__name__}") from error
        if response.status_code != 200:
            raise NotSent(f"Slack answered {response.status_code}")
        try:
            found = orjson.loads(response.content)
        except orjson.JSONDecodeError as error:
            raise NoAnswer("Slack's answer is no JSON") from error
        if not isinstance(found, dict) or found.get("ok") is not True:
            why = found.get("error", "") if isinstance(found, dict) else ""
            raise NotSent(f"Slack refused it: {_word(str(why))}")
        return found


def _word(text: str) -> str:
    return "".join(c for c in text if c.isalnum() or c == "_")[:100]


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text[:_SECTION], "verbatim": True}
