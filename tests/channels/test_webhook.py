"""The webhook, against a real receiver: signed, in order, at least once, never into the own network.

What it says is checked with the CloudEvents schema, its signature with an implementation of its own.
"""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from handrail import doctor
from handrail.channels.webhook import Webhook, secrets, signature
from handrail.clock import FakeClock
from handrail.config import load
from handrail.errors import BadInput, NoAnswer, NotSent, Unreadable
from handrail.privacy.seal import open_sealer
from handrail.service.follower import WAITS, Follower
from handrail.store.database import open_store
from handrail.wiring import follower_of
from support.house import House

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
FREE = frozenset({"127.0.0.1", "localhost"})

#: CloudEvents 1.0.2, JSON format, as far as it is used; nothing else may be there.
SCHEMA = Draft202012Validator(
    {
        "type": "object",
        "required": ["specversion", "id", "source", "type", "time", "datacontenttype", "data"],
        "additionalProperties": False,
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "pattern": "^evt_[0-9]+$"},
            "source": {"const": "//test.example/log"},
            "type": {"type": "string", "pattern": "^(agent|person|handrail):[a-z]+:[a-z-]+$"},
            "subject": {"type": "string", "pattern": "^act_"},
            "time": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"},
            "datacontenttype": {"const": "application/json"},
            "data": {
                "type": "object",
                "required": ["seq", "text", "by", "clients", "facts"],
                "additionalProperties": False,
                "properties": {
                    "seq": {"type": "integer"},
                    "text": {"type": "string"},
                    "by": {"type": "string"},
                    "clients": {"type": "array", "items": {"type": "string"}},
                    "facts": {"type": "object"},
                },
            },
        },
    }
)


class Receiver:
    """A web server that verifies what it gets, as Standard Webhooks says, before it takes it."""

    def __init__(self, key: bytes = KEY) -> None:
        self.key, self.status, self.headers = key, 204, {}
        self.events: list[dict] = []
        self.tries: list[str] = []
        self.hosts: list[str] = []
        self.now = AT
        self.hangs_up = False

    def takes(self, headers, body: bytes) -> int:
        self.hosts.append(headers["host"])
        id, stamp = headers["webhook-id"], headers["webhook-timestamp"]
        self.tries.append(id)
        if abs(self.now.timestamp() - int(stamp)) > 300:
            return 401
        signed = f"{id}.{stamp}.{body.decode()}".encode()
        digest = base64.b64encode(hmac.new(self.key, signed, hashlib.sha256).digest()).decode()
        if f"v1,{digest}" not in headers["webhook-signature"].split(" "):
            return 401
        if headers["content-type"] != "application/cloudevents+json; charset=utf-8":
            return 415
        if 200 <= self.status < 300:
            event = json.loads(body)
            SCHEMA.validate(event)
            assert event["id"] == id
            self.events.append(event)
        return self.status


@contextmanager
def serving(receiver: Receiver) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = receiver.takes(self.headers, body)
            if receiver.hangs_up:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook?a=1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    clock = FakeClock()
    store = open_store("sqlite://", clock, "test.example/log")
    sealer = open_sealer(tmp_path / "keys")
    yield House(store, sealer, clock)
    store.close()
    sealer.close()


def following(house: House, url: str, path: Path) -> Follower:
    return Follower(
        house.store, Webhook(url, [KEY], FREE), house.clock, path / "w.json", "test.example/log"
    )


def test_a_signature_is_that_of_the_published_example():
    # The example of the Standard Webhooks libraries.
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    found = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_happens_is_sent_in_order_and_only_once(house: House, tmp_path: Path):
    receiver = Receiver()
    with serving(receiver) as url:
        follower = following(house, url, tmp_path)
        acted = house.act("add_firewall_rule")
        house.sweep()
        assert follower.once() == 2
        assert follower.once() == 0

    assert [e["type"] for e in receiver.events] == [
        "handrail:action:proposed",
        "handrail:proposal:asked",
    ]
    assert {e["subject"] for e in receiver.events} == {acted.id}
    assert receiver.hosts[0] == url.split("/")[2]


def test_it_begins_where_the_record_stood_and_goes_on_after_a_restart(house: House, tmp_path: Path):
    receiver = Receiver()
    house.act("restart_service")
    with serving(receiver) as url:
        assert following(house, url, tmp_path).once() == 0
        house.act("add_firewall_rule")
        # Nothing was sent yet; another process takes up where this one stood.
        assert following(house, url, tmp_path).once() == 1
        assert following(house, url, tmp_path).once() == 0
        elsewhere = following(house, url + "&b=2", tmp_path)
        assert elsewhere.once() == 0
    assert len(receiver.events) == 1


def test_no_sign_in_and_no_agent_words_are_sent_I31(house: House, tmp_path: Path):
    receiver = Receiver()
    with serving(receiver) as url:
        follower = following(house, url, tmp_path)
        house.act("add_firewall_rule", reason="<b>urgent, approve now</b>")
        house.s.availability.set_away(house.who("per_ben"), None)  # about a person
        assert follower.once() == 1
    assert "approve now" not in json.dumps(receiver.events)


@pytest.mark.parametrize("status", [301, 400, 401, 500, 503])
def test_a_failure_is_tried_again_at_a_date_with_the_same_id_and_in_order(
    house: House, tmp_path: Path, status: int
):
    receiver = Receiver()
    receiver.status = status
    receiver.headers = {"location": "http://127.0.0.1:1/"} if status == 301 else {}
    with serving(receiver) as url:
        follower = following(house, url, tmp_path)
        house.act("add_firewall_rule")
        house.sweep()
        assert follower.once() == 0
        assert follower.once() == 0
        assert len(receiver.tries) == 1
        assert str(status) in follower.place.trouble

        receiver.status = 204
        house.clock.advance(timedelta(seconds=WAITS[0] - 1))
        assert following(house, url, tmp_path).once() == 0  # the date outlives the process
        house.clock.advance(timedelta(seconds=1))
        receiver.now = house.clock.now()
        assert following(house, url, tmp_path).once() == 2

    assert len(set(receiver.tries)) == 2
    assert receiver.tries[0] == receiver.tries[1]
    assert [e["data"]["seq"] for e in receiver.events] == sorted(
        e["data"]["seq"] for e in receiver.events
    )


def test_what_is_never_taken_is_passed_over_and_counted(house: House, tmp_path: Path):
    receiver = Receiver()
    receiver.status = 500
    with serving(receiver) as url:
        follower = following(house, url, tmp_path)
        house.act("add_firewall_rule")
        for wait in WAITS:
            assert follower.once() == 0
            house.clock.advance(timedelta(seconds=wait))
            receiver.now = house.clock.now()
        assert follower.place.missed == 0
        assert follower.once() == 0
        assert follower.place.missed == 1
        assert follower.place.trouble
        receiver.status = 204
        house.act("restart_service")
        assert follower.once() > 0
    assert len(set(receiver.tries)) == len(receiver.events) + 1
    assert receiver.tries.count(receiver.tries[0]) == len(WAITS) + 1
    assert follower.place.trouble == ""


def test_an_answer_that_breaks_off_may_have_been_taken():
    receiver = Receiver()
    receiver.status, receiver.hangs_up = 500, True
    with serving(receiver) as url, pytest.raises(NoAnswer, match="gave no answer"):
        Webhook(url, [KEY], FREE).post("evt_1", b"{}", AT)
    with pytest.raises(NotSent, match="can't be reached"):
        Webhook(url, [KEY], FREE).post("evt_1", b"{}", AT)


def test_a_new_secret_stands_above_the_old_one_until_receivers_have_it(house, tmp_path: Path):
    new = bytes(reversed(KEY))
    text = f"whsec_{base64.b64encode(new).decode()}\n{SECRET}\n"
    for key in (new, KEY):
        receiver = Receiver(key)
        with serving(receiver) as url:
            hook = Webhook(url, secrets(text), FREE)
            follower = Follower(
                house.store, hook, house.clock, tmp_path / "w.json", "test.example/log"
            )
            house.act("add_firewall_rule", note=key.hex())
            assert follower.once() > 0


def test_a_forged_or_old_event_is_refused_by_a_receiver():
    receiver = Receiver()
    with serving(receiver) as url:
        with pytest.raises(NotSent, match="401"):
            Webhook(url, [bytes(32)], FREE).post("evt_1", b"{}", AT)
        with pytest.raises(NotSent, match="401"):
            Webhook(url, [KEY], FREE).post("evt_1", b"{}", AT - timedelta(minutes=6))
    assert receiver.events == []


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/hook",
        "https://localhost/hook",
        "https://[::1]/hook",
        "https://10.0.0.1/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:127.0.0.1]/hook",
        "https://[64:ff9b::7f00:1]/hook",
        "https://0/hook",
        "http://hooks.example/hook",
        "file:///etc/passwd",
        "https://127.0.0.1:x/hook",
    ],
)
def test_it_does_not_lead_into_the_own_network(url: str):
    with pytest.raises(NotSent, match=r"not a public address|not https|no port|not known"):
        Webhook(url, [KEY]).post("evt_1", b"{}", AT)


def test_only_a_listed_host_may_be_here():
    receiver = Receiver()
    with serving(receiver) as url:
        with pytest.raises(NotSent, match="not https"):
            Webhook(url, [KEY], frozenset({"other.example"})).post("evt_1", b"{}", AT)
        assert receiver.tries == []


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_!!!", SECRET[6:]])
def test_a_secret_that_is_none_is_said_and_not_shown(text: str):
    with pytest.raises(BadInput) as raised:
        secrets(text)
    assert not text or text not in str(raised.value)


def test_a_place_that_cannot_be_read_is_said(house: House, tmp_path: Path):
    (tmp_path / "w.json").write_text("{")
    with pytest.raises(Unreadable, match=r"w\.json"):
        following(house, "http://127.0.0.1/", tmp_path)


def test_a_thread_follows_commits_until_it_is_stopped(house: House, tmp_path: Path):
    receiver, got = Receiver(), threading.Event()
    takes = receiver.takes

    def noticing(headers, body: bytes) -> int:
        status = takes(headers, body)
        got.set()
        return status

    receiver.takes = noticing
    with serving(receiver) as url:
        follower = following(house, url, tmp_path)
        follower.start()
        house.act("add_firewall_rule")
        assert got.wait(30)
        follower.stop()
    assert receiver.events[0]["type"] == "handrail:action:proposed"


def test_settings_name_the_webhook(house: House, tmp_path: Path):
    plain = load({"HANDRAIL_DATA": str(tmp_path)})
    assert follower_of(plain, house.clock, house.store) is None

    named = {"HANDRAIL_DATA": str(tmp_path), "HANDRAIL_WEBHOOK": "https://hooks.example/x"}
    with pytest.raises(BadInput, match="no secret"):
        follower_of(load(named), house.clock, house.store)
    (tmp_path / "secret").write_text(SECRET)
    named["HANDRAIL_WEBHOOK_SECRET_FILE"] = str(tmp_path / "secret")
    assert follower_of(load(named), house.clock, house.store) is not None


def test_doctor_says_how_the_webhook_stands_and_sends_nothing(house: House, tmp_path: Path):
    receiver = Receiver()
    (tmp_path / "secret").write_text(SECRET)
    with serving(receiver) as url:
        named = {
            "HANDRAIL_DATA": str(tmp_path),
            "HANDRAIL_WEBHOOK": url,
            "HANDRAIL_WEBHOOK_SECRET_FILE": str(tmp_path / "secret"),
        }

        def found(**more: str):
            settings = load({**named, **more})
            return {f.name: f for f in doctor.findings(settings)}["webhook"]

        assert "not https" in found().text
        ok = found(HANDRAIL_WEBHOOK_HOSTS="127.0.0.1")
        assert (ok.ok, ok.text) == (True, "nothing was sent yet")

        follower = following(house, url, tmp_path)
        (tmp_path / "w.json").rename(tmp_path / "webhook.json")
        assert found(HANDRAIL_WEBHOOK_HOSTS="127.0.0.1").ok
        receiver.status = 500
        house.act("add_firewall_rule")
        follower.once()
        (tmp_path / "w.json").rename(tmp_path / "webhook.json")
        bad = found(HANDRAIL_WEBHOOK_HOSTS="127.0.0.1")
        assert not bad.ok
        assert "500" in bad.text
    assert len(receiver.tries) == 1
