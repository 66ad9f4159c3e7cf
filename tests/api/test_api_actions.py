"""What agents and people do with actions over HTTP, through to the upstream."""

import threading
from datetime import timedelta

import orjson
import pytest

from support.doors import PASSWORD
from support.house import policy_files


def body(n="n1", tool="restart_service", **more):
    arguments = {"n": n, "client": "acme", **more.pop("arguments", {})}
    return {
        "type": f"up.{tool}", "arguments": arguments, "trigger": "T-1",
        "reasoning": "the ticket says so", "confidence": 0.9, **more,
    }  # fmt: skip


@pytest.fixture
def ask(http, doors):
    def ask(agent="agt_one", headers=None, **more):
        return http.post(
            "/v1/actions", json=body(**more), headers={**doors.of(agent), **(headers or {})}
        )

    return ask


def test_tier_1_answers_with_its_outcome(ask, doors):
    """A tier 1 action is done when the answer comes, and its upstream got just that call."""
    response = ask()

    found = response.json()
    assert response.status_code == 200
    assert (found["status"], found["tier"], found["proposal"]) == ("done", 1, None)
    assert found["result"]["structuredContent"] == {"ok": True}
    assert doors.house.upstream.acts == [("restart_service", {"n": "n1", "client": "acme"})]
    assert any(r["binding"] for r in found["classification"]["reasons"])
    assert len(found["classification"]["policy"]) == 64


def test_connection_and_tool_say_the_same_as_type(http, doors):
    said = body()
    del said["type"]

    response = http.post(
        "/v1/actions",
        json={**said, "connection": "up", "tool": "restart_service", "client": "acme"},
        headers=doors.of("agt_one"),
    )

    assert response.json()["status"] == "done"


def test_dry_run_stores_and_does_nothing(ask, doors):
    before = len(doors.house.entries())

    response = ask(tool="add_firewall_rule", mode="dry_run")

    assert (
        response.status_code, response.json()["tier"], response.json()["status"],
        response.json()["id"],
    ) == (200, 3, "classified", None)  # fmt: skip
    assert doors.house.upstream.acts == []
    assert list(doors.house.actions()) == []
    assert before == len(doors.house.entries()) - _keys(doors)


def _keys(doors):
    return sum(e["type"] == "person:key:issued" for e in doors.house.entries())


def test_tier_3_waits_is_shown_approved_and_runs_once(ask, http, doors):
    """I1, I10: it reaches the upstream after an approval of the digest that was shown."""
    asked = ask(tool="add_firewall_rule")
    proposal, action = asked.json()["proposal"], asked.json()["id"]

    assert asked.status_code == 202
    assert asked.json()["status"] == "waiting"
    assert asked.json()["until"].endswith("Z")
    shown = http.get(f"/v1/proposals/{proposal}", headers=doors.of("per_anna")).json()
    assert doors.house.upstream.acts == []
    given = http.post(
        f"/v1/proposals/{proposal}/answers",
        json={"answer": "approve", "package_digest": shown["package_digest"]},
        headers=doors.of("per_anna"),
    )
    assert (given.status_code, given.json()["state"]) == (200, "approved")
    doors.house.sweep(seconds=11)

    ended = http.get(f"/v1/actions/{action}", headers=doors.of("agt_one")).json()
    assert ended["status"] == "done"
    assert ended["result"]["structuredContent"] == {"ok": True}
    assert len(doors.house.upstream.acts) == 1


def test_another_digest_is_409_with_the_difference(ask, http, doors):
    """I10: an answer to another package decides nothing."""
    proposal = ask(tool="add_firewall_rule").json()["proposal"]

    response = http.post(
        f"/v1/proposals/{proposal}/answers",
        json={"answer": "approve", "package_digest": "ab" * 32},
        headers=doors.of("per_anna"),
    )

    assert (response.status_code, response.json()["code"]) == (409, "stale")
    assert "difference" in response.json()


def test_a_shortened_digest_is_no_digest(ask, http, doors):
    """I10: digests are whole where they decide."""
    proposal = ask(tool="add_firewall_rule").json()["proposal"]
    digest = doors.house.digest(proposal)

    response = http.post(
        f"/v1/proposals/{proposal}/answers",
        json={"answer": "approve", "package_digest": digest[:16]},
        headers=doors.of("per_anna"),
    )

    assert (response.status_code, response.json()["code"]) == (400, "bad-input")


def test_who_may_not_approve_is_told_why(ask, http, doors):
    proposal = ask(tool="add_firewall_rule").json()["proposal"]
    digest = doors.house.digest(proposal)

    response = http.post(
        f"/v1/proposals/{proposal}/answers",
        json={"answer": "approve", "package_digest": digest},
        headers=doors.of("per_eve"),
    )

    assert (response.status_code, response.json()["code"]) == (403, "not-allowed")
    assert response.json()["detail"]


def test_an_old_sign_in_must_step_up_to_approve(ask, http, doors):
    headers = doors.of("per_anna")
    doors.clock.advance(timedelta(minutes=16))
    proposal = ask(tool="add_firewall_rule").json()["proposal"]
    answer = {"answer": "approve", "package_digest": doors.house.digest(proposal)}

    refused = http.post(f"/v1/proposals/{proposal}/answers", json=answer, headers=headers)
    token = http.post("/v1/session/step-up", json={"password": PASSWORD}, headers=headers).json()[
        "token"
    ]
    given = http.post(
        f"/v1/proposals/{proposal}/answers", json=answer,
        headers={"Authorization": f"Bearer {token}"},
    )  # fmt: skip

    assert (refused.status_code, refused.json()["code"]) == (403, "step-up-needed")
    assert given.json()["state"] == "approved"
    assert http.get("/v1/session", headers=headers).status_code == 401


def test_deny_revoke_ask_and_answer(ask, http, doors):
    headers = doors.of("per_anna")

    def answer(proposal, **said):
        said["package_digest"] = doors.house.digest(proposal)
        return http.post(f"/v1/proposals/{proposal}/answers", json=said, headers=headers)

    one = ask(tool="add_firewall_rule", n="one").json()
    assert answer(one["proposal"], answer="deny").status_code == 400
    assert answer(one["proposal"], answer="deny", reason="wrong-time").json()["state"] == "denied"
    two = ask(tool="add_firewall_rule", n="two").json()
    assert answer(two["proposal"], answer="approve").json()["state"] == "approved"
    revoked = http.post(f"/v1/proposals/{two['proposal']}/revocation", headers=headers)
    assert revoked.json()["state"] == "revoked"
    three = ask(tool="add_firewall_rule", n="three").json()
    assert answer(three["proposal"], answer="ask", note="Which port?").status_code == 200
    agent = doors.of("agt_one")
    assert http.get(f"/v1/actions/{three['id']}", headers=agent).json()["question"] == "Which port?"
    answered = http.post(f"/v1/actions/{three['id']}/answer", json={"text": "443"}, headers=agent)
    assert (answered.json()["status"], answered.json()["version"]) == ("waiting", 2)
    versions = f"/v1/proposals/{three['proposal']}/difference?then=1&now=2"
    assert http.get(versions, headers=headers).json()["items"]
    withdrawn = http.post(f"/v1/actions/{three['id']}/withdrawal", headers=agent)
    assert withdrawn.json()["status"] == "withdrawn"
    again = http.post(f"/v1/actions/{three['id']}/withdrawal", headers=agent)
    assert (again.status_code, again.json()["code"]) == (409, "closed")
    assert doors.house.upstream.acts == []


def test_a_modified_approval_runs_its_own_arguments(ask, http, doors):
    """I9: what runs is the new content, under its own digest."""
    asked = ask(tool="add_firewall_rule").json()
    changed = {"n": "n1", "client": "acme", "port": 8443}

    given = http.post(
        f"/v1/proposals/{asked['proposal']}/answers",
        json={
            "answer": "approve_modified", "arguments": changed, "note": "another port",
            "package_digest": doors.house.digest(asked["proposal"]),
        },
        headers=doors.of("per_anna"),
    )  # fmt: skip
    assert given.status_code == 200, given.text
    doors.house.sweep(seconds=11)

    assert [("add_firewall_rule", changed)] == doors.house.upstream.acts


def test_tier_2_gives_a_notice_that_can_be_acknowledged_and_reversed(ask, http, doors):
    action = ask(tool="assign_licence", arguments={"sku": "E3"}).json()["id"]
    headers = doors.of("per_ben")

    notices = http.get("/v1/notices", headers=headers).json()["items"]
    assert [action] == [n["action"] for n in notices]
    said = http.post(
        f"/v1/notices/{notices[0]['id']}/acknowledgement",
        json={"verdict": "was wrong", "text": "not hers"}, headers=headers,
    )  # fmt: skip
    assert said.json()["state"] == "was wrong"
    reversed_ = http.post(
        f"/v1/actions/{action}/reversal", json={"reason": "the wrong person"}, headers=headers
    )
    assert (reversed_.json()["state"], reversed_.json()["verified"]) == ("done", True)
    assert len(http.get("/v1/incidents", headers=headers).json()["items"]) == 1
    story = http.get(f"/v1/actions/{action}/story", headers=headers).json()["items"]
    assert "person:reversal:begun" in [e["type"] for e in story]
    whole = http.get(f"/v1/actions/{action}", headers=headers).json()
    assert (whole["state"], whole["request"]["arguments"]["sku"]) == ("reversed", "E3")


def test_the_same_key_is_the_same_action(ask, doors):
    """I3: a retry never gives a second begin; the header and the field mean the same."""
    first = ask(idempotency_key="k-1").json()
    second = ask(headers={"Idempotency-Key": "k-1"})
    other = ask(n="another", idempotency_key="k-1")

    assert first["id"] == second.json()["id"]
    assert second.json()["status"] == "done"
    assert (other.status_code, other.json()["code"]) == (409, "key-reused")
    assert len(doors.house.upstream.acts) == 1


def test_two_different_keys_are_refused(ask):
    assert ask(idempotency_key="a", headers={"Idempotency-Key": "b"}).status_code == 400


def test_a_prohibited_action_is_refused_and_says_so(ask, doors):
    response = ask(tool="wipe_device")

    assert (
        response.status_code, response.json()["status"], response.json()["tier"]
    ) == (200, "refused", "prohibited")  # fmt: skip
    assert doors.house.upstream.calls == []


def test_what_is_sent_is_what_was_meant(ask, doors):
    """I9: order, nesting, unicode and numbers reach the upstream as they came."""
    odd = {"z": [1, 2.5, -0.0, None, True], "a": {"é\u2028": "\U0001f600"}, "big": 2**63 - 1}
    ask(arguments=odd)

    _, arguments = doors.house.upstream.acts[0]
    assert {"n": "n1", "client": "acme", **odd} == arguments
    assert list(arguments) == ["n", "client", "z", "a", "big"]


@pytest.mark.parametrize(
    "number", ["18446744073709551616", "-9223372036854775809", "1" * 200, "-" + "9" * 30]
)
def test_a_number_that_would_be_rounded_is_refused(number, http, doors):
    """I9: a tenant id of 70 bits is not silently another one."""
    raw = orjson.dumps(body(arguments={"id": 0})).replace(b'"id":0', b'"id":' + number.encode())

    response = http.post(
        "/v1/actions", content=raw,
        headers={**doors.of("agt_one"), "Content-Type": "application/json"},
    )  # fmt: skip

    assert (response.status_code, response.json()["code"]) == (400, "bad-input")
    assert "64 bits" in response.json()["detail"]
    assert doors.house.upstream.calls == []


def test_a_long_run_of_digits_in_a_string_is_fine(ask):
    assert ask(arguments={"text": "9" * 60}).json()["status"] == "done"


def test_a_grant_is_claimed_and_reported(ask, http, doors):
    """Cooperative: the caller acts by itself and says what came of it."""
    headers = doors.of("agt_one")
    asked = ask(mode="grant").json()

    claimed = http.post(f"/v1/actions/{asked['id']}/begin", headers=headers).json()
    reported = http.post(
        f"/v1/actions/{asked['id']}/outcome", json={"status": "done", "text": "ok"},
        headers=headers,
    )  # fmt: skip
    again = http.post(
        f"/v1/actions/{asked['id']}/outcome", json={"status": "failed"}, headers=headers
    )
    shown = http.get(f"/v1/actions/{asked['id']}", headers=doors.of("per_anna")).json()

    assert ("begun", asked["id"]) == (asked["status"], claimed["grant"]["action"])
    assert doors.house.upstream.acts == []
    assert reported.json()["status"] == "done"
    assert again.status_code == 409
    assert shown["cooperative"] is True


def test_waiting_hears_the_decision(ask, http, doors):
    """A held request answers when a person decides, long before its time is over."""
    asked = ask(tool="add_firewall_rule").json()
    agent, heard = doors.of("agt_one"), []

    def wait():
        heard.append(http.get(f"/v1/actions/{asked['id']}?wait=60", headers=agent).json())

    waiting = threading.Thread(target=wait)
    waiting.start()
    doors.house.answer("per_anna", asked["proposal"], "deny", reason="wrong-time")
    waiting.join(timeout=30)

    assert [h["status"] for h in heard] == ["denied"]


def test_a_full_limit_says_when_to_come_back(http, doors, ask):
    doors.house.s.policies.publish(
        doors.house.who("per_anna"), _with_limit(2), second=doors.house.who("per_dan")
    )
    ask(n="1")
    ask(n="2")

    response = ask(n="3")

    assert (response.status_code, response.json()["code"]) == (429, "too-many")
    assert int(response.headers["retry-after"]) == response.json()["retry_after"]


def _with_limit(n):
    files = policy_files()
    main = files["handrail.yaml"].replace("actions_per_hour: 100000", f"actions_per_hour: {n}")
    return {**files, "handrail.yaml": main}


def test_lists_filter_and_turn_pages(ask, http, doors):
    headers = doors.of("per_anna")
    for n in range(5):
        ask(n=f"n{n}")
    ask(n="x", tool="add_firewall_rule", agent="agt_two")

    first = http.get("/v1/actions?limit=4", headers=headers).json()
    second = http.get(f"/v1/actions?limit=4&cursor={first['next']}", headers=headers).json()
    waiting = http.get("/v1/actions?state=waiting&agent=agt_two", headers=headers).json()["items"]
    none = http.get("/v1/actions?tier=2", headers=headers).json()["items"]

    assert (len(first["items"]), len(second["items"]), second["next"]) == (4, 2, None)
    assert len({a["id"] for a in first["items"] + second["items"]}) == 6
    assert [a["type"] for a in waiting] == ["up.add_firewall_rule"]
    assert none == []


def test_escalations_and_notes_are_recorded_and_listed(http, doors):
    agent, person = doors.of("agt_one"), doors.of("per_anna")

    raised = http.post(
        "/v1/escalations", headers=agent,
        json={"kind": "suspected incident", "text": "odd sign-ins", "trigger": {"kind": "alert"}},
    )  # fmt: skip
    noted = http.post("/v1/notes", json={"text": "left it as it was"}, headers=agent)
    listed = http.get("/v1/escalations", headers=person).json()["items"]

    assert (raised.status_code, noted.status_code) == (201, 201)
    assert [raised.json()["entry"]] == [e["seq"] for e in listed]
    assert listed[0]["words"] == "odd sign-ins"
    assert "odd sign-ins" not in listed[0]["raw"]
    notes = http.get("/v1/notes", headers=person).json()["items"]
    assert [n["words"] for n in notes] == ["left it as it was"]
