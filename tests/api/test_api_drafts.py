"""`/v1/policy/drafts`, and what `POST /v1/policy/versions` leaves for a second person (I27)."""

from typing import Any

from support.house import policy_files


def lower(files: dict[str, str]) -> dict[str, str]:
    text = files["matrix/all.yaml"].replace(
        "type: up.assign_licence\n    tier: 2", "type: up.assign_licence\n    tier: 1"
    )
    return {**files, "matrix/all.yaml": text}


def test_I27_what_can_lower_oversight_waits_for_another_persons_session(
    doors: Any, http: Any
) -> None:
    dan, anna = doors.of("per_dan"), doors.of("per_anna")
    sent = {"files": lower(policy_files()), "why": "licences"}
    first = http.post("/v1/policy/versions", json=sent, headers=dan)
    assert first.status_code == 202
    assert first.json()["laxer"]
    (waits,) = http.get("/v1/policy/drafts", headers=anna).json()["items"]
    assert (waits["id"], waits["state"]) == (first.json()["draft"], "proposed")

    path = f"/v1/policy/drafts/{waits['id']}"
    seen = {"digest": http.get(path, headers=anna).json()["digest"]}
    assert http.post(f"{path}/publication", json=seen, headers=dan).status_code == 403
    assert (
        http.post(f"{path}/publication", json={"digest": "0" * 64}, headers=anna).status_code == 409
    )
    done = http.post(f"{path}/publication", json=seen, headers=anna)
    assert (done.status_code, done.json()["published"]) == (200, True)
    assert doors.house.s.policies.current().row("up.assign_licence").tier == 1


def test_a_draft_is_written_signed_and_withdrawn(doors: Any, http: Any) -> None:
    dan = doors.of("per_dan")
    id = http.post("/v1/policy/drafts", json={"why": "a try"}, headers=dan).json()["id"]
    path = f"/v1/policy/drafts/{id}"
    seen = http.get(path, headers=dan).json()["digest"]
    file = {"path": "rules/more.yaml", "text": "rules: []\n", "digest": seen}
    written = http.post(f"{path}/files", json=file, headers=dan)
    assert written.json()["files"]["rules/more.yaml"] == "rules: []\n"
    assert http.post(f"{path}/files", json=file, headers=dan).status_code == 409
    sign = {"path": "matrix/all.yaml", "role": "compliance-officer", "why": "x"}
    sign["digest"] = written.json()["digest"]
    assert http.post(f"{path}/signatures", json=sign, headers=dan).status_code == 403
    assert http.post(f"{path}/withdrawal", headers=dan).status_code == 204
    assert http.get("/v1/policy/drafts", headers=dan).json()["items"] == []


def test_an_agent_neither_writes_nor_publishes(doors: Any, http: Any) -> None:
    key = doors.of("agt_one")
    assert http.post("/v1/policy/drafts", json={"why": "mine"}, headers=key).status_code == 403
    assert http.get("/v1/policy/drafts", headers=key).status_code == 403


def test_a_policy_with_errors_leaves_no_draft(doors: Any, http: Any) -> None:
    dan = doors.of("per_dan")
    bad = {"files": {**policy_files(), "matrix/bad.yaml": "rows: [7]\n"}}
    assert http.post("/v1/policy/versions", json=bad, headers=dan).status_code == 422
    assert http.get("/v1/policy/drafts", headers=dan).json()["items"] == []


def test_a_dry_run_replays_the_past_when_asked(doors: Any, http: Any) -> None:
    dan = doors.of("per_dan")
    doors.house.act("assign_licence", sku="E3")
    sent = {"files": lower(policy_files())}
    plain = http.post("/v1/policy/versions?dry_run=true", json=sent, headers=dan).json()
    assert plain["backtest"] is None
    found = http.post("/v1/policy/versions?dry_run=true&backtest=true", json=sent, headers=dan)
    assert found.json()["backtest"]["exact"]["moved"] == [{"was": 2, "now": 1, "count": 1}]
