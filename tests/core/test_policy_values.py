"""Rows speak in Handrail's own words, contents have digests, factors have least tiers."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.core.conditions import expression
from handrail.core.defaults import Settings
from handrail.core.model import Effect, Tier
from handrail.core.policy import content_digest, matches
from handrail.core.scorecard import SCALES, Factor, Scorecard
from handrail.core.titles import plain, shown
from support import policies as make


def test_I31_a_title_is_handrail_s_own_sentence():
    row = make.row(
        says="Set {args.name} of {targets} at {clients}: {args.none}", said="Was {targets}"
    )

    title = row.title({"name": "Spooler"}, ["WS-1", "WS-2"], ["acme"])
    assert title == "Set Spooler of WS-1, WS-2 at acme: (nothing)"
    assert row.title({}, [], [], past=True) == "Was (nothing)"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("two\nlines\tand\x00more", "two lines and more"),
        ("right\u202eto left\u200b", "right to left"),
        ("x" * 500, "x" * 79 + "…"),
        ("", "(empty)"),
        (None, "(nothing)"),
        ([], "(nothing)"),
        (["a", 1, True, {"b": 1}], "a and 3 more"),
        (["a", ["b"]], "a, (1 values)"),
        ({"a": 1}, "(1 fields)"),
        (True, "yes"),
        (False, "no"),
        (1.5, "1.5"),
        ("{args.other}", "{args.other}"),
    ],
)
def test_I31_a_value_can_break_no_sentence(value, words):
    assert shown(value) == words
    assert make.row(says="Do {args.x}").title({"x": value, "other": "!"}, (), ()) == f"Do {words}"


@given(st.text())
def test_I31_a_plain_text_is_one_short_line(text):
    assert len(plain(text)) <= 80
    assert plain(text).isprintable() or not plain(text)


def test_the_content_of_a_call_is_what_it_changes_apart_from_where():
    row = make.row(content=None, targets=expression("[args.device]"), client=expression("args.cid"))

    def digest(**arguments):
        return content_digest(row, arguments)

    first = digest(device="a", cid="acme", package="7zip")
    assert first == digest(device="b", cid="other", package="7ZIP")
    assert first == digest(
        device="b", tenantFilter="x", package="7zip", reason="other", confirm=True
    )
    assert first != digest(device="a", cid="acme", package="vlc")
    assert first != digest(device="a", cid="acme", package="7zip", version=2)
    assert digest(device="a", cid="acme", site_id=3) is None
    assert len(first) == 64
    assert digest(package=[{"É": 2**70}]) == digest(package=[{"e\u0301": 2**70}])


def test_a_row_names_its_content_or_has_none():
    named = make.row(content=("package",))

    assert content_digest(make.row(content=()), {"package": "x"}) is None
    assert content_digest(named, {"package": "x", "y": 1}) == content_digest(
        named, {"package": "X"}
    )
    assert content_digest(named, {}) is not None
    other = make.row("x.other", content=("package",))
    assert content_digest(named, {"package": "x"}) != content_digest(other, {"package": "x"})


def test_a_blank_or_unknown_factor_counts_at_its_worst():
    card = Scorecard({"reversibility": Factor("immediate", "x"), "compliance": Factor("odd", "x")})

    assert card.least is Tier.APPROVE
    assert "blast radius is blank" in card.sentence()
    assert "at least tier 3" in card.sentence()
    assert Scorecard({}).least is Tier.APPROVE
    assert make.MILD.least is Tier.AUTONOMOUS


def test_a_scorecard_shows_every_factor_with_its_meaning():
    rows = make.row(scorecard=Scorecard({"frequency": Factor("daily", "often")})).scorecard_shown()

    assert [r["factor"] for r in rows] == [
        "reversibility",
        "blast radius",
        "compliance",
        "frequency",
    ]
    assert rows[3] == {
        "factor": "frequency", "level": "daily", "score": 1, "why": "often",
        "meaning": SCALES["frequency"]["daily"].meaning,
    }  # fmt: skip
    assert rows[0]["level"] == "blank"
    assert json.dumps(rows)


def test_every_scale_rises():
    for scale in SCALES.values():
        levels = list(scale.values())
        assert [x.score for x in levels] == sorted(x.score for x in levels)
        assert [x.least for x in levels] == sorted(x.least for x in levels)
        assert all(x.meaning for x in levels)


def test_two_people_promote_what_suggests_3():
    assert make.row(scorecard=Scorecard({})).two_people
    assert not make.row().two_people


def test_every_default_says_why():
    from dataclasses import fields

    for field in fields(Settings):
        assert field.metadata["why"].endswith("."), field.name


def test_SPEC_12_the_defaults():
    s = Settings()

    minutes = {k.value: v.total_seconds() / 60 for k, v in s.windows.items()}
    assert minutes == {"critical": 5, "high": 15, "normal": 60, "low": 240}
    lifetimes = [v.total_seconds() / 60 for v in s.lifetimes.values()]
    assert lifetimes == [30, 120, 24 * 60, 72 * 60]
    assert (s.max_clients, s.max_targets, s.aggregate_window.seconds) == (3, 25, 3600)
    assert (s.open_per_trigger, s.open_per_agent) == (5, 20)
    assert (s.asks_per_hour, s.actions_per_hour, s.second_ask.days) == (20, 60, 7)
    assert (s.in_flight_after_promotion, s.in_flight_later) == (10, 50)
    assert (s.decisions_per_hour, s.decisions_per_shift, s.notices_per_shift) == (12, 40, 30)
    assert (s.check_delay.seconds, s.overdue_outcome.seconds) == (30, 900)
    assert (s.fact_age_people.days, s.fact_age_targets.seconds) == (1, 900)
    assert (s.approval_valid.seconds, s.undo_window.seconds) == (900, 10)
    assert (s.notice_send_window.seconds, s.notice_review_window.seconds) == (120, 3600)
    assert (s.reversal_window.days, s.step_up_age.seconds) == (1, 900)
    assert (s.new_approver_wait.days, s.practice_share, s.heartbeat.days) == (3, 2, 1)


def test_types_match_globs_in_any_case():
    assert matches("Psa.Add_Note", ["psa.*_note"])
    assert not matches("psa.add", ["psa.*_note"])


def test_rules_are_found_by_what_they_are_about():
    rules = [
        make.rule("type", types=["psa.*"]),
        make.rule("category", categories=["ticketing"]),
        make.rule("effect", effect=Effect.READ),
        make.rule("other", types=["rmm.*"]),
    ]
    policy = make.policy(make.row(), rules=rules)

    found = policy.rules_for("psa.add", "ticketing", Effect.CHANGE)
    assert [r.name for r in found] == ["type", "category"]
    assert policy.rules_for("psa.add", "ticketing", Effect.CHANGE) is found


def test_what_is_remembered_is_bounded():
    policy = make.policy()
    for n in range(20_001):
        policy.prohibited_for(f"x.{n}")

    assert len(policy._found) <= 20_000


def test_a_policy_lists_its_rows_by_category():
    policy = make.policy(make.row("b.x"), make.row("a.x"), make.row("c.x", category="access"))

    assert [r.type for r in policy.matrix()] == ["c.x", "a.x", "b.x"]
    assert not policy.four_eyes("a.x")
    assert list(policy.ground(["x"])) == []
