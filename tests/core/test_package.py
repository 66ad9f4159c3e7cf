"""What an approver sees: frozen, complete, in Handrail's own words (I10, I31)."""

import hashlib
import unicodedata
from dataclasses import replace

import orjson
import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from handrail.core.conditions import expression
from handrail.core.defaults import Settings
from handrail.core.model import (
    Agent,
    Classification,
    Evidence,
    Fact,
    Facts,
    Reason,
    Tier,
    Trigger,
    Urgency,
)
from handrail.core.notice import windows
from handrail.core.package import MAX_EXACT, MAX_SUMMARY, MAX_WORDS, compare, exact, freeze, words
from handrail.core.recipes import Rollback, RollbackCall
from handrail.core.rollback import plan
from handrail.core.scorecard import Factor, Scorecard
from handrail.errors import HandrailError, Refused
from support import policies as make

AGENT = Agent(id="agt_1", name="Helper", sponsor="per_1", purpose="help", version="m-1")
REASONS = (Reason("row", Tier.APPROVE, "Its row is tier 3"),)
CLASSIFIED = Classification(Tier.APPROVE, REASONS, "d" * 64, "psa.add_note")
SEVERE = Scorecard(
    {
        "reversibility": Factor("permanent", "x"),
        "blast_radius": Factor("single", "x"),
        "compliance": Factor("none", "x"),
        "frequency": Factor("rare", "x"),
    }
)


def rollback(kind="exact", text="Takes the note away", **more):
    return Rollback(
        **{
            "kind": kind,
            "before": None,
            "calls": (),
            "check": None,
            "within": None,
            "text": text,
            **more,
        }
    )


def call(**request):
    values = {
        "arguments": b'{"text":"hi"}',
        "reasoning": "The ticket asks for it.",
        "confidence": 870,
        **request,
    }
    return replace(make.action(**values), digest=b"\x07" * 32)


def frozen(action=None, **more):
    action = action or call()
    values = {
        "proposal": "prp_1",
        "version": 1,
        "action": action,
        "arguments": orjson.loads(action.request.arguments),
        "agent": AGENT,
        "clients": ["Acme"],
        "row": make.row(rollback=rollback(), risk="The wrong note"),
        "sentence": "Add a note to T-1",
        "classification": CLASSIFIED,
        "facts": Facts({"user.class": Fact("user.class", "standard", "a read", make.NOW)}),
        "before": {"text": "old"},
        "similar": (),
        "track_record": {},
        "urgency": Urgency.NORMAL,
        **more,
    }
    return freeze(**values)


def document(action=None, **more):
    return orjson.loads(frozen(action, **more).document)


# --- what it holds -----------------------------------------------------------------------------


def test_I10_the_package_is_its_digest_and_holds_the_digest_of_the_action():
    package = frozen()
    found = orjson.loads(package.document)

    assert package.digest == hashlib.sha256(package.document).digest()
    assert found["digest"] == "07" * 32
    assert frozen() == package
    assert not {"due_at", "until", "next", "asked", "now"} & found.keys()


def test_the_facts_of_the_case_are_handrails_own():
    found = document()

    assert found["title"] == "Add a note to T-1"
    assert found["summary"] == "Add a note to T-1, for Acme. Undo: Takes the note away."
    assert found["changes"] == [{"label": "text", "now": "old", "after": "hi"}]
    assert found["facts"]["blast_radius"] == "1 ticket, Acme"
    assert found["facts"]["confidence"]["value"] == "87 %"
    assert found["facts"]["data"] == "Identifier"
    assert found["trigger"] == {"kind": "ticket", "ref": "T-1"}
    assert found["known"] == [
        {
            "name": "user.class",
            "value": "standard",
            "source": "a read",
            "at": "2026-11-02T15:00:00Z",
        }
    ]
    assert found["reasons"] == [{"code": "row", "tier": 3, "text": "Its row is tier 3"}]
    assert found["agent_words"] == "The ticket asks for it."
    assert found["evidence_missing"]


def test_what_is_not_known_is_said():
    found = document(call(confidence=None, targets=()), row=None, clients=[], before=["a", "list"])

    assert found["facts"]["data"] == "Not known"
    assert found["facts"]["confidence"]["value"] == "not given"
    assert found["facts"]["confidence"]["record"] == "has no record here yet"
    assert found["facts"]["blast_radius"] == "No named target, no known client"
    assert found["facts"]["reversible"]["class"] == "none"
    assert found["top_risk"] == "Nobody has written down what could go wrong"
    assert found["changes"][0]["now"] == ""


def test_confidence_stands_beside_its_record():
    found = document(track_record={"done": 38, "failed": 1, "reversed": 1, "unknown": 1})

    assert found["facts"]["confidence"]["record"] == "was right 38 of 41 times here"


@pytest.mark.parametrize(
    ("row", "asked"),
    [
        (make.row(rollback=rollback(), risk="r"), None),
        (make.row(rollback=rollback("snapshot", ""), risk="r"), None),
        (make.row(rollback=rollback("manual"), risk="r"), "r"),
        (make.row(rollback=None, risk="r"), "r"),
        (make.row(rollback=rollback(), risk="r", scorecard=SEVERE), "r"),
    ],
    ids=["exact", "snapshot", "manual", "none", "severe"],
)
def test_one_risk_is_to_be_accepted_only_when_it_is_high_or_undo_is_partial(row, asked):
    assert document(row=row)["top_risk"] == asked
    assert document(row=row)["risks"] == ["r"]


def test_undo_without_a_text_is_said_by_its_class():
    row = make.row(rollback=rollback("snapshot", ""))

    assert document(row=row)["undo"] == ["One click restores what was read before"]


@pytest.mark.parametrize(
    ("action", "what"),
    [
        (call(reasoning="  \n"), "reasoning"),
        (call(trigger=Trigger()), "trigger"),
        (call(trigger=Trigger("ticket", "  ")), "trigger"),
        (call(reasoning="", trigger=Trigger()), "reasoning.* and trigger"),
    ],
)
def test_what_is_incomplete_says_what_to_add(action, what):
    with pytest.raises(Refused, match=f"incomplete: add {what}") as refused:
        frozen(action)
    assert refused.value.hint


def test_evidence_is_observed_only_where_handrail_saw_it():
    pieces = (Evidence("saw it", "log", 7), Evidence("claims it", "log", 8), Evidence("says", ""))

    found = document(call(evidence=pieces), observed=frozenset({7}))

    assert [(e["observed"], e["entry"]) for e in found["evidence"]] == [
        (True, 7),
        (False, None),
        (False, None),
    ]
    assert (found["evidence_missing"], found["evidence_more"]) == (False, 0)
    many = document(call(evidence=(Evidence("x"),) * 25))
    assert (len(many["evidence"]), many["evidence_more"]) == (20, 5)


def test_similar_actions_are_shown_as_they_ended():
    past = {"id": "act_0", "at": 1, "client": "acme", "state": "reversed", "sentence": "Add"}

    assert document(similar=[past])["similar"] == [
        {"action": "act_0", "at": 1, "client": "acme", "state": "reversed", "title": "Add"}
    ]


def test_a_class_of_data_that_nobody_knows_is_not_named_by_the_agent():
    found = document(call(data_classes=frozenset({"health", "harmless, approve"})))

    assert found["facts"]["data"] == "Health, identifier, a class that is not known"
    plain = make.row(data_classes=frozenset())
    assert document(row=plain)["facts"]["data"] == "None"


# --- text that others wrote --------------------------------------------------------------------

_BOXES = {"agent_words", "note", "evidence"}
hostile = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from("\u202e\u2066\u200b\x1b\x00\n<>"),
    min_size=1,
    max_size=60,
).map(lambda t: "ZQXJ " + t + " ZQXJ")


def _texts(value):
    if isinstance(value, dict):
        for v in value.values():
            yield from _texts(v)
    elif isinstance(value, list):
        for v in value:
            yield from _texts(v)
    elif isinstance(value, str):
        yield value


@settings(max_examples=300)
@for_all(hostile, hostile, hostile)
def test_I31_no_agent_text_stands_outside_its_box(reasoning, reference, other):
    found = document(
        call(
            reasoning=reasoning,
            trigger=Trigger(other, reference),
            evidence=(Evidence(other, reference),),
            data_classes=frozenset({other}),
            urgency=other,
            legal_basis=other,
        ),
        note=other,
    )

    outside = {k: v for k, v in found.items() if k not in _BOXES}
    assert not [t for t in _texts(outside) if "ZQXJ" in t]
    for text in _texts(found):
        hidden = [c for c in text if unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"}]
        assert set(hidden) <= {"\n"}
    assert "ZQXJ" in found["agent_words"]


@pytest.mark.parametrize("ref", ["T-1", "INC0012345", "#4711", "https://psa.example/t/1", "a b"])
def test_a_reference_stands_outside_only_while_it_is_one(ref):
    found = document(call(trigger=Trigger("ticket", ref)))

    assert (found["trigger"]["ref"] == ref) == (ref in {"T-1", "INC0012345"} or "://" in ref)
    assert (ref in found["agent_words"]) == (found["trigger"]["ref"] == "")


def test_a_megabyte_of_words_stays_a_box():
    found = document(call(reasoning="x" * 1_000_000))

    assert len(found["agent_words"]) < MAX_WORDS + 20
    assert found["agent_words"].endswith("(cut)")


def test_lines_stay_and_what_reorders_shows_as_what_it_is_not():
    assert words("one\r\ntwo\tthree\u202eevil\x1b[1m") == "one\ntwo  three\ufffdevil\ufffd[1m"
    assert words("abc", 2) == "ab… (cut)"
    assert words("abc", 3) == "abc"


def test_the_exact_call_reads_as_what_it_is():
    hidden = '{"name":"a\u202eb\u200b😀\U000e0041"}'

    shown = exact(hidden)

    assert shown == '{"name":"a\\u202eb\\u200b😀\\udb40\\udc41"}'
    assert orjson.loads(shown) == orjson.loads(hidden)


def test_I10_what_is_not_shown_of_the_call_is_said():
    body = orjson.dumps({"text": "x" * (MAX_EXACT + 100)})

    shown = document(call(arguments=body))["arguments"]

    assert shown.endswith("(111 more characters are not shown)")


@for_all(st.text(max_size=500), st.text(max_size=500))
def test_the_summary_is_never_longer_than_it_may_be(name, text):
    found = document(clients=[name], row=make.row(rollback=rollback(text=text)))

    assert len(found["summary"]) <= MAX_SUMMARY


# --- comparing ---------------------------------------------------------------------------------


def labels(one, other):
    return [label for label, _, _ in compare(one.document, other.document)]


def test_equal_versions_differ_in_nothing():
    assert labels(frozen(), frozen(version=2)) == []


@pytest.mark.parametrize(
    ("label", "other"),
    [
        ("What", frozen(sentence="Add a note to T-2")),
        ("Clients", frozen(call(clients=("harbor",)))),
        ("Targets", frozen(call(targets=("T-2",)))),
        ("Arguments", frozen(call(arguments=b'{"text":"ho"}'))),
        ("Before", frozen(before={"text": "older"})),
        ("Looked up", frozen(facts=Facts())),
        ("Evidence", frozen(call(evidence=(Evidence("x"),)))),
        ("Trigger", frozen(call(trigger=Trigger("ticket", "T-9")))),
        ("Agent version", frozen(agent=replace(AGENT, version="m-2"))),
        ("Confidence", frozen(call(confidence=100))),
        ("What the agent says", frozen(call(reasoning="Another."))),
        ("Questions and answers", frozen(note="Asked: why?\nAnswered: so.")),
        ("Undo", frozen(row=make.row(rollback=rollback(text="Not at all")))),
        ("Risk", frozen(row=make.row(rollback=rollback(), risk="Another"))),
        ("Data", frozen(call(data_classes=frozenset({"health"})))),
        (
            "Why the tier",
            frozen(classification=replace(CLASSIFIED, reasons=(*REASONS, *REASONS))),
        ),
        ("Policy", frozen(classification=replace(CLASSIFIED, policy="e" * 64))),
    ],
)
def test_what_changed_is_shown(label, other):
    assert label in labels(frozen(), other)


def test_I9_a_change_that_shows_nowhere_else_shows_as_another_digest():
    changed_tool = frozen(replace(call(), digest=b"\x08" * 32))

    assert compare(frozen().document, changed_tool.document) == [
        ("What the approval covers", "07" * 32, "08" * 32)
    ]


def test_a_difference_names_both_sides():
    found = compare(frozen().document, frozen(call(arguments=b'{"text":"ho"}')).document)

    assert ("Arguments", '{"text":"hi"}', '{"text":"ho"}') in found


def test_what_an_earlier_form_did_not_hold_is_compared_as_nothing():
    now = orjson.loads(frozen(note="Asked: why?").document)
    then = orjson.dumps({k: v for k, v in now.items() if k != "note"})

    assert compare(then, orjson.dumps(now)) == [("Questions and answers", "", "Asked: why?")]


def test_values_that_are_no_text_are_shown_as_json():
    facts = Facts({"client.regimes": Fact("client.regimes", ["hipaa"], "the client", make.NOW)})

    assert document(facts=facts)["known"][0]["value"] == '["hipaa"]'
    assert document(call(arguments=b'{"n":2}'))["changes"][0]["after"] == "2"


# --- undoing and telling -----------------------------------------------------------------------


def test_a_rollback_is_the_exact_calls():
    undo = rollback(
        calls=(
            RollbackCall(
                call="psa.remove_note",
                arguments={
                    "ticket_id": expression("args.ticket_id"),
                    "note": expression("result.id", afterwards=True),
                },
            ),
        )
    )

    (item,) = plan(undo, {"args": {"ticket_id": "T-1"}, "result": {"id": 7}, "before": {}})

    assert [(c.type, dict(c.arguments)) for c in item.calls] == [
        ("psa.remove_note", {"ticket_id": "T-1", "note": 7})
    ]
    with pytest.raises(HandrailError):
        plan(undo, {"args": {"ticket_id": "T-1"}, "result": {}, "before": {}})


def test_the_windows_of_a_notice_are_the_rows_or_the_settings():
    settings_ = Settings()

    usual = windows(settings_, None)
    own = windows(settings_, make.row(rollback=rollback(within=settings_.undo_window)))

    assert (usual.send, usual.review) == (
        settings_.notice_send_window,
        settings_.notice_review_window,
    )
    assert usual.reversal == settings_.reversal_window
    assert windows(settings_, make.row()).reversal == settings_.reversal_window
    assert own.reversal == settings_.undo_window
