"""Slack against a server that checks the token and the shape of what it gets, and signs as it does."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from handrail.api import slack as door
from handrail.channels.contract import Message
from handrail.channels.slack import Slack, escaped, signature, users
from handrail.clock import FakeClock
from handrail.errors import BadInput, NotSent
from handrail.privacy.seal import open_sealer
from handrail.store.database import open_store
from support.house import House

SECRET, TOKEN = "8f742231b10e8888abcd99yyyzzz85a5", "xoxb-test"
USERS = {"anna@x.example": "U0ANNA", "ben@x.example": "U0BEN"}


def check_text(found, most, *, plain=False):
    assert found["type"] == "plain_text" if plain else found["type"] in {"plain_text", "mrkdwn"}
    assert 0 < len(found["text"]) <= most
    known = (
        {"type", "text", "emoji"} if found["type"] == "plain_text" else {"type", "text", "verbatim"}
    )
    assert set(found) <= known


def check_blocks(blocks):
    """What Slack's reference says of the blocks that are used."""
    assert 0 < len(blocks) <= 50
    for block in blocks:
        match block["type"]:
            case "section":
                check_text(block["text"], 3000)
            case "context":
                assert 0 < len(block["elements"]) <= 10
                for element in block["elements"]:
                    check_text(element, 3000)
            case "actions":
                assert 0 < len(block["elements"]) <= 25
                for button in block["elements"]:
                    assert set(button) <= {"type", "text", "action_id", "url", "value", "style"}
                    assert button["type"] == "button"
                    check_text(button["text"], 75, plain=True)
                    assert len(button.get("url", "")) <= 3000
                    assert len(button.get("value", "")) <= 2000
                    assert button.get("style", "primary") in {"primary", "danger"}
            case "input":
                check_text(block["label"], 2000, plain=True)
                element = block["element"]
                assert element["type"] in {"static_select", "plain_text_input"}
                for option in element.get("options", ()):
                    check_text(option["text"], 75, plain=True)
                    assert len(option["value"]) <= 150
            case other:
                raise AssertionError(other)


class Api:
    """Slack's methods, as far as they are used."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict]] = []
        self.wrong: list[str] = []
        self.refuse = ""
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                method = self.path.rpartition("/")[2]
                answer = {"ok": True, "channel": "D1", "ts": f"17.{len(api.calls)}"}
                try:
                    api.check(method, body)
                except (AssertionError, KeyError) as error:
                    api.wrong.append(f"{method}: {error!r}")
                    answer = {"ok": False, "error": "invalid_blocks"}
                if self.headers["authorization"] != f"Bearer {TOKEN}":
                    answer = {"ok": False, "error": "invalid_auth"}
                if api.refuse:
                    answer = {"ok": False, "error": api.refuse}
                api.calls.append((method, body))
                data = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/api"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @staticmethod
    def check(method: str, body: dict) -> None:
        match method:
            case "chat.postMessage" | "chat.update":
                assert body["channel"]
                assert body["text"]
                assert body["unfurl_links"] is False
                assert method == "chat.postMessage" or body["ts"]
                check_blocks(body["blocks"])
            case "views.open":
                view = body["view"]
                assert body["trigger_id"]
                assert view["type"] == "modal"
                assert len(view["private_metadata"]) <= 3000
                for name in ("title", "submit", "close"):
                    check_text(view[name], 24, plain=True)
                check_blocks(view["blocks"])
            case other:
                raise AssertionError(other)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
        assert not self.wrong


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()
    yield api
    api.close()


@pytest.fixture
def slack(api: Api) -> Slack:
    return Slack(
        token=TOKEN, secret=SECRET, users=USERS, url="https://handrail.example", api=api.url,
        free=frozenset({"127.0.0.1"}),
    )  # fmt: skip


@pytest.fixture
def house(tmp_path, slack: Slack) -> Iterator[House]:
    clock = FakeClock()
    store, sealer = open_store("sqlite://", clock, "test.example/log"), open_sealer(tmp_path / "k")
    house = House(store, sealer, clock)
    house.channels = [slack]
    house.start()
    yield house
    store.close()
    sealer.close()


@pytest.fixture
def web(house: House, slack: Slack) -> Iterator[TestClient]:
    app = FastAPI()
    door.mount(app, slack, house.s, house.clock)
    with TestClient(app) as client:
        yield client


def press(web: TestClient, house: House, sent: dict, *, secret=SECRET, age=0, **headers: str):
    body = urlencode({"payload": json.dumps(sent)}).encode()
    at = str(int(house.clock.now().timestamp()) - age)
    signed = {"x-slack-request-timestamp": at, "x-slack-signature": signature(secret, at, body)}
    return web.post(door.PATH, content=body, headers={**signed, **headers})


def deny(value: str, user: str = "U0ANNA", reason: str = "wrong-target") -> dict:
    said = {
        "reason": {"reason": {"selected_option": {"value": reason}}},
        "note": {"note": {"value": "Take the other one"}},
    }
    view = {"callback_id": "deny", "private_metadata": value, "state": {"values": said}}
    return {"type": "view_submission", "user": {"id": user}, "view": view}


def buttons(call: tuple[str, dict]) -> dict[str, dict]:
    found = [b for b in call[1]["blocks"] if b["type"] == "actions"]
    return {e["action_id"]: e for e in found[0]["elements"]}


def test_a_question_is_told_denied_through_a_form_and_edited_to_its_result(house, api, web):
    acted = house.act("add_firewall_rule")
    house.sweep()
    (asked,) = api.calls
    assert (asked[0], asked[1]["channel"]) == ("chat.postMessage", "U0ANNA")
    found = buttons(asked)
    assert set(found) == {"open", "deny"}  # nothing is approved in a chat
    assert found["open"]["url"] == f"https://handrail.example/proposals/{acted.proposal}"
    value = found["deny"]["value"]

    pressed = {
        "type": "block_actions", "user": {"id": "U0ANNA"}, "trigger_id": "t1",
        "actions": [{"action_id": "deny", "value": value}],
    }  # fmt: skip
    assert press(web, house, pressed).status_code == 200
    assert api.calls[-1][0] == "views.open"
    assert house.state(acted.id) == "waiting"  # pressing decides nothing

    answer = press(web, house, deny(value))
    assert answer.json() == {"response_action": "clear"}
    assert house.state(acted.id) == "denied"
    house.sweep()
    edited = api.calls[-1]
    assert edited[0] == "chat.update"
    assert edited[1]["ts"] == "17.0"
    assert set(buttons(edited)) == {"open"}
    assert "Denied" in edited[1]["text"]


def test_I10_what_slack_did_not_sign_just_now_and_once_changes_nothing(house, api, web):
    acted = house.act("add_firewall_rule")
    house.sweep()
    value = buttons(api.calls[0])["deny"]["value"]
    assert press(web, house, deny(value), secret="another").status_code == 401
    assert press(web, house, deny(value), age=301).status_code == 401
    assert press(web, house, deny(value), age=-301).status_code == 401
    assert press(web, house, deny(value), **{"x-slack-signature": ""}).status_code == 401
    assert press(web, house, deny(value), **{"x-slack-request-timestamp": "17x"}).status_code == 401
    assert web.get(door.PATH).status_code == 405
    assert web.head(door.PATH).status_code == 405
    assert house.state(acted.id) == "waiting"
    assert press(web, house, {"type": "ssl_check", "user": {"id": "x"}}).status_code == 200
    assert press(web, house, {"type": "ssl_check", "user": {"id": "x"}}).status_code == 401  # again
    assert press(web, house, {}).status_code == 400


def test_only_a_person_who_may_denies_and_only_what_was_shown(house, api, web):
    acted = house.act("add_firewall_rule")
    house.sweep()
    value = buttons(api.calls[0])["deny"]["value"]
    ref, version, digest = value.split(":")
    for sent in (
        deny(value, user="U0STRANGER"),
        deny(f"{ref}:{version}:{'0' * 64}"),
        deny(f"{ref}:{version}:{digest[:12]}"),
        deny(value, reason="no-such-reason"),
    ):
        assert press(web, house, sent).json()["response_action"] == "errors"
        house.clock.advance(timedelta(seconds=1))
    assert house.state(acted.id) == "waiting"


def test_I31_text_makes_no_link_mention_or_format(slack, api, house):
    person = house.middle.keeper.current().people["per_anna"]
    nasty = "<!channel> *bold* <https://evil.example|Approve> @here :ok: `x`\nBlock & \u202e go"
    message = Message(
        ref="act_1", kind="notice", title=nasty, lines=(nasty,), path="/actions/act_1"
    )
    assert slack.deliver(person, message)
    text = json.dumps(api.calls[-1][1], ensure_ascii=False)
    for part in ("<!", "<http", "*bold*", "@here", ":ok:", "`x`", "\u202e"):
        assert part not in text
    assert escaped("a & b") == "a &amp; b"


def test_who_is_nobody_there_has_no_address_and_a_refusal_is_a_failure(slack, api, house):
    people = house.middle.keeper.current().people
    message = Message(ref="act_1", kind="notice", title="Done", lines=(), path="/")
    assert slack.deliver(people["per_dan"], message) is False
    api.refuse = "account_inactive"
    with pytest.raises(NotSent, match="account_inactive"):
        slack.deliver(people["per_anna"], message)


def test_private_addresses_are_gone_to_only_where_listed(api, house):
    inside = Slack(token=TOKEN, secret=SECRET, users=USERS, url="https://h.example", api=api.url)
    message = Message(ref="act_1", kind="notice", title="Done", lines=(), path="/")
    with pytest.raises(NotSent):
        inside.deliver(house.middle.keeper.current().people["per_anna"], message)
    assert not api.calls


def test_the_file_of_users():
    assert users("# who\nAnna@x.example U01\n\nben@x.example U02 # Ben\n") == {
        "anna@x.example": "U01",
        "ben@x.example": "U02",
    }
    for wrong in ("anna U01", "a@x.example", "a@x.example U01\nb@x.example U01", "a@x.example U-1"):
        with pytest.raises(BadInput):
            users(wrong)
