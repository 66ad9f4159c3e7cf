"""Calendars behind URLs: the last copy holds when the source is down, and none leads into the own
network (I16)."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from handrail.clock import FakeClock
from handrail.config import load as settings_of
from handrail.connectors.calendars import Calendars, fetcher
from handrail.core.calendars import MAX_BYTES
from handrail.core.policy import load
from handrail.errors import NotSent
from handrail.outward import public
from handrail.service.freezes import Freezes
from handrail.wiring import build
from support.policy_text import MAIN, ROW, SIGNATURES

ICS = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20260101T000000Z\r\n"
    "DTSTART:20200101T000000Z\r\nDTEND:20400101T000000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
NONE = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nEND:VCALENDAR\r\n"


class Source:
    """A web server whose answer a test sets."""

    def __init__(self) -> None:
        self.status, self.body, self.headers = 200, ICS.encode(), {}
        self.asked: list[str] = []


@contextmanager
def serving(source: Source) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            source.asked.append(self.headers["host"] + self.path)
            self.send_response(source.status)
            for name, value in source.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(source.body)))
            self.end_headers()
            self.wfile.write(source.body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/x.ics?key=1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_listed_host_is_fetched_by_its_name():
    source = Source()
    with serving(source) as url:
        assert fetcher(["127.0.0.1"])(url) == ICS
        named = url.replace("127.0.0.1", "localhost")
        assert fetcher(["localhost "])(named) == ICS

    port = url.partition("127.0.0.1:")[2].partition("/")[0]
    assert source.asked == [f"127.0.0.1:{port}/x.ics?key=1", f"localhost:{port}/x.ics?key=1"]


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/x.ics",
        "https://localhost/x.ics",
        "https://[::1]/x.ics",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://0.0.0.0/",
        "https://[::ffff:127.0.0.1]/",
        "https://2130706433/",
    ],
)
def test_an_address_that_is_not_public_is_refused(url):
    with pytest.raises(NotSent, match=r"not a public address|not known"):
        fetcher()(url)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "::ffff:8.8.8.8",  # noqa: S104
        "64:ff9b::7f00:1", "2002:7f00:1::", "ff02::1", "::",
    ],
)  # fmt: skip
def test_which_addresses_are_not_public(address):
    assert not public(address)


def test_which_addresses_are_public():
    assert public("8.8.8.8")
    assert public("2606:4700:4700::1111")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"status": 500}, "answers 500"),
        ({"status": 302, "headers": {"location": "http://127.0.0.1/secret"}}, "redirects to"),
        ({"body": b"x" * (MAX_BYTES + 1)}, "over"),
    ],
)
def test_what_is_not_the_calendar_is_refused(change, message):
    source = Source()
    for name, value in change.items():
        setattr(source, name, value)
    with serving(source) as url, pytest.raises(NotSent, match=message):
        fetcher(["127.0.0.1"])(url)
    assert len(source.asked) == 1  # a redirect is not followed


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://calendar.example/x", "not https"),
        ("ftp://127.0.0.1/x", "not https"),
        ("https://no-such-host.invalid/x", "not known"),
        ("https://calendar.example:99999/x", "no port"),
        ("https:///x", "not known|not a public"),
    ],
)
def test_urls_that_lead_nowhere(url, message):
    with pytest.raises(NotSent, match=message):
        fetcher(["127.0.0.1"])(url)


def test_a_source_that_stops_answering_is_said():
    source = Source()
    with serving(source) as url:
        pass
    with pytest.raises(NotSent, match="can't be reached"):
        fetcher(["127.0.0.1"])(url)


# --- copies ---------------------------------------------------------------------------------------

URL = "https://calendar.example/x.ics"


class Fetches:
    """A source that gives what a test set."""

    def __init__(self) -> None:
        self.text: str | None = ICS

    def __call__(self, url: str) -> str:
        if self.text is None:
            raise NotSent("it is down")
        return self.text


@pytest.fixture
def kept(tmp_path):
    clock, fetch = FakeClock(), Fetches()
    return Calendars(tmp_path / "c", clock, fetch, lambda: [URL]), clock, fetch, tmp_path / "c"


def policy(age="24h"):
    main = MAIN + f"freezes: [{{name: f, calendar: '{URL}', age: {age}, because: x}}]\n"
    return load({"handrail.yaml": main, "matrix/a.yaml": SIGNATURES + ROW})


def test_I16_a_source_that_is_down_holds_the_last_copy_and_says_so(kept):
    calendars, clock, fetch, _ = kept
    freezes = Freezes(calendars)
    assert freezes.facts(policy(), clock.now()) == {}  # never read: unknown, which holds
    calendars.refresh()
    read = clock.now()

    for broken in (None, "<html>not a calendar", ""):
        fetch.text = broken
        clock.advance(timedelta(hours=1))
        calendars.refresh()
        fact = freezes.facts(policy(), clock.now())["freeze.f"]
        assert (fact.value, fact.at) == (True, read)
        (source,) = calendars.sources()
        assert source.at == read
        assert source.trouble

    fetch.text = NONE
    calendars.refresh()
    assert freezes.facts(policy(), clock.now())["freeze.f"].value is False
    assert calendars.sources()[0].trouble == ""


def test_I16_a_copy_older_than_the_policy_allows_is_none(kept):
    calendars, clock, fetch, _ = kept
    fetch.text = NONE
    calendars.refresh()
    clock.advance(timedelta(hours=2))

    assert "freeze.f" in Freezes(calendars).facts(policy("3h"), clock.now())
    assert Freezes(calendars).facts(policy("1h"), clock.now()) == {}
    clock.advance(timedelta(hours=-3))  # and none from the future
    assert Freezes(calendars).facts(policy("24h"), clock.now()) == {}


def test_the_last_copy_outlives_a_restart_and_a_spoiled_file_is_no_copy(kept):
    calendars, clock, fetch, folder = kept
    calendars.refresh()
    fetch.text = None

    again = Calendars(folder, clock, fetch, lambda: [URL])
    again.refresh()
    assert again.copy(URL).calendar.on(clock.now())

    (file,) = folder.iterdir()
    for spoiled in (b"", b"{}", b'{"at": "x", "text": "y"}', b"[1]"):
        file.write_bytes(spoiled)
        other = Calendars(folder, clock, fetch, lambda: [URL])
        assert other.copy(URL) is None
        assert "can't be read" in other.sources()[0].trouble


def test_I16_while_serving_changes_wait_until_the_calendar_was_read_and_found_free(tmp_path):
    """From the URL in the policy to the fact of a call, over a whole Handrail."""
    source = Source()
    source.body = NONE.encode()
    with serving(source) as url:
        house = build(settings_of({"HANDRAIL_CALENDAR_HOSTS": "127.0.0.1"}, data=tmp_path))
        main = MAIN + f"freezes: [{{name: f, calendar: '{url}', because: x}}]\n"
        house.services.policies.publish(None, {"handrail.yaml": main})
        freezes, now = Freezes(house.calendars), house.clock.now
        in_force = house.services.policies.current
        assert freezes.facts(in_force(), now()) == {}
        house.calendars.refresh()
        assert freezes.facts(in_force(), now())["freeze.f"].value is False
        source.body = ICS.encode()
        house.calendars.refresh()
        assert freezes.facts(in_force(), now())["freeze.f"].value is True
        assert [s.url for s in house.services.policies.sources()] == [url]
        house.start()
        house.close()
