"""Teams against an endpoint that takes only what the Adaptive Card schema allows."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from handrail.channels.contract import Message
from handrail.channels.teams import Teams, webhooks
from handrail.core.model import Person
from handrail.errors import BadInput, NotSent

_BLOCK = {"type", "text", "wrap", "weight", "size", "isSubtle"}


def check(sent: dict) -> None:
    """What the schema of Adaptive Cards 1.4 says of the parts that are used."""
    assert set(sent) == {"type", "attachments"}
    assert sent["type"] == "message"
    (attachment,) = sent["attachments"]
    assert set(attachment) == {"contentType", "contentUrl", "content"}
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert set(card) == {"$schema", "type", "version", "body", "actions"}
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert card["$schema"] == "http://adaptivecards.io/schemas/adaptive-card.json"
    for block in card["body"]:
        assert set(block) <= _BLOCK
        assert block["type"] == "TextBlock"
        assert isinstance(block["text"], str)
        assert block["text"]
        assert block["wrap"] is True
        assert block.get("weight", "Bolder") in {"Lighter", "Default", "Bolder"}
        assert block.get("size", "Small") in {"Small", "Default", "Medium", "Large", "ExtraLarge"}
    for action in card["actions"]:
        assert set(action) == {"type", "title", "url"}
        assert action["type"] == "Action.OpenUrl"


class Endpoint:
    def __init__(self) -> None:
        self.got: list[dict] = []
        self.status = 202
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sent = json.loads(self.rfile.read(int(self.headers["content-length"])))
                status = endpoint.status
                try:
                    check(sent)
                    endpoint.got.append(sent)
                except (AssertionError, KeyError):
                    status = 400
                self.send_response(status)
                self.send_header("location", "/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?sig=secret"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    endpoint = Endpoint()
    yield endpoint
    endpoint.server.shutdown()
    endpoint.server.server_close()
    endpoint.thread.join()


def person(email: str = "Anna@x.example") -> Person:
    return Person(id="per_anna", name="Anna", email=email, active=True, roles=frozenset())


def message(title: str = "Approval by 09:20 UTC: Block SMB", kind: str = "ask") -> Message:
    lines = ("Client: Harbor Dental", "Tier 3, version 1")
    return Message(ref="prp_1", kind=kind, title=title, lines=lines, path="/proposals/prp_1")


def teams(endpoint: Endpoint, *free: str) -> Teams:
    return Teams({"anna@x.example": endpoint.url}, url="https://h.example", free=frozenset(free))


def test_a_card_of_the_schema_leads_to_the_package_and_to_nothing_else(endpoint):
    assert teams(endpoint, "127.0.0.1").deliver(person(), message())
    (card,) = [a["content"] for a in endpoint.got[0]["attachments"]]
    assert [a["url"] for a in card["actions"]] == ["https://h.example/proposals/prp_1"]
    assert teams(endpoint, "127.0.0.1").deliver(person("ben@x.example"), message()) is False


def test_I31_text_makes_no_link_and_no_format(endpoint):
    nasty = "**Urgent** [approve](https://evil.example) \u202e `x`\n# big"
    assert teams(endpoint, "127.0.0.1").deliver(person(), message(nasty))
    text = endpoint.got[0]["attachments"][0]["content"]["body"][0]["text"]
    assert "\\[approve\\]\\(" in text
    for part in ("**", "\u202e", "\n"):
        assert part not in text


def test_a_refusal_and_a_redirect_are_failures_and_say_no_secret(endpoint):
    for status in (400, 302, 500):
        endpoint.status = status
        with pytest.raises(NotSent, match=str(status)) as told:
            teams(endpoint, "127.0.0.1").deliver(person(), message())
        assert "secret" not in str(told.value)
    with pytest.raises(NotSent) as told:
        teams(endpoint).deliver(person(), message())  # a private address that is not listed
    assert "secret" not in told.value.message


def test_the_file_of_webhooks():
    assert webhooks("# who\nAnna@x.example https://a.example/x?sig=1\n") == {
        "anna@x.example": "https://a.example/x?sig=1"
    }
    for wrong in ("anna https://a.example", "a@x.example", "a@x.example secret"):
        with pytest.raises(BadInput) as told:
            webhooks(wrong)
        assert "secret" not in told.value.message
