"""Importing: rollback proposals, files of groups, OpenAPI descriptions (SPEC 2, SPEC 4)."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.core import importing, openapi
from handrail.core.policy import load
from handrail.core.policy_load import understand
from handrail.errors import BadInput
from support.house import policy_files


def tool(name, *, required=(), optional=(), description="", connection="psa"):
    properties = {n: {"type": "string"} for n in (*required, *optional)}
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return importing.definition(connection, name, description=description, schema=schema)


def undo(name, *beside, **more):
    tools = [tool(name, **more), *beside]
    return importing.drafts(tools)[0].document["rollback"]


# --- rollbacks -------------------------------------------------------------------------------


def test_an_inverse_with_the_same_arguments_is_an_exact_rollback():
    found = undo(
        "assign_licence", tool("unassign_licence", required=["user", "sku"]),
        required=["user", "sku"], optional=["note"],
    )  # fmt: skip
    assert found["class"] == "exact"
    (call,) = found["calls"]
    assert call == {
        "call": "psa.unassign_licence", "arguments": {"user": "args.user", "sku": "args.sku"},
    }  # fmt: skip


def test_an_inverse_that_needs_more_is_only_named():
    found = undo("create_user", tool("delete_user", required=["user_id"]), required=["email"])
    assert found["class"] == "manual"
    assert "delete_user" in found["text"]


def test_what_is_optional_here_does_not_feed_what_is_required_there():
    found = undo("enable_user", tool("disable_user", required=["id"]), optional=["id"])
    assert found["class"] == "manual"


def test_what_a_tool_sets_is_read_before_and_set_back():
    found = undo(
        "acme_set_mailbox_forwarding", tool("acme_get_mailbox", required=["user"]),
        required=["user", "forward_to"], optional=["keep_copy"],
    )  # fmt: skip
    assert found["class"] == "snapshot"
    assert found["before"] == {"read": "psa.acme_get_mailbox", "arguments": {"user": "args.user"}}
    assert found["calls"][0]["arguments"] == {
        "user": "args.user", "forward_to": "before.forward_to", "keep_copy": "before.keep_copy",
    }  # fmt: skip
    assert found["check"]["when"] == (
        "after.forward_to == before.forward_to && after.keep_copy == before.keep_copy"
    )


def test_a_read_of_something_else_restores_nothing():
    found = undo("set_mailbox", tool("get_ticket", required=["user"]), required=["user", "quota"])
    assert found["class"] == "manual"


def test_servers_undo_only_their_own():
    tools = [
        tool("enable_user", required=["id"]),
        tool("disable_user", required=["id"], connection="other"),
    ]
    assert importing.drafts(tools)[0].document["rollback"]["class"] == "manual"


# --- files -----------------------------------------------------------------------------------

TOOLS = [
    tool("get_ticket", required=["ticket_id"]),
    tool("list_tickets"),
    tool("add_ticket_note", required=["ticket_id", "note"]),
    tool("delete_device", required=["device_id"]),
    tool("run_script", required=["script"]),
    tool("frobnicate"),
]


def test_what_is_written_loads_beside_a_policy_and_stays_unsigned():
    made = importing.drafts(TOOLS)
    whole = {**policy_files(), **importing.files(made)}
    policy = load(whole)
    assert all(policy.row(d.type) is None for d in made)  # a draft is no row that counts
    assert set(understand(whole).rows) >= {d.type for d in made}


def test_a_file_is_a_group_that_says_what_its_rows_share():
    found = importing.files(importing.drafts(TOOLS))
    for path, text in found.items():
        assert path.startswith("matrix/psa/tier-")
        rows = yaml.safe_load(text)["rows"]
        assert len({(r["tier"], r["effect"], r["category"]) for r in rows}) == 1
        assert text.startswith("# psa: tier ")
    assert sum(len(yaml.safe_load(t)["rows"]) for t in found.values()) == len(TOOLS)


def test_what_needs_a_second_look_is_marked_above_its_row():
    found = importing.files(importing.drafts([tool("frobnicate")]))
    assert "# look again: " in next(iter(found.values()))


def test_types_with_a_row_are_left_out():
    made = importing.drafts(TOOLS)
    found = importing.files(made, {"psa.get_ticket", "psa.list_tickets"})
    assert not any("get_ticket" in t or "list_tickets" in t for t in found.values())


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.text(min_size=1, max_size=20), st.text(max_size=80)),
        min_size=1, max_size=6, unique_by=lambda t: t[0],
    )
)  # fmt: skip
def test_hostile_names_and_descriptions_write_files_that_load_or_are_said(raw):
    tools = [tool(name, description=text) for name, text in raw]
    found = importing.files(importing.drafts(tools))
    for text in found.values():
        rows = yaml.safe_load(text)["rows"]
        assert all(set(r) >= {"type", "tier", "scorecard", "rationale"} for r in rows)
    for problem in understand({**policy_files(), **found}).problems:
        assert problem.file in found  # a name that no action type can have, and nothing else
        assert problem.message


# --- OpenAPI ---------------------------------------------------------------------------------

API = {
    "openapi": "3.1.0",
    "paths": {
        "/users/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
            "get": {"operationId": "getUser", "summary": "Read one user"},
            "delete": {"operationId": "deleteUser", "summary": "Delete one user"},
        },
        "/tickets": {
            "post": {
                "summary": "New ticket",
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Ticket"}}}},
            }
        },
        "/tokens": {"post": {"operationId": "getToken"}},
    },
    "components": {
        "schemas": {
            "Ticket": {"allOf": [{"$ref": "#/components/schemas/Named"}, {"properties": {"body": {"type": "string"}}}]},
            "Named": {"type": "object", "required": ["title"], "properties": {"title": {"type": "string"}}},
        }
    },
}  # fmt: skip


def test_operations_become_tools_with_their_parameters():
    found = {t.name: t for t in openapi.tools("psa", API)}
    assert set(found) == {"getUser", "deleteUser", "create_tickets", "getToken"}
    assert found["deleteUser"].input_schema["required"] == ["id"]
    body = found["create_tickets"].input_schema
    assert set(body["properties"]) == {"title", "body"}
    assert body["required"] == ["title"]


def test_a_method_that_changes_is_never_drafted_as_a_read():
    tiers = {d.type: d for d in importing.drafts(openapi.tools("psa", API))}
    assert tiers["psa.getUser"].document["effect"] == "read"
    assert tiers["psa.getToken"].tier > 1
    assert tiers["psa.deleteUser"].tier == 3


@pytest.mark.parametrize(
    "document",
    [None, [], "x", {}, {"swagger": "2.0"}, {"openapi": "3.0.0"}, {"openapi": "3.0.0", "paths": []},
     {"openapi": "3.0.0", "paths": {"/x": 7}}],
)  # fmt: skip
def test_what_is_no_description_is_said(document):
    with pytest.raises(BadInput):
        openapi.tools("psa", document)


@pytest.mark.parametrize(
    "ref", ["#/components/schemas/Gone", "https://evil.example/x.json", "#/paths/~1a", "x", ""]
)
def test_references_that_lead_nowhere_or_out_are_empty(ref):
    post = {"requestBody": {"content": {"application/json": {"schema": {"$ref": ref}}}}}
    (found,) = openapi.tools("psa", {"openapi": "3.0.0", "paths": {"/a": {"post": post}}})
    assert found.name == "create_a"


def test_a_description_that_refers_to_itself_ends():
    schema = {"allOf": [{"$ref": "#/components/schemas/A"}]}
    post = {
        "requestBody": {
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}
        }
    }
    document = {
        "openapi": "3.0.0", "paths": {"/a": {"post": post}}, "components": {"schemas": {"A": schema}},
    }  # fmt: skip
    assert openapi.tools("psa", document)
