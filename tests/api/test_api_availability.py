"""Availability, delegations, cover and *Try it* over HTTP (SPEC 5)."""

from datetime import timedelta

from handrail.clock import rfc3339

DAYS = {"mon": "08:00-17:00", "tue": "22:00-06:00"}


def test_hours_away_and_what_is_lent(http, doors):
    mine, now = doors.of("per_ben"), doors.clock.now()
    until = rfc3339(now + timedelta(days=1))

    set_ = http.put(
        "/v1/availability/hours", headers=mine, json={"zone": "Europe/Prague", "days": DAYS}
    )
    assert set_.json()["hours"]["days"]["wed"] == "00:00-06:00"
    odd = {"zone": "Nowhere", "days": DAYS}
    assert http.put("/v1/availability/hours", headers=mine, json=odd).status_code == 400
    away = http.post("/v1/availability", headers=mine, json={"until": until, "delegate": "per_eve"})
    lent = away.json()["delegation"]
    assert lent["state"] == "waits for a second person"

    people = {p["id"]: p for p in http.get("/v1/availability", headers=mine).json()["items"]}
    assert (people["per_ben"]["there"], people["per_ben"]["away"]) == (False, True)
    assert "is away until" in people["per_ben"]["why"]
    path = f"/v1/delegations/{lent['id']}"
    assert http.post(f"{path}/agreement", headers=mine).status_code == 403
    assert http.post(f"{path}/agreement", headers=doors.of("per_dan")).json()["state"] == "lent"
    assert http.post(f"{path}/agreement", headers=doors.of("per_dan")).status_code == 409
    assert [d["id"] for d in http.get("/v1/delegations", headers=mine).json()["items"]] == [
        lent["id"]
    ]
    assert http.post("/v1/availability", headers=mine, json={"until": None}).status_code == 200
    assert http.get("/v1/delegations", headers=mine).json()["items"] == []
    assert http.delete("/v1/availability/hours", headers=mine).json()["hours"] is None


def test_cover_and_whom_a_request_would_ask(http, doors):
    mine = doors.of("per_ben")

    cover = http.get("/v1/cover?hours=24", headers=mine).json()
    tried = http.get("/v1/routing?type=up.add_firewall_rule&client=acme", headers=mine).json()

    assert {len(r["hours"]) for r in cover["roles"]} == {24}
    assert [s["role"] for s in tried["steps"]] == [
        "account-engineer", "on-call-senior", "service-desk-manager",
    ]  # fmt: skip
    assert [p["name"] for p in tried["steps"][0]["people"] if p["asked"]] == ["Anna"]
    assert not tried["alarms"]
    assert http.get("/v1/routing?type=up.no", headers=mine).status_code == 404
    assert http.get("/v1/cover?hours=169", headers=mine).status_code == 400


def test_an_agents_key_is_refused_on_all_of_it(http, doors):
    agent = doors.of("agt_one")
    for method, path in (
        ("GET", "/v1/availability"), ("POST", "/v1/availability"), ("GET", "/v1/cover"),
        ("PUT", "/v1/availability/hours"), ("DELETE", "/v1/availability/hours"),
        ("GET", "/v1/delegations"), ("POST", "/v1/delegations"), ("GET", "/v1/routing?type=x"),
        ("POST", "/v1/delegations/dlg_1/agreement"), ("POST", "/v1/delegations/dlg_1/end"),
    ):  # fmt: skip
        assert http.request(method, path, headers=agent).status_code in {401, 403}, path
