"""Every page: it renders, it changes nothing, it is small, and its headers are strict."""

import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

import pytest
from starlette.testclient import TestClient

from handrail import console
from handrail.console.static import FOLDER, Assets
from handrail.ledger.checkpoint import VerifierKey
from handrail.ledger.proof import verify_inclusion
from handrail.service import shapes

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
PAGES = (
    "/inbox", "/inbox?tab=team", "/inbox?tab=asked", "/inbox?tab=today", "/inbox?tab=none",
    "/feed", "/feed?tab=all", "/feed?tab=reversed", "/feed?tab=alone", "/actions",
    "/actions?state=waiting&tier=3", "/matrix", "/matrix?tier=1", "/matrix?q=firewall",
    "/matrix/up.add_firewall_rule", "/pause", "/pause?what=client:acme", "/audit",
    "/audit?client=acme", "/audit?text=firewall&tier=3&state=waiting", "/audit/0", "/audit/attacks", "/incidents", "/settings", "/settings/people",
    "/settings/people?change=per_eve", "/settings/agents", "/settings/clients",
    "/settings/connections", "/settings/connections/up", "/settings/policy", "/start", "/keys", "/search",
    "/search?q=acme", "/device",
)  # fmt: skip
MAX_HTML, MAX_CSS, MAX_SCRIPT = 30 * 1024, 20 * 1024, 50 * 1024


class Links(HTMLParser):
    """Every place that a page leads to, and whether it holds anything inline."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.inline: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.ids += [str(values["id"])] if "id" in values else []
        for name in ("href", "hx-get", "src"):
            if values.get(name):
                self.found.add(str(values[name]))
        inline = [n for n in values if n == "style" or n.startswith(("on", "hx-on"))]
        if inline or tag == "style" or (tag == "script" and not values.get("src")):
            self.inline.append(f"{tag} {inline}")


def links(html: str) -> Links:
    parser = Links()
    parser.feed(html)
    return parser


def lived_in(doors: Any) -> str:
    """Something of every kind has happened; the id of a proposal that waits."""
    house = doors.house
    house.act("restart_service")
    house.act("assign_licence", sku="E3")
    done = doors.propose()
    house.answer("per_ben", done)
    house.sweep(seconds=11)
    denied = doors.propose(client="harbor")
    house.answer("per_ben", denied, "deny", reason="wrong-time", note="After six, please.")
    changed = doors.propose(port=1)
    doors.another_version(changed)
    doors.propose("unsigned_thing")
    house.s.pauses.pause(house.who("per_ben"), "client", "harbor", "restrict", "Looking into it")
    house.s.incidents.open(house.who("per_ben"), severity="minor", title="A slip")
    house.sweep()
    return str(changed)


def fits(value: Any, hint: Any, where: str) -> None:
    """Fail unless *value* is of the type that *hint* says: every key there, and no other."""
    origin, of = get_origin(hint), get_args(hint)
    if hint is Any:
        return
    if is_typeddict(hint):
        hints = get_type_hints(hint)
        assert isinstance(value, dict), (where, value)
        assert set(value) == set(hints), (where, set(value) ^ set(hints))
        for name, inner in hints.items():
            fits(value[name], inner, f"{where}.{name}")
    elif origin in {Union, UnionType}:
        assert any(_fits(value, inner) for inner in of), (where, value)
    elif origin is Literal:
        assert value in of, (where, value)
    elif origin is list:
        assert isinstance(value, list), (where, value)
        for item in value:
            fits(item, of[0], f"{where}[]")
    elif origin is dict:
        assert isinstance(value, dict), (where, value)
        for key, item in value.items():
            fits(key, of[0], f"{where}.keys")
            fits(item, of[1], f"{where}[{key}]")
    else:
        assert type(value) is hint, (where, value)


def _fits(value: Any, hint: Any) -> bool:
    try:
        fits(value, hint, "")
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize("path", PAGES)
def test_a_page_renders_small_with_strict_headers_and_nothing_inline(
    doors: Any, ben: Any, path: str
) -> None:
    lived_in(doors)

    answer = ben.get(path)

    assert answer.status_code == 200, answer.text[:2000]
    assert answer.headers["content-security-policy"] == CSP
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert len(answer.content) < MAX_HTML
    found = links(answer.text)
    assert found.inline == []
    assert len(found.ids) == len(set(found.ids)), "an id stands twice"
    assert answer.text.count("<h1") == 1


def test_looking_at_everything_changes_nothing(doors: Any, ben: Any) -> None:
    """UX 1.6: every link of every page, by GET and by HEAD."""
    lived_in(doors)
    before = doors.size()
    waiting, seen = ["/", "/login", "/step-up"], set[str]()

    while waiting:
        path = waiting.pop()
        if path in seen or not path.startswith("/"):
            continue
        seen.add(path)
        head, answer = ben.client.head(path, follow_redirects=False), ben.get(path)
        assert answer.status_code < 500, path
        assert head.status_code == answer.status_code, path
        if answer.status_code == 303:
            waiting.append(answer.headers["location"])
        if "text/html" in answer.headers.get("content-type", ""):
            waiting += [link.partition("#")[0] for link in links(answer.text).found]

    assert len(seen) > 60
    assert doors.size() == before


def test_every_shape_that_doors_rely_on_is_what_read_gives(doors: Any) -> None:
    proposal = lived_in(doors)
    read, who = doors.house.s.read, doors.house.who("per_ben")
    action = read.actions()[0]["id"]
    tools = read.tools("up")
    cases: list[tuple[Any, Any]] = [
        (dict[str, list[shapes.InboxRow]], read.inboxes(who)),
        (shapes.PackagePage, read.package(proposal, None, who)),
        (list[shapes.FeedCard], read.feed("all")),
        (list[shapes.ActionRow], read.actions()),
        (shapes.ActionPage, read.action(action)),
        (list[shapes.EntryShown], read.story(action)),
        (list[shapes.PauseShown], read.pauses()),
        (shapes.Status, read.status()),
        (shapes.LedgerStatus, doors.house.s.record.status()),
        (list[shapes.MatrixShown], read.matrix()),
        (list[shapes.PersonShown], read.people()),
        (list[shapes.AgentShown], read.agents()),
        (list[shapes.ClientShown], read.clients()),
        (list[shapes.ConnectionShown], read.connections()),
        (list[shapes.ToolShown], tools),
        (shapes.PolicyShown, read.policy()),
    ]

    for shape, value in cases:
        assert value
        fits(value, shape, str(shape))


def test_files_are_kept_for_ever_by_the_address_of_their_content_only(http: TestClient) -> None:
    assets = Assets()

    kept = http.get(assets.url("console.css"))
    plain = http.get("/static/console.css")

    assert "immutable" in kept.headers["cache-control"]
    assert plain.headers["cache-control"] == "no-cache"
    assert kept.headers["content-type"].startswith("text/css")
    assert re.search(r"inter-latin-wght-normal\.woff2\?v=[0-9a-f]{12}", kept.text)
    assert http.get("/static/%2e%2e/door.py").status_code == 404
    assert http.get("/static/VENDORED.md").status_code == 404
    assert http.post("/static/console.css").status_code == 404


def test_what_others_wrote_is_what_the_list_says(http: TestClient) -> None:
    for folder in (FOLDER, Path(__file__).parents[1] / "vendor"):
        lines = re.findall(
            r"^\| (\S+) \|.*\| ([0-9a-f]{64}) \|$",
            (folder / "VENDORED.md").read_text(),
            re.MULTILINE,
        )
        assert lines
        for name, digest in lines:
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name
    for licence in ("htmx.LICENSE", "inter.LICENSE", "lucide.LICENSE"):
        assert (FOLDER / licence).stat().st_size > 400


def test_styles_and_scripts_stay_small(http: TestClient) -> None:
    css = http.get(Assets().url("console.css"))
    scripts = [http.get(f"/static/{name}") for name in ("htmx.min.js", "live.js", "passkey.js")]

    assert len(css.content) < MAX_CSS
    assert sum(len(s.content) for s in scripts) < MAX_SCRIPT


def test_an_unknown_page_is_a_search_and_the_api_keeps_its_own_words(doors: Any, ben: Any) -> None:
    page, api, method = ben.get("/nowhere/at/all"), ben.get("/v1/nope"), ben.post("/v1/healthz")

    assert page.status_code == 404
    assert "There is no such page" in page.text
    assert api.headers["content-type"] == "application/problem+json"
    assert method.headers["content-type"] == "application/problem+json"


def test_a_failure_shows_a_number_and_nothing_else(doors: Any, monkeypatch: Any) -> None:
    """A page of its own that fails, mounted like any other."""

    def fails(visit: Any) -> Any:
        raise RuntimeError("the secret is sesame")

    family = type("Family", (), {"PAGES": (("/fails", ("GET", "POST"), fails),)})
    monkeypatch.setattr(console, "FAMILIES", (family,))
    with TestClient(doors.build(), raise_server_exceptions=False) as client:
        client.cookies.set("handrail", doors.session("per_ben"))
        looked = client.get("/fails")
        sent = client.post("/fails", data={"csrf": doors.csrf("per_ben"), "key": "k"})

    assert (looked.status_code, sent.status_code) == (500, 500)
    assert "sesame" not in looked.text
    assert "Nothing was changed" in looked.text
    assert "It is not known" in sent.text
    assert looked.headers["content-security-policy"] == CSP


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("prp_01ABC", "/proposals/prp_01ABC"),
        ("act_01ABC", "/actions/act_01ABC"),
        ("17", "/audit/17"),
    ],
)
def test_an_id_leads_to_its_page_at_once(ben: Any, text: str, place: str) -> None:
    assert ben.get("/search", params={"q": text}).headers["location"] == place


def test_an_entry_s_proof_is_one_click_away(doors: Any, ben: Any) -> None:
    """I21: what the page shows, a stranger can check with the key alone."""
    record = doors.house.s.record
    record.sign()
    assert 'href="/audit/0/proof"' in ben.get("/audit/0").text

    found = ben.get("/audit/0/proof")

    key = VerifierKey.parse(record.key)
    assert verify_inclusion(found.content, next(record.entries()), key).size > 0


def test_a_ticket_leads_to_what_was_done_for_it(doors: Any, ben: Any) -> None:
    doors.house.act("restart_service")

    found = ben.get("/search", params={"q": "T-acme"})

    assert "restart_service n1" in found.text


@pytest.mark.parametrize("q", ["act_<script>", "-1", "٣", "9" * 40, "%00", "' OR 1=1"])
def test_a_strange_search_finds_nothing_and_breaks_nothing(ben: Any, q: str) -> None:
    assert ben.get("/search", params={"q": q}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/audit?before=x", "/audit?tier=9", "/audit?since=never", "/audit?since=0001-01-01T00:00:00%2B14:00",
        f"/audit?before={'9' * 40}", "/audit/x", "/audit/99999999", "/audit/x/proof", "/audit/99999999/proof", "/actions/act_none",
        "/proposals/prp_none", "/proposals/prp_none/compare?from=a&to=b", "/matrix/none.none",
        "/settings/connections/none", "/setup/none",
    ],
)  # fmt: skip
def test_a_wrong_address_is_told_and_not_a_failure(ben: Any, path: str) -> None:
    answer = ben.get(path)

    assert answer.status_code in {404, 422}, answer.status_code
    assert "<h1" in answer.text
