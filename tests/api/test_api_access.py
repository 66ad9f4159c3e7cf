"""Who gets in where: every endpoint of the description, with every kind of credential."""

import re
from datetime import timedelta

import pytest
from fastapi import FastAPI

from handrail.api import build
from support.doors import PASSWORD

#: Open by design: nothing of anyone's is behind them, or they are how people sign in.
OPEN = {
    ("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics"), ("GET", "/v1/ledger/checkpoint"),
    ("POST", "/v1/session"), ("POST", "/v1/set-up"), ("POST", "/v1/device"),
    ("POST", "/v1/device/token"),
}  # fmt: skip
FOR_AGENTS = {
    ("POST", "/v1/actions"), ("POST", "/v1/actions/{id}/withdrawal"),
    ("POST", "/v1/actions/{id}/answer"), ("POST", "/v1/actions/{id}/begin"),
    ("POST", "/v1/actions/{id}/outcome"), ("POST", "/v1/escalations"), ("POST", "/v1/notes"),
}  # fmt: skip
SHARED = {("GET", "/v1/actions/{id}"), ("GET", "/v1/actions/{id}/story")}


def operations() -> list[tuple[str, str]]:
    """Every (method, path) that the application describes."""
    app: FastAPI = build(None, None, None, None)  # type: ignore[arg-type]  # only described
    paths = app.openapi()["paths"]
    return [(method.upper(), path) for path, found in paths.items() for method in found]


ALL = operations()
FOR_PEOPLE = [o for o in ALL if o not in OPEN | FOR_AGENTS | SHARED]


def fill(path: str) -> str:
    return re.sub(r"\{[a-z]+\}", "x", path)


def test_the_lists_above_are_of_endpoints_that_exist():
    assert set(ALL) >= OPEN | FOR_AGENTS | SHARED


@pytest.fixture
def send(http, doors):
    def send(method, path, headers=None):
        json = None if method in {"GET", "DELETE"} else {}
        return http.request(method, fill(path), json=json, headers=headers)

    return send


def test_an_agents_key_is_refused_on_everything_that_people_decide(send, doors):
    """I5, I6: 403 for each, before anything else of the request is looked at."""
    headers = doors.of("agt_one")

    answers = {(m, p): send(m, p, headers).status_code for m, p in FOR_PEOPLE}

    assert len(FOR_PEOPLE) > 35
    assert {403} == set(answers.values()), answers


def test_even_a_key_that_is_none_is_refused_there(send):
    """The prefix is enough: whether the key is known is not told here."""
    answers = {send(m, p, {"Authorization": "Bearer hr_x"}).status_code for m, p in FOR_PEOPLE}

    assert {403} == answers


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Bearer nonsense", "Basic YTpi", "hr_x", "Bearer \xff\xfe"],
)
def test_without_a_valid_credential_nothing_opens(header, send):
    headers = None if header is None else {"Authorization": header.encode("latin-1")}

    answers = {
        (m, p): send(m, p, headers).status_code for m, p in ALL if (m, p) not in OPEN | FOR_AGENTS
    }

    assert {401} == set(answers.values()), answers


def test_an_unknown_key_opens_nothing_for_agents(send):
    headers = {"Authorization": "Bearer hr_deadbeef_nonsense"}

    answers = {send(m, p, headers).status_code for m, p in FOR_AGENTS - {("POST", "/v1/actions")}}

    assert {401} == answers


def test_a_person_is_no_agent(send, doors):
    """People decide; they never ask as an agent."""
    headers = doors.of("per_dan")

    answers = {(m, p): send(m, p, headers).status_code for m, p in FOR_AGENTS}

    assert {403} == set(answers.values()), answers


def test_every_401_says_how(send):
    response = send("GET", "/v1/people")

    assert "Bearer" in response.headers["www-authenticate"]
    assert response.json()["code"] == "not-signed-in"


def test_one_agent_never_sees_anothers_action(http, doors):
    """I23: another agent's id is not found, in every way of asking."""
    mine = doors.house.act("add_firewall_rule", agent="agt_one").id
    headers = doors.of("agt_two")

    answers = [
        http.get(f"/v1/actions/{mine}", headers=headers),
        http.get(f"/v1/actions/{mine}?wait=1", headers=headers),
        http.get(f"/v1/actions/{mine}/story", headers=headers),
        http.post(f"/v1/actions/{mine}/withdrawal", headers=headers),
        http.post(f"/v1/actions/{mine}/begin", headers=headers),
        http.post(f"/v1/actions/{mine}/answer", json={"text": "x"}, headers=headers),
        http.post(f"/v1/actions/{mine}/outcome", json={"status": "done"}, headers=headers),
    ]

    assert [404] * len(answers) == [a.status_code for a in answers]
    assert doors.house.state(mine) == "waiting"


def test_an_agent_limited_to_a_client_cannot_name_another_by_id(http, doors):
    """I23: the client of the call is looked up, and its registration limits it."""
    doors.house.change("agent", ("agt_two",), clients='["harbor"]')

    response = http.post(
        "/v1/actions",
        json={
            "type": "up.restart_service", "arguments": {"n": "1", "client": "acme"},
            "client": "harbor", "reasoning": "x", "trigger": "T-1",
        },
        headers=doors.of("agt_two"),
    )  # fmt: skip

    assert response.status_code in {202, 403}, response.text
    assert doors.house.upstream.acts == []


def test_an_agent_without_the_connection_finds_none(http, doors):
    doors.house.change("agent", ("agt_two",), connections="[]")

    response = http.post(
        "/v1/actions", json={"type": "up.restart_service"}, headers=doors.of("agt_two")
    )

    assert response.status_code == 404


def test_a_suspended_agent_and_a_revoked_key_are_out_at_once(http, doors):
    one, two = doors.of("agt_one"), doors.of("agt_two")
    person = doors.of("per_dan")
    http.post("/v1/agents/agt_one/suspension", json={"suspended": True}, headers=person)
    prefix = doors.key("agt_two").rpartition("_")[0]
    assert prefix.count("_") >= 1
    listed = http.get("/v1/agents", headers=person).json()["items"]
    prefix = next(a for a in listed if a["id"] == "agt_two")["keys"][0]["prefix"]
    http.delete(f"/v1/agents/agt_two/keys/{prefix}", headers=person)

    answers = [
        http.post("/v1/notes", json={"text": "x"}, headers=headers).status_code
        for headers in (one, two)
    ]

    assert answers == [401, 401]


def test_a_leaver_is_out_with_the_same_answer(http, doors):
    eve, dan = doors.of("per_eve"), doors.of("per_dan")
    assert http.get("/v1/session", headers=eve).status_code == 200

    assert http.post("/v1/people/per_eve/departure", headers=dan).status_code == 204

    assert http.get("/v1/session", headers=eve).status_code == 401


def test_signing_out_ends_the_session(http, doors):
    headers = doors.of("per_anna")

    assert http.delete("/v1/session", headers=headers).status_code == 204

    assert http.get("/v1/session", headers=headers).status_code == 401


# --- the cookie of a browser ------------------------------------------------------------------


@pytest.fixture
def cookie(http, doors):
    """A browser's client: the session as a cookie, and its token for unsafe methods."""
    token = doors.session("per_anna")
    http.cookies.set("handrail", token)
    return http.get("/v1/session").json()["csrf"]


def test_with_a_cookie_a_change_needs_the_sessions_own_token(http, cookie):
    body = {"scope": "all", "degree": "restrict", "reason": "test"}

    without = http.post("/v1/pause", json=body)
    wrong = http.post("/v1/pause", json=body, headers={"X-Handrail-CSRF": "x" * len(cookie)})
    odd = http.post("/v1/pause", json=body, headers={b"X-Handrail-CSRF": b"\xff"})
    right = http.post("/v1/pause", json=body, headers={"X-Handrail-CSRF": cookie})

    assert [r.status_code for r in (without, wrong, odd, right)] == [403, 403, 403, 201]


@pytest.mark.parametrize(
    ("site", "status"),
    [("same-origin", 201), ("none", 201), ("same-site", 403), ("cross-site", 403)],
)
def test_another_site_changes_nothing_even_with_the_token(site, status, http, cookie):
    body = {"scope": "all", "degree": "restrict", "reason": "test"}

    response = http.post(
        "/v1/pause", json=body, headers={"X-Handrail-CSRF": cookie, "Sec-Fetch-Site": site}
    )

    assert status == response.status_code


def test_a_form_of_another_site_is_no_json(http, cookie):
    """What a page elsewhere can send without asking (a form, plain text) is not read at all."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        response = http.post(
            "/v1/pause", content=b'{"scope":"all"}',
            headers={"Content-Type": kind, "X-Handrail-CSRF": cookie},
        )  # fmt: skip
        assert response.status_code == 400


def test_a_bearer_token_beside_a_cookie_wins(http, doors, cookie):
    """An agent cannot borrow the browser's session of the computer it runs on."""
    response = http.get("/v1/people", headers=doors.of("agt_one"))

    assert response.status_code == 403


# --- signing in --------------------------------------------------------------------------------


def test_signing_in_from_a_terminal(http, doors):
    """The code is confirmed by a person, collected once, and unknown afterwards."""
    start = http.post("/v1/device", json={}).json()
    collect = {"device_code": start["device_code"]}
    assert http.post("/v1/device/token", json=collect).status_code == 202

    confirmed = http.post(
        "/v1/device/confirmation", json={"user_code": start["user_code"]},
        headers=doors.of("per_anna"),
    )  # fmt: skip
    got = http.post("/v1/device/token", json=collect)
    again = http.post("/v1/device/token", json=collect)

    assert confirmed.status_code == 204
    assert (got.json()["person"], got.json()["via"]) == ("per_anna", "cli")
    assert got.headers["cache-control"] == "no-store"
    assert again.status_code == 404


def test_an_agent_cannot_confirm_a_terminal(http, doors):
    start = http.post("/v1/device", json={}).json()

    response = http.post(
        "/v1/device/confirmation", json={"user_code": start["user_code"]},
        headers=doors.of("agt_one"),
    )  # fmt: skip

    assert response.status_code == 403


def test_an_old_sign_in_makes_no_fresh_one(http, doors):
    """Confirming a terminal cannot stand in for stepping up."""
    headers = doors.of("per_anna")
    doors.clock.advance(timedelta(minutes=16))
    start = http.post("/v1/device", json={}).json()

    response = http.post(
        "/v1/device/confirmation", json={"user_code": start["user_code"]}, headers=headers
    )

    assert (response.status_code, response.json()["code"]) == (403, "step-up-needed")
    assert (
        http.post("/v1/device/token", json={"device_code": start["device_code"]}).status_code == 202
    )


def test_guessing_passwords_is_slowed_and_tells_nothing(http, doors):
    doors.session("per_anna")
    known = {"email": "anna@x.example", "password": "wrong wrong wrong"}
    unknown = {"email": "nobody@x.example", "password": "wrong wrong wrong"}

    answers = [http.post("/v1/session", json=known) for _ in range(6)]
    other = http.post("/v1/session", json=unknown)

    assert [a.status_code for a in answers] == [401] * 5 + [429]
    assert "retry-after" in answers[-1].headers
    assert answers[0].json() == other.json()
    right = http.post("/v1/session", json={**known, "password": PASSWORD})
    assert right.status_code == 429


def test_a_one_time_link_works_once(http, doors):
    link = doors.identity.invite("ben@x.example")
    body = {"token": link.rpartition("/")[2], "password": PASSWORD}

    assert http.post("/v1/set-up", json=body).status_code == 200
    assert http.post("/v1/set-up", json=body).status_code in {404, 409}


def test_keys_rotate_and_scope_and_sponsor_change_over_the_api(http, doors):
    one, dan = doors.of("agt_one"), doors.of("per_dan")
    listed = http.get("/v1/agents", headers=dan).json()["items"]
    prefix = next(a for a in listed if a["id"] == "agt_one")["keys"][0]["prefix"]
    path = f"/v1/agents/agt_one/keys/{prefix}/rotation"
    assert http.post(path, headers=one).status_code == 403  # never by an agent
    assert http.post(path, headers=dan, json={"overlap_hours": 721}).status_code in {400, 422}

    rotated = http.post(path, headers=dan, json={"overlap_hours": 0})

    assert rotated.status_code == 201
    assert rotated.headers["cache-control"] == "no-store"
    doors.clock.advance(timedelta(seconds=1))
    note = {"text": "x"}
    assert http.post("/v1/notes", json=note, headers=one).status_code == 401
    new = {"Authorization": f"Bearer {rotated.json()['key']}"}
    assert http.post("/v1/notes", json=note, headers=new).status_code in {200, 201}
    scope = {"connections": ["up"], "clients": ["acme"]}
    assert http.post("/v1/agents/agt_one/scope", json=scope, headers=new).status_code == 403
    assert http.post("/v1/agents/agt_one/scope", json=scope, headers=dan).status_code == 200
    sponsor = {"sponsor": "per_anna"}
    assert http.post("/v1/agents/agt_one/sponsor", json=sponsor, headers=dan).status_code == 200
