"""What people decide from a terminal, through a real server."""

import stat
from datetime import timedelta

import httpx2
import orjson
import pytest

from handrail.cli import talk
from support.doors import PASSWORD

#: Every command by which people decide or that reads what they decide on.
DECIDING = [
    ["proposals"], ["show", "{proposal}"], ["approve", "{proposal}", "--digest", "{digest}"],
    ["deny", "{proposal}", "--reason", "wrong-time"], ["ask", "{proposal}", "why?"],
    ["hand-over", "{proposal}", "--to", "ben@x.example"], ["revoke", "{approved}"],
    ["reverse", "{done}"], ["incident", "it broke"], ["pause", "--reason", "x"],
    ["resume", "--reason", "x"], ["away", "--until", "4h"],
]  # fmt: skip


@pytest.fixture
def there(doors):
    """One proposal that waits, one approved, and one action that can be reversed."""
    house = doors.house
    waiting = house.act("add_firewall_rule")
    approved = house.act("add_firewall_rule")
    house.answer("per_anna", approved.proposal)
    done = house.act("assign_licence", sku="E3")
    return {
        "proposal": waiting.proposal, "approved": approved.proposal, "done": done.id,
        "digest": house.digest(waiting.proposal), "action": waiting.id,
    }  # fmt: skip


def filled(command, there):
    return [part.format(**there) for part in command]


def counts(doors):
    """What decisions leave behind."""
    kinds = [e["type"] for e in doors.house.entries()]
    return [k for k in kinds if k.startswith("person:") and "session" not in k]


@pytest.mark.parametrize("command", DECIDING, ids=lambda c: c[0])
def test_nothing_is_decided_without_a_signed_in_person(command, run, doors, there, monkeypatch):
    """The same operating-system user, with the database in reach, is nobody."""
    monkeypatch.setenv("HANDRAIL_DATA", str(doors.settings.data))
    before = counts(doors)

    result = run(*filled(command, there))

    assert result.exit_code == talk.NOT_SIGNED_IN, result.output
    assert "handrail login" in result.stderr
    assert before == counts(doors)
    assert doors.house.state(there["action"]) == "waiting"


@pytest.mark.parametrize("command", DECIDING, ids=lambda c: c[0])
def test_an_agents_key_in_the_place_of_a_session_decides_nothing(
    command, run, doors, there, sessions, url
):
    """I5: an agent that finds the terminal of its computer is still an agent."""
    sessions.keep(url, doors.key("agt_one"))
    before = counts(doors)

    result = run(*filled(command, there))

    assert result.exit_code == talk.NOT_HELD, result.output
    assert "never decides" in result.stderr
    assert before == counts(doors)


def test_proposals_are_listed_and_shown(run, there, signed_in):
    signed_in("per_anna")

    listed = run("proposals", "--tab", "all")
    as_json = orjson.loads(run("proposals", "--tab", "all", "--json").stdout)
    shown = run("show", there["proposal"])

    assert there["proposal"] in listed.stdout
    assert there["proposal"] in [p["id"] for p in as_json]
    for text in ("add_firewall_rule", "Undo:", "Why a person decides", "Package:", "not checked"):
        assert text in shown.stdout
    assert there["digest"] in shown.stdout


def test_an_action_is_shown_with_its_story(run, there, signed_in):
    signed_in("per_anna")

    shown = run("show", there["done"])

    assert "Story" in shown.stdout
    assert "begun at once" in shown.stdout
    assert "Reversible" in shown.stdout


def test_approving_in_a_script_needs_the_whole_digest_that_was_read(run, doors, there, signed_in):
    """I10: without it nothing is approved, and neither with another's or a shortened one."""
    signed_in("per_anna")

    without = run("approve", there["proposal"])
    short = run("approve", there["proposal"], "--digest", there["digest"][:16])
    other = run("approve", there["proposal"], "--digest", "ab" * 32)
    assert (without.exit_code, short.exit_code, other.exit_code) == (2, 2, 1)
    assert there["digest"] in without.stderr
    assert doors.house.state(there["action"]) == "waiting"
    right = run("approve", there["proposal"], "--digest", there["digest"])

    assert right.exit_code == 0, right.output
    assert "handrail revoke" in right.stdout
    doors.house.sweep(seconds=11)
    assert doors.house.state(there["action"]) == "done"


def test_a_person_types_how_the_digest_begins(terminal, doors, there, signed_in):
    """The package stands on the screen before the question."""
    signed_in("per_anna")
    screen = terminal("approve", there["proposal"])

    shown = screen.until("first 8 characters")
    assert there["digest"] in shown
    assert "What changes" in shown
    screen.type(there["digest"][:8])

    assert screen.end() == 0, screen.shown
    assert "Approved" in screen.shown
    assert doors.house.state(there["action"]) == "approved"


def test_a_slip_of_the_pen_approves_nothing(terminal, doors, there, signed_in):
    signed_in("per_anna")
    screen = terminal("approve", there["proposal"])
    screen.until("first 8 characters")
    screen.type("yes")

    assert screen.end() == talk.USAGE
    assert doors.house.state(there["action"]) == "waiting"


def test_a_denial_needs_a_reason_that_exists(run, doors, there, signed_in):
    signed_in("per_anna")

    without = run("deny", there["proposal"])
    unknown = run("deny", there["proposal"], "--reason", "because")
    assert (without.exit_code, unknown.exit_code) == (2, 2)
    assert "wrong-target" in unknown.stderr
    denied = run("deny", there["proposal"], "--reason", "wrong-target", "--note", "not this one")

    assert denied.exit_code == 0
    assert doors.house.state(there["action"]) == "denied"


def test_a_person_is_asked_why_they_deny(terminal, doors, there, signed_in):
    signed_in("per_anna")
    screen = terminal("deny", there["proposal"])
    screen.until("Why:")
    assert "It rests on stale data" in screen.shown
    screen.type("stale-data")

    assert screen.end() == 0, screen.shown
    assert doors.house.state(there["action"]) == "denied"


def test_who_may_not_is_told_why(run, there, signed_in):
    signed_in("per_eve")

    result = run("approve", there["proposal"], "--digest", there["digest"])

    assert result.exit_code == talk.NOT_HELD
    assert result.stderr.strip()


def test_ask_hand_over_and_revoke(run, doors, there, signed_in):
    signed_in("per_anna")

    asked = run("ask", there["proposal"], "Which port?")
    handed = run("hand-over", there["proposal"], "--to", "Ben")
    nobody = run("hand-over", there["proposal"], "--to", "Nobody")
    revoked = run("revoke", there["approved"], "--reason", "a slip")

    assert [r.exit_code for r in (asked, handed, nobody, revoked)] == [0, 0, 2, 0], handed.output
    assert "Ben" in handed.stdout
    state = orjson.loads(run("show", there["approved"], "--json").stdout)["state"]
    assert state == "revoked"


def test_reverse_says_what_came_of_it(run, doors, there, signed_in):
    signed_in("per_anna")

    result = run("reverse", there["done"], "--reason", "the wrong person")
    again = run("reverse", there["done"])

    assert (result.exit_code, again.exit_code) == (0, 1), result.output
    assert doors.house.state(there["done"]) == "reversed"
    assert result.stdout.strip()


def test_a_failed_reversal_is_no_success(run, doors, there, signed_in):
    signed_in("per_anna")
    doors.house.upstream.fault = lambda order: "failed"

    assert run("reverse", there["done"]).exit_code == talk.NOT_HELD


def test_incident_needs_a_title_and_is_recorded(run, there, signed_in):
    signed_in("per_eve")

    without = run("incident")
    result = run("incident", "mail was lost", "--action", there["done"], "--json")

    assert without.exit_code == talk.USAGE
    assert orjson.loads(result.stdout)["state"] == "open"


def test_pause_and_back_by_two_people(run, doors, signed_in):
    """I12: a stop is eased by one, and ended by two."""
    signed_in("per_anna")
    paused = run("pause", "--degree", "stop", "--reason", "what is this?")
    listed = run("resume")
    pause = orjson.loads(run("resume", "--json").stdout)[0]["id"]
    assert pause in paused.stdout
    assert pause in listed.stdout
    assert "Eased" in run("resume", pause, "--reason", "found it").stdout
    assert "second person" in run("resume", pause, "--reason", "fixed").stdout
    alone = run("resume", pause, "--reason", "fixed")
    signed_in("per_dan")
    both = run("resume", pause, "--reason", "looked at it")

    assert alone.exit_code == talk.NOT_HELD
    assert "Resumed" in both.stdout
    assert "Nothing is paused." in run("resume").stdout


def test_pause_by_name_and_never_of_nothing(run, signed_in):
    signed_in("per_anna")

    one = run("pause", "--client", "Acme", "--reason", "x", "--json")
    none = run("pause", "--agent", "nobody", "--reason", "x")
    two = run("pause", "--agent", "one", "--client", "acme", "--reason", "x")

    assert orjson.loads(one.stdout)["ref"] == "acme"
    assert (none.exit_code, two.exit_code) == (2, 2)
    assert "Nothing was paused" in none.stderr


def test_away_and_back(run, doors, signed_in):
    signed_in("per_anna")

    span = run("away", "--until", "4h")
    odd = [run("away"), run("away", "--until", "4h", "--back"), run("away", "--until", "soon")]
    back = run("away", "--back")

    # The house's clock stands in January 2026, far before this computer's: only that is said.
    assert span.exit_code == 0, span.output
    assert [r.exit_code for r in odd] == [2, 2, 2]
    assert "back" in back.stdout


def test_away_with_somebody_who_stands_in(run, doors, signed_in):
    signed_in("per_anna")

    nobody = run("away", "--until", "2026-01-20T09:00Z", "--delegate", "nobody@x.example")
    known = run("away", "--until", "2026-01-20T09:00Z", "--delegate", "Ben")
    wide = run("away", "--until", "2026-01-21T09:00Z", "--delegate", "eve@x.example")

    assert (nobody.exit_code, known.exit_code, wide.exit_code) == (2, 0, 0), known.output
    assert "second person" in known.stdout  # Ben is no backup of the service desk manager
    assert "once a second person has agreed" in wide.stdout
    assert "back" in run("away", "--back").stdout


def test_a_hidden_character_is_shown_as_what_it_is_not(run, doors, signed_in):
    """An agent's escape sequences and reordering never reach the terminal."""
    evil = "\x1b[2J\x1b]0;approved\x07\u202etsurt"
    action = doors.house.s.govern.act(
        doors.house.agent(), doors.house.request("add_firewall_rule", port=evil)
    )
    signed_in("per_anna")

    shown = run("show", action.proposal).stdout + run("proposals", "--tab", "all").stdout

    assert not {"\x1b", "\x07", "\u202e"} & set(shown)


# --- the session -------------------------------------------------------------------------------


def test_login_confirm_and_logout(terminal, run, doors, sessions, url):
    screen = terminal("login")
    shown = screen.until("Waiting until")
    code = shown.split("Code")[1].split()[0]
    assert f"{doors.settings.url}/device" in shown
    confirmed = httpx2.post(
        f"{url}/v1/device/confirmation", json={"user_code": code}, headers=doors.of("per_anna")
    )
    assert confirmed.status_code == 204

    assert screen.end() == 0, screen.shown
    assert "Signed in" in screen.shown
    assert run("proposals").exit_code == 0
    path = sessions._path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    token = sessions.token(url)
    assert run("logout").exit_code == 0
    assert (
        httpx2.get(f"{url}/v1/session", headers={"Authorization": f"Bearer {token}"}).status_code
        == 401
    )
    assert run("proposals").exit_code == talk.NOT_SIGNED_IN
    assert "not signed in" in run("logout").stdout


def test_stepping_up_on_demand(terminal, doors, there, signed_in, url):
    """An old session is renewed in the browser, and the approval goes on where it stood."""
    signed_in("per_anna")
    doors.clock.advance(timedelta(minutes=16))
    proposal = doors.house.act("add_firewall_rule")
    digest = doors.house.digest(proposal.proposal)
    screen = terminal("approve", proposal.proposal)
    screen.until("first 8 characters")
    screen.type(digest[:8])
    code = screen.until("Waiting until").split("Code")[1].split()[0]
    fresh = httpx2.post(
        f"{url}/v1/session", json={"email": "anna@x.example", "password": PASSWORD}
    ).json()["token"]
    httpx2.post(
        f"{url}/v1/device/confirmation", json={"user_code": code},
        headers={"Authorization": f"Bearer {fresh}"},
    ).raise_for_status()  # fmt: skip

    assert screen.end() == 0, screen.shown
    assert doors.house.state(proposal.id) == "approved"


def test_in_a_script_an_old_session_is_code_4(run, doors, there, signed_in):
    signed_in("per_anna")
    doors.clock.advance(timedelta(minutes=16))

    result = run("approve", there["proposal"], "--digest", there["digest"])

    assert result.exit_code == talk.NOT_SIGNED_IN


def test_a_session_file_that_others_can_read_is_refused(run, sessions, signed_in):
    signed_in("per_anna")
    sessions._path.chmod(0o644)

    result = run("proposals")

    assert result.exit_code == talk.NOT_SIGNED_IN
    assert "chmod 600" in result.stderr


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("http://127.0.0.1:1", talk.UNREACHABLE), ("ftp://x.example", talk.USAGE),
        ("nonsense", talk.USAGE), ("http://handrail.example", talk.USAGE),
    ],
)  # fmt: skip
def test_where_the_server_is_not(place, code, run, sessions, monkeypatch):
    """A session never travels unencrypted over a network."""
    sessions.keep(place, "token")
    monkeypatch.setenv("HANDRAIL_URL", place)

    result = run("proposals")

    assert result.exit_code == code, result.output
