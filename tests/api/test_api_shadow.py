"""`/v1/shadow` and its console page: one person opens what was never enforced, two the rest (I27)."""

from typing import Any


def test_I27_a_scope_over_http(doors: Any, http: Any) -> None:
    dan, anna, key = doors.of("per_dan"), doors.of("per_anna"), doors.of("agt_one")
    asked = {"connection": "up", "reason": "to see"}
    assert http.post("/v1/shadow", json=asked, headers=key).status_code == 403
    made = http.post("/v1/shadow", json=asked, headers=dan)
    assert (made.status_code, made.json()["state"]) == (201, "live")
    path = f"/v1/shadow/{made.json()['id']}"
    body = {"type": "up.add_firewall_rule", "arguments": {"n": "n1", "client": "acme"},
            "reasoning": "because"}  # fmt: skip
    acted = http.post("/v1/actions", json=body, headers=key).json()
    assert (acted["status"], acted["tier"]) == ("passed in shadow", 3)
    report = http.get(f"{path}/report", headers=anna).json()
    assert report["waiting"][0]["id"] == acted["id"]

    assert http.post(f"{path}/extension", json={"days": 20}, headers=dan).status_code == 202
    assert http.post(f"{path}/agreement", headers=dan).status_code == 403
    assert http.post(f"{path}/agreement", headers=anna).status_code == 200
    assert http.post(f"{path}/end", headers=dan).json()["state"] == "ended"
    assert http.post("/v1/shadow", json=asked, headers=dan).status_code == 202
    assert len(http.get("/v1/shadow", headers=dan).json()["items"]) == 2
