"""The client map and findings over HTTP: shown first, done when asked, refused to agents."""

from support.doors import Doors

CSV = "Company,Code,Regimes\nAcme,acme,soc2\nNew Clinic,new-clinic,hipaa\n"


def test_an_import_shows_and_does(doors: Doors, http):
    body = {"name": "c.csv", "text": CSV}
    shown = http.post("/v1/clients/import", json=body, headers=doors.of("per_dan"))
    assert shown.json()["added"] == ["new-clinic"]
    assert not shown.json()["applied"]
    done = http.post(
        "/v1/clients/import", json={**body, "apply": True}, headers=doors.of("per_dan")
    )
    assert done.json()["applied"]
    listed = http.get("/v1/clients", headers=doors.of("per_dan")).json()["items"]
    assert {c["id"] for c in listed} == {"acme", "harbor", "new-clinic"}
    wrong = http.post(
        "/v1/clients/import", json={"name": "c.txt", "text": "x"}, headers=doors.of("per_dan")
    )
    assert wrong.status_code == 400
    assert wrong.json()["hint"]


def test_places_are_matched_and_told(doors: Doors, http):
    sites = {"name": "s.json", "text": '[{"id": "T-1", "name": "Acme Ltd"}, {"id": "T-2"}]'}
    found = http.post(
        "/v1/connections/up/matching",
        json={"file": sites, "companies": {"name": "c.csv", "text": CSV}, "apply": True},
        headers=doors.of("per_dan"),
    ).json()
    assert found["matched"][0]["client"] == "acme"
    assert [q["about"] for q in found["questions"]] == ["T-2"]
    told = http.post(
        "/v1/connections/up/places",
        json={"client_map": {"T-2": "harbor"}},
        headers=doors.of("per_dan"),
    ).json()
    assert told["client_map"]["T-1"] == "acme"
    assert told["client_map"]["T-2"] == "harbor"


def test_I5_an_agent_decides_none_of_it(doors: Doors, http):
    for path, body in (
        ("clients/import", {"name": "c.csv", "text": CSV}),
        ("connections/up/matching", {"read": "up.get_user"}),
        ("connections/up/places", {"client_map": {"a": "acme"}}),
        ("actions/act_x/withheld", None),
        ("incidents/inc_x/settlement", {"why": "x"}),
    ):
        refused = http.post(f"/v1/{path}", json=body, headers=doors.of("agt_one"))
        assert refused.status_code == 403, path


def test_a_withheld_result_is_looked_at_and_settled(doors: Doors, http):
    doors.house.upstream.answers["get_user"] = {"patient_id": "P-1"}
    acted = doors.house.act("get_user")
    path, officer = f"/v1/actions/{acted.id}/withheld", doors.of("per_cleo")

    assert http.post(path, headers=doors.of("per_ben")).status_code == 403
    seen = http.post(path, headers=officer).json()
    assert seen["result"]["structuredContent"] == {"patient_id": "P-1"}
    incident = f"/v1/incidents/inc_{acted.id.partition('_')[2]}/settlement"
    assert http.post(incident, json={"why": "a test"}, headers=officer).json()["state"] == "closed"
    assert http.post(incident, json={"why": "again"}, headers=officer).status_code == 409


def test_I27_a_lower_client_is_answered_202_until_a_second_person_agrees(doors: Doors, http):
    dan, anna, ben = (doors.of(p) for p in ("per_dan", "per_anna", "per_ben"))
    high = {"id": "quay", "name": "Quay", "risk": "high", "regimes": ["hipaa"]}
    assert http.post("/v1/clients", json=high, headers=dan).status_code == 200
    lower = {**high, "regimes": [], "retention_days": 30}
    waits = http.post("/v1/clients", json=lower, headers=dan)
    assert (waits.status_code, waits.json()["set"]) == (202, False)
    assert waits.json()["laxer"] == ["no HIPAA", "kept 30 days, not 400"]

    def quay():
        items = http.get("/v1/clients", headers=dan).json()["items"]
        return next(c for c in items if c["id"] == "quay")

    assert (quay()["regimes"], quay()["retention_days"]) == (["hipaa"], 400)
    seen, path = {"digest": quay()["proposed"]["digest"]}, "/v1/clients/quay"
    assert http.post(f"{path}/agreement", json=seen, headers=dan).status_code == 403
    assert http.post(f"{path}/agreement", json=seen, headers=ben).status_code == 403
    assert http.post(f"{path}/agreement", json=seen, headers=anna).status_code == 200
    assert (quay()["regimes"], quay()["retention_days"], quay()["proposed"]) == ([], 30, None)
    assert http.post(f"{path}/agreement", json=seen, headers=anna).status_code == 409
    assert http.post(f"{path}/withdrawal", headers=anna).status_code == 409
    assert http.post("/v1/clients/none/withdrawal", headers=anna).status_code == 404
