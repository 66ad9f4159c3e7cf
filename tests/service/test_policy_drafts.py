"""Drafts: the next policy is written, signed and published by people (I27, SPEC 2)."""

import pytest

from handrail.errors import BadInput, Closed, Conflict, NotAllowed, NotFound, PolicyInvalid
from handrail.service import drafts
from handrail.service.drafts import digest, signed
from support.house import House, row

UNSIGNED = "# Rows that the import drafted.\nrows:\n" + row("up.unsigned_thing", 1)


def start(house: House, person: str = "per_dan", **files: str) -> str:
    draft = house.s.drafts.start(house.who(person), "a try")["id"]
    for path, text in files.items():
        write(house, draft, f"matrix/{path}.yaml", text, person)
    return str(draft)


def write(house: House, draft: str, path: str, text: str | None, person: str = "per_dan") -> None:
    house.s.drafts.write(house.who(person), draft, path, text, seen(house, draft))


def seen(house: House, draft: str) -> str:
    return str(house.s.drafts.show(draft)["digest"])


def publish(house: House, draft: str, person: str = "per_dan") -> dict:
    return house.s.drafts.publish(house.who(person), draft, seen(house, draft))


def laxer(house: House, draft: str) -> None:
    """Lower a signed row of the draft."""
    files = house.s.drafts.show(draft)["files"]
    text = files["matrix/all.yaml"].replace(
        "type: up.assign_licence\n    tier: 2", "type: up.assign_licence\n    tier: 1"
    )
    assert text != files["matrix/all.yaml"]
    write(house, draft, "matrix/all.yaml", text)


def stricter(house: House, draft: str) -> None:
    files = house.s.drafts.show(draft)["files"]
    text = files["matrix/all.yaml"].replace(
        "type: up.assign_licence\n    tier: 2", "type: up.assign_licence\n    tier: 3"
    )
    write(house, draft, "matrix/all.yaml", text)


def in_force(house: House) -> str:
    return house.s.policies.current().digest


def test_a_stricter_draft_is_published_by_one_person(house: House) -> None:
    draft = start(house)
    stricter(house, draft)
    shown = house.s.drafts.show(draft)
    assert shown["sentence"] == "1 action type becomes stricter."
    assert shown["laxer"] == []

    assert publish(house, draft)["published"]
    assert house.s.policies.current().row("up.assign_licence").tier == 3
    assert house.s.drafts.open() == []


def test_I27_a_laxer_draft_waits_for_a_second_person_in_their_own_session(house: House) -> None:
    before = in_force(house)
    draft = start(house)
    laxer(house, draft)

    first = publish(house, draft)
    assert (first["published"], in_force(house)) == (False, before)
    assert first["laxer"]
    with pytest.raises(NotAllowed, match="you proposed this"):
        publish(house, draft)
    with pytest.raises(NotAllowed):
        publish(house, draft, "per_ben")  # on call, but not over the policy
    assert in_force(house) == before

    assert publish(house, draft, "per_anna")["published"]
    assert house.s.policies.current().row("up.assign_licence").tier == 1
    published = [e for e in house.entries() if e["type"] == "person:policy:published"][-1]
    assert published["facts"]["people"] == 2


def test_I27_writing_in_a_proposed_draft_takes_the_proposal_back(house: House) -> None:
    draft = start(house)
    laxer(house, draft)
    publish(house, draft)
    write(house, draft, "rules/more.yaml", "rules: []\n", "per_anna")
    assert house.s.drafts.show(draft)["state"] == "open"
    assert not publish(house, draft, "per_anna")["published"]


def test_I27_the_second_person_publishes_what_they_saw_or_nothing(house: House) -> None:
    draft = start(house)
    laxer(house, draft)
    publish(house, draft)
    stale = seen(house, draft)
    write(house, draft, "rules/more.yaml", "rules: []\n")
    publish(house, draft)
    before = in_force(house)
    with pytest.raises(Conflict, match="changed while you had it open"):
        house.s.drafts.publish(house.who("per_anna"), draft, stale)
    assert in_force(house) == before


def test_a_proposer_who_left_is_no_first_person(house: House) -> None:
    draft = start(house)
    laxer(house, draft)
    publish(house, draft)
    house.change("person", ("per_dan",), active=0)
    before = in_force(house)
    with pytest.raises(NotAllowed):
        publish(house, draft, "per_anna")
    assert in_force(house) == before


def test_what_came_meanwhile_is_not_published_over(house: House) -> None:
    one, other = start(house), start(house)
    stricter(house, one)
    stricter(house, other)
    write(house, other, "rules/more.yaml", "rules: []\n")
    publish(house, one)
    assert house.s.drafts.show(other)["outdated"]
    with pytest.raises(Conflict, match="since this draft began"):
        publish(house, other)


def test_a_bad_draft_is_shown_with_its_lines_and_never_published(house: House) -> None:
    draft = start(house, bad="rows:\n  - {type: 7}\n")
    problems = house.s.drafts.show(draft)["problems"]
    assert any(p["file"] == "matrix/bad.yaml" and p["line"] == 2 for p in problems)
    before = in_force(house)
    with pytest.raises(PolicyInvalid):
        publish(house, draft)
    assert in_force(house) == before


def test_two_writers_do_not_lose_each_others_words(house: House) -> None:
    draft = start(house)
    was = seen(house, draft)
    house.s.drafts.write(house.who("per_dan"), draft, "rules/a.yaml", "rules: []\n", was)
    with pytest.raises(Conflict):
        house.s.drafts.write(house.who("per_anna"), draft, "rules/a.yaml", "rules: [] #\n", was)


@pytest.mark.parametrize("path", ["../x.yaml", "/etc/x.yaml", "a.txt", "a//b.yaml", ".x.yaml", ""])
def test_paths_that_are_no_files_of_a_policy(house: House, path: str) -> None:
    draft = start(house)
    with pytest.raises(BadInput, match="no file of a policy"):
        write(house, draft, path, "rules: []\n")


def test_who_has_no_authority_may_look_but_not_write(house: House) -> None:
    draft = start(house)
    with pytest.raises(NotAllowed):
        write(house, draft, "rules/a.yaml", "rules: []\n", "per_eve")
    with pytest.raises(NotAllowed):
        house.s.drafts.withdraw(house.who("per_eve"), draft)


def test_an_ended_draft_moves_no_more(house: House) -> None:
    draft = start(house)
    house.s.drafts.withdraw(house.who("per_dan"), draft)
    with pytest.raises(Closed):
        write(house, draft, "rules/a.yaml", "rules: []\n")
    with pytest.raises(Closed):
        publish(house, draft)
    with pytest.raises(NotFound):
        house.s.drafts.show("pol_no")


# --- signing -------------------------------------------------------------------------------


def sign(house: House, draft: str, person: str, role: str) -> None:
    house.s.drafts.sign(
        house.who(person), draft, "matrix/new.yaml", role, "looked at", seen(house, draft)
    )


def test_a_group_is_signed_by_its_three_roles_and_then_counts(house: House) -> None:
    house.s.directory.grant_role(house.who("per_dan"), "per_ben", "senior-technician", None)
    draft = start(house, new=UNSIGNED)
    (group,) = house.s.drafts.show(draft)["unsigned"]
    assert group["file"] == "matrix/new.yaml"
    assert group["says"] == "Rows that the import drafted."
    assert [r["type"] for r in group["rows"]] == ["up.unsigned_thing"]
    assert group["missing"] == ["compliance-officer", "senior-technician", "service-desk-manager"]

    sign(house, draft, "per_ben", "senior-technician")
    sign(house, draft, "per_dan", "service-desk-manager")
    assert house.s.drafts.show(draft)["unsigned"][0]["missing"] == ["compliance-officer"]
    sign(house, draft, "per_cleo", "compliance-officer")

    shown = house.s.drafts.show(draft)
    assert shown["unsigned"] == []
    assert shown["files"]["matrix/new.yaml"].startswith("# Rows that the import drafted.\n")
    assert shown["laxer"]  # it ran at tier 3 until now
    publish(house, draft)
    publish(house, draft, "per_anna")
    assert house.act("unsigned_thing").state == "done"


def test_nobody_signs_as_what_they_are_not(house: House) -> None:
    draft = start(house, new=UNSIGNED)
    with pytest.raises(NotAllowed):
        sign(house, draft, "per_eve", "compliance-officer")
    with pytest.raises(BadInput):
        sign(house, draft, "per_dan", "operations-leadership")


SIGNATURE = {
    "role": "compliance-officer",
    "by": 'Ann "A" O\'Hara: #1',
    "at": "2026-01-02",
    "why": "ok",
}


@pytest.mark.parametrize(
    "text",
    [
        "rows: []\n",
        "# a word\n\nrows: []\n",
        "signatures:\n  - {role: senior-technician, by: X, at: 2026-01-02, why: y}\nrows: []\n",
        "signatures:   # who\n- {role: senior-technician, by: X, at: 2026-01-02, why: y}\nrows: []\n",
        "signatures:\n    - role: senior-technician\n      by: X\n      at: 2026-01-02\n      why: y\nrows: []\n",
    ],
)
def test_a_signature_is_added_and_nothing_else_changes(text: str) -> None:
    import yaml

    was, now = yaml.safe_load(text), yaml.safe_load(signed(text, SIGNATURE))
    added = now["signatures"].pop(0)
    assert {k: str(v) for k, v in added.items()} == SIGNATURE
    assert now["signatures"] == was.get("signatures", [])
    assert now["rows"] == was["rows"]


@pytest.mark.parametrize(
    "text", ["signatures: []\nrows: []\n", "signatures: [{role: x}]\nrows: []"]
)
def test_a_form_that_cannot_be_added_to_is_said(text: str) -> None:
    with pytest.raises(BadInput, match="signatures of this file"):
        signed(text, SIGNATURE)


def test_too_much_is_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts, "MOST_TEXT", 1000)
    with pytest.raises(BadInput, match="too large"):
        house.s.drafts.start(house.who("per_dan"), "much", {"handrail.yaml": "#" * 1001})


def test_the_digest_is_of_names_and_texts() -> None:
    assert digest({"a": "b"}) != digest({"a": "c"}) != digest({"c": "a"})
    assert digest({"a": "1", "b": "2"}) == digest({"b": "2", "a": "1"})
