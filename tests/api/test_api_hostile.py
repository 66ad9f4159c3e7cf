"""Bad input: a clear answer, nothing lost, nothing begun, never a failure of ours."""

import json
import re
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from handrail.api import build
from support.doors import opened

NESTED = b'{"a":' * 70 + b"1" + b"}" * 70
VERY_NESTED = b"[" * 900 + b"1" * 20 + b"]" * 900
STRANGE = [
    "\x00", "\x1b[2J\x1b]0;owned\x07", "\u202egnirts", "a" * 100_000, "'; DROP TABLE action; --",
    "{{7*7}}", "${jndi:ldap://x}", "../../../etc/passwd", "\ufeff", "e\u0301" * 500, "\U0001f600",
    "<script>alert(1)</script>", "\r\nSet-Cookie: a=b", "%00", "NaN", "\u2028",
]  # fmt: skip
RAW = {
    "nothing": b"",
    "no json": b"hello",
    "half": b'{"type": "up.x"',
    "a list": b"[]",
    "a string": b'"x"',
    "a number": b"1",
    "null": b"null",
    "not utf-8": b'{"type": "\xff\xfe"}',
    "a lone surrogate": b'{"type": "\\ud800"}',
    "NaN": b'{"type": "up.restart_service", "confidence": NaN}',
    "Infinity": b'{"type": "up.restart_service", "confidence": 1e999}',
    "a comma too many": b'{"type": "up.restart_service",}',
    "nested beyond the limit": b'{"type": "up.restart_service", "arguments": ' + NESTED + b"}",
    "nested beyond the parser": b'{"type": "up.x", "arguments": ' + b'{"a":' * 5000 + b"}" * 5001,
    "nested with long numbers": b'{"type": "up.x", "arguments": {"a": ' + VERY_NESTED + b"}}",
    "too large": b'{"type": "up.restart_service", "reasoning": "' + b"a" * (1 << 20) + b'"}',
    "an unknown field": b'{"type": "up.restart_service", "confirm": true}',
    "no type": b'{"arguments": {}}',
    "a type without a dot": b'{"type": "restart"}',
    "two types": b'{"type": "up.a", "connection": "up", "tool": "b"}',
    "arguments that are a list": b'{"type": "up.restart_service", "arguments": []}',
    "arguments that are null": b'{"type": "up.restart_service", "arguments": null}',
    "a confidence over 1": b'{"type": "up.restart_service", "confidence": 1.01}',
    "a confidence that is text": b'{"type": "up.restart_service", "confidence": "0.9"}',
    "a confidence that is true": b'{"type": "up.restart_service", "confidence": true}',
    "a mode that is none": b'{"type": "up.restart_service", "mode": "yolo"}',
    "client and clients": b'{"type": "up.restart_service", "client": "a", "clients": ["b"]}',
    "a position that is none": b'{"type":"up.x","evidence":[{"text":"t","entry":-1}]}',
    "a trigger without a kind": b'{"type": "up.x", "trigger": {"ref": "T-1"}}',
    "a key of the wrong type": b'{"type": "up.x", "idempotency_key": 7}',
}


@pytest.fixture(scope="module")
def doors(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("doors")) as doors:
        yield doors


@pytest.fixture(scope="module")
def http(doors):
    with TestClient(doors.app, raise_server_exceptions=False) as client:
        yield client


def problem(response) -> dict:
    """The problem that *response* must be."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    found = response.json()
    assert response.status_code == found["status"]
    assert found["type"] == f"urn:handrail:error:{found['code']}"
    assert found["title"]
    assert found["detail"]
    return found


@pytest.mark.parametrize("name", RAW)
def test_a_malformed_ask_is_a_problem_and_nothing_is_stored(name, http, doors):
    headers = {**doors.of("agt_one"), "Content-Type": "application/json"}
    before = doors.house.entries()

    response = http.post("/v1/actions", content=RAW[name], headers=headers)

    assert response.status_code in {400, 413}, response.text
    found = problem(response)
    assert found["hint"]
    assert before == doors.house.entries()
    assert doors.house.upstream.calls == []


def test_a_body_that_lies_about_its_length_is_still_limited(http, doors):
    def chunks():
        yield b'{"type": "up.restart_service", "reasoning": "'
        for _ in range(40):
            yield b"a" * 65536

    response = http.post(
        "/v1/actions", content=chunks(),
        headers={**doors.of("agt_one"), "Content-Type": "application/json"},
    )  # fmt: skip

    assert problem(response)["status"] == 413


def test_the_input_is_not_echoed(http, doors):
    """A password sent to the wrong field must not come back, nor stand in a log of answers."""
    response = http.post("/v1/session", json={"email": ["hunter2hunter2"], "password": 7})

    assert response.status_code == 400
    assert "hunter2" not in response.text


@pytest.mark.parametrize("text", STRANGE, ids=range(len(STRANGE)))
def test_hostile_text_in_every_field_is_data(text, http, doors):
    """It is refused, or it waits as it came; it never lowers a tier and never fails."""
    said = {
        "type": "up.add_firewall_rule",
        "arguments": {"n": text, "client": "acme", text: text},
        "reasoning": text, "legal_basis": text, "urgency": text, "evidence": [text],
        "trigger": {"kind": "ticket", "ref": text}, "targets": [text], "data_classes": [text],
    }  # fmt: skip
    fits = {k: v for k, v in said.items() if k in {"type", "arguments", "reasoning"}}
    fits["trigger"] = "T-1"

    for body in (said, fits):
        response = http.post("/v1/actions", json=body, headers=doors.of("agt_one"))
        assert response.status_code < 500, response.text
        if response.status_code < 300:
            assert response.json()["tier"] in {3, "prohibited"}


@pytest.mark.parametrize("text", STRANGE, ids=range(len(STRANGE)))
def test_hostile_text_from_people_is_data(text, http, doors):
    headers = doors.of("per_dan")
    sent = [
        ("/v1/incidents", {"severity": "minor", "title": text, "text": text, "client": text}),
        ("/v1/clients", {"id": text, "name": text, "timezone": text, "regimes": [text]}),
        ("/v1/agents", {"name": text, "purpose": text, "version": text}),
        ("/v1/people", {"name": text, "email": f"{text}@x.example"}),
        ("/v1/roles", {"person": text, "role": text, "client": text}),
        ("/v1/pause", {"scope": "type", "ref": text, "degree": "restrict", "reason": text}),
        ("/v1/connections", {"name": text, "kind": "mcp-http", "url": text}),
        ("/v1/policy/versions", {"files": {text: text}}),
        ("/v1/set-up", {"token": text, "name": text, "email": text, "password": text}),
        ("/v1/device/token", {"device_code": text}),
        ("/v1/device/confirmation", {"user_code": text}),
        ("/v1/availability", {"until": text}),
    ]

    for path, body in sent:
        response = http.post(path, json=body, headers=headers)
        assert response.status_code < 500, (path, response.text)
    for path in ("/v1/actions", "/v1/people", "/v1/incidents", "/v1/ledger/entries"):
        assert http.get(path, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/v1/ledger/tile/../../../keys/x", "/v1/ledger/tile/%2e%2e/%2e%2e/keys", "/v1/ledger/tile//",
        "/v1/ledger/tile/0/000%00", "/v1/ledger/tile/entries/..%2f..%2fhandrail.db",
        "/v1/ledger/entries/99999999999999999999999", "/v1/ledger/entries/-1",
        "/v1/actions/%00", "/v1/actions/" + "a" * 5000, "/v1/actions?limit=0", "/v1/actions?limit=501",
        "/v1/actions?since=yesterday", "/v1/actions?since=2026-01-01T00:00:00",
        "/v1/actions?since=9999-12-31T23:59:59-14:00", "/v1/actions?cursor=" + "x" * 201,
        "/v1/actions?tier=99999999999999999999999", "/v1/actions?state=approved-by-me",
        "/v1/proposals?cursor=prp_gone", "/v1/proposals/x?version=99999999999999999999",
        "/v1/ledger/entries?cursor=-5", "/v1/ledger/entries?since=9999-12-31T23:59:59-23:59",
        "/v1/pause/effect?scope=everything", "/v1/nowhere", "/v2/actions", "/v1/actions/",
        "/v1/proposals/x/difference?then=1&now=2",
    ],
)  # fmt: skip
def test_a_path_or_query_that_is_none_is_a_problem(path, http, doors):
    """No path leaves the record's folder, and no number overflows the store."""
    response = http.get(path, headers=doors.of("per_dan"))

    assert response.status_code in {200, 400, 404}, response.text
    if response.status_code == 200:
        assert response.json()["items"] == []
    else:
        problem(response)


def test_a_wrong_method_is_a_problem(http, doors):
    response = http.put("/v1/actions", headers=doors.of("per_dan"))

    assert problem(response)["status"] == 405
    assert response.headers["allow"]


def test_another_content_type_is_refused(http, doors):
    for path in ("/v1/notes", "/v1/escalations"):
        response = http.post(
            path, content=b"text=x", headers={**doors.of("agt_one"), "Content-Type": "text/plain"}
        )
        assert problem(response)["status"] == 400


# --- anything at all, shaped by our own description ----------------------------------------------

_TEXT = st.one_of(st.sampled_from(STRANGE), st.text(max_size=60))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)
#: Ids that exist, so that the fuzz gets past the first look-up now and then.
_KNOWN = ["acme", "harbor", "per_dan", "per_eve", "agt_one", "agt_two", "up", "on-call-senior",
          "up.restart_service", "all", "mcp-http", "restrict", "T-1"]  # fmt: skip


@cache
def description() -> dict:
    return build(None, None, None, None).openapi()


def shaped(schema: dict) -> st.SearchStrategy:
    """Values that fit *schema* more or less: mostly of the right kind, often not."""
    if "$ref" in schema:
        return shaped(description()["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if "anyOf" in schema:
        return st.one_of([shaped(s) for s in schema["anyOf"]])
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]]) | _JSON
    kind = schema.get("type")
    if kind == "object" and "properties" in schema:
        fields = {name: shaped(s) | _JSON for name, s in schema["properties"].items()}
        return st.fixed_dictionaries({}, optional=fields)
    if kind == "object":
        return st.dictionaries(st.sampled_from(_KNOWN) | _TEXT, _JSON, max_size=4)
    if kind == "array":
        return st.lists(shaped(schema.get("items", {})), max_size=4)
    plain = {
        "string": st.sampled_from(_KNOWN) | _TEXT, "boolean": st.booleans(), "null": st.none(),
        "integer": st.integers(), "number": st.floats() | st.floats(0, 1),
    }  # fmt: skip
    return plain.get(kind, _JSON)


def calls() -> st.SearchStrategy:
    """Any operation with a body of about its shape."""
    found = []
    for path, methods in description()["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            schema = content.get("application/json", {}).get("schema")
            ids = st.sampled_from(_KNOWN) | st.text("ab_09%./", min_size=1, max_size=12)
            found.append(
                st.tuples(
                    st.just(method.upper()), st.just(path), ids,
                    shaped(schema) if schema else st.none(),
                )
            )  # fmt: skip
    return st.one_of(found)


def _default(value):
    raise TypeError


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(call=calls(), person=st.booleans())
def test_nothing_that_is_sent_makes_a_failure_of_ours(call, person, http, doors):
    """No 5xx from input; every refusal is a problem; the record still reads."""
    method, path, id, body = call
    url = re.sub(r"\{[a-z]+\}", lambda _: id.replace("/", "%2F").replace("%.", "."), path)
    # stdlib JSON on purpose: it writes NaN, lone surrogates and numbers of any size.
    raw = None if body is None else json.dumps(body).encode("utf-8", "surrogatepass")
    headers = doors.of("per_dan" if person else "agt_one")
    if raw is not None:
        headers["Content-Type"] = "application/json"

    response = http.request(method, url, content=raw, headers=headers)

    assert response.status_code < 500 or path == "/readyz", (method, url, raw, response.text)
    if response.status_code >= 400 and path != "/readyz":
        problem(response)
