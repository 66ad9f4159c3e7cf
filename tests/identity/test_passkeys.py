"""Passkeys: what makes one believed, and every way of lying about it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handrail.errors import BadInput, Conflict, NotFound, NotSignedIn, StepUpNeeded, TooMany
from handrail.identity.passkeys import MOST, Passkeys, possible
from support.authenticator import PRESENT, VERIFIED, Authenticator, text

from .conftest import Desk

URL = "http://localhost"


@pytest.fixture
def keys(desk: Desk) -> Passkeys:
    return Passkeys(desk.identity, desk.store, desk.clock, URL)


@pytest.fixture
def who(desk: Desk, ada: Any) -> Any:
    return ada


def register(keys, who, device=None, name="Laptop"):
    device = device or Authenticator()
    asked = keys.begin_adding(who)
    keys.add(who, name, asked.state, asked.secret, device.create(asked.options))
    return device


def use(keys, device, **client):
    asked = keys.begin("/feed")
    return keys.finish(asked.state, asked.secret, device.get(asked.options, **client))


# --- what works --------------------------------------------------------------------------------


def test_a_passkey_is_added_signs_in_and_is_removed(keys, who, desk):
    device = register(keys, who, name="  My   laptop ")
    shown = keys.of(who.person)
    assert [(k["name"], k["used_at"]) for k in shown] == [("My laptop", None)]

    found = use(keys, device)

    assert (found.who.person, found.to, found.who.via) == (who.person, "/feed", "console")
    assert desk.identity.who(found.token) == found.who
    assert keys.of(who.person)[0]["used_at"] is not None
    keys.remove(who, shown[0]["id"])
    assert keys.of(who.person) == []
    with pytest.raises(NotSignedIn):
        use(keys, device)
    events = [e for e in desk.entries() if ":passkey:" in e["type"]]
    assert [e["type"] for e in events] == ["person:passkey:added", "person:passkey:removed"]
    assert [e["facts"] for e in events] == [{}, {}]
    record = b"".join(orjson.dumps(e) for e in desk.entries())
    assert b"laptop" not in record
    assert device.id.hex().encode() not in record
    assert text(device.id).encode() not in record
    assert {"via": "console", "by": "passkey"} in [e["facts"] for e in desk.entries()]


def test_several_for_one_person_and_never_the_same_twice(keys, who):
    first, second = register(keys, who), register(keys, who, Authenticator(count=7))
    assert use(keys, first).who.person == use(keys, second).who.person == who.person
    assert len(keys.of(who.person)) == 2

    asked = keys.begin_adding(who)
    known = {c["id"] for c in orjson.loads(asked.options)["excludeCredentials"]}
    assert known == {text(first.id), text(second.id)}
    with pytest.raises(Conflict, match="known already"):
        keys.add(who, "again", asked.state, asked.secret, first.create(asked.options))


def test_a_person_has_a_bounded_number(keys, who):
    for _ in range(MOST):
        register(keys, who)
    with pytest.raises(Conflict, match="at most"):
        register(keys, who)


def test_the_options_ask_for_verification_and_name_nobody(keys, who):
    asked = orjson.loads(keys.begin("/").options)
    assert asked["userVerification"] == "required"
    assert asked["allowCredentials"] == []
    made = orjson.loads(keys.begin_adding(who).options)
    assert made["authenticatorSelection"]["userVerification"] == "required"
    assert made["authenticatorSelection"]["residentKey"] == "required"


def test_stepping_up_renews_the_sign_in_and_ends_the_old_token(keys, who, desk):
    device = register(keys, who)
    desk.clock.advance(timedelta(minutes=20))
    asked = keys.begin("/to", who=who, kept={"note": "fine"})

    found = keys.finish(
        asked.state, asked.secret, device.get(asked.options), session=desk.known["ada"]
    )

    assert found.who.signed_in_at > who.signed_in_at + timedelta(minutes=19)
    assert found.kept == {"note": "fine"}
    assert desk.types()[-1] == "person:session:stepped-up"
    with pytest.raises(NotSignedIn):
        desk.identity.who(desk.known["ada"])


# --- what is refused ---------------------------------------------------------------------------


def test_a_stale_session_adds_no_passkey(keys, who, desk):
    asked = keys.begin_adding(who)
    answer = Authenticator().create(asked.options)
    desk.clock.advance(timedelta(minutes=15, seconds=1))
    with pytest.raises(StepUpNeeded):
        keys.begin_adding(who)
    with pytest.raises(StepUpNeeded):
        keys.add(who, "x", asked.state, asked.secret, answer)


@pytest.mark.parametrize(
    ("device", "client"),
    [
        (Authenticator(flags=PRESENT), {}),  # nobody verified
        (Authenticator(flags=VERIFIED), {}),  # nobody there
        (Authenticator(host="evil.example"), {}),
        (Authenticator(origin="https://evil.example"), {}),
        (Authenticator(origin="http://localhost:1"), {}),
        (Authenticator(), {"challenge": text(b"x" * 64)}),
        (Authenticator(), {"type": "webauthn.get"}),
    ],
)
def test_a_passkey_that_was_not_made_for_us_is_not_kept(keys, who, device, client):
    asked = keys.begin_adding(who)
    with pytest.raises(BadInput, match="can't be used"):
        keys.add(who, "x", asked.state, asked.secret, device.create(asked.options, **client))
    assert keys.of(who.person) == []


@pytest.mark.parametrize(
    ("lie", "client"),
    [
        ({"flags": PRESENT}, {}),
        ({"flags": VERIFIED}, {}),
        ({"host": "evil.example"}, {}),
        ({"origin": "https://evil.example"}, {}),
        ({"key": Authenticator().key}, {}),  # another key signs
        ({"id": b"unknown" * 4}, {}),
        ({"handle": b"per_somebody_else"}, {}),
        ({}, {"challenge": text(b"x" * 64)}),
        ({}, {"type": "webauthn.create"}),
    ],
)
def test_an_answer_that_lies_signs_nobody_in(keys, who, desk, lie, client):
    device = register(keys, who)
    with pytest.raises(NotSignedIn, match="signs nobody in"):
        use(keys, replace(device, **lie), **client)
    assert desk.types()[-1] == "person:session:refused"
    assert use(keys, device)


def test_a_counter_that_does_not_grow_is_a_copy(keys, who):
    device = register(keys, who, Authenticator(count=5))
    copy = replace(device)
    use(keys, device)
    use(keys, device)
    with pytest.raises(NotSignedIn):
        use(keys, copy)
    assert use(keys, device)


def test_an_answer_works_once_in_one_browser_for_one_use(keys, who, desk):
    device = register(keys, who)
    asked, other = keys.begin("/"), keys.begin("/")
    answer = device.get(asked.options)
    with pytest.raises(NotSignedIn):
        keys.finish(other.state, other.secret, answer)
    with pytest.raises(NotSignedIn, match="not begun in this browser"):
        keys.finish(asked.state, other.secret, answer)
    with pytest.raises(NotSignedIn):  # that used it up
        keys.finish(asked.state, asked.secret, answer)
    adding = keys.begin_adding(who)
    answer = device.get(adding.options)
    with pytest.raises(NotSignedIn, match="not begun"):
        # A challenge to add is none to sign in or step up.
        keys.finish(adding.state, adding.secret, answer, session=desk.known["ada"])


def test_another_persons_passkey_neither_steps_up_nor_is_removed_nor_adds(keys, who, desk):
    register(keys, who)
    ben = desk.joined(who, "ben")
    theirs = register(keys, ben)

    asked = keys.begin("/", who=who)
    with pytest.raises(NotSignedIn):
        keys.finish(asked.state, asked.secret, theirs.get(asked.options), session=desk.known["ada"])
    asked = keys.begin("/", who=who)  # begun by one, finished in the session of another
    with pytest.raises(NotSignedIn):
        keys.finish(asked.state, asked.secret, theirs.get(asked.options), session=desk.known["ben"])
    with pytest.raises(NotFound):
        keys.remove(who, keys.of(ben.person)[0]["id"])
    with pytest.raises(NotFound):
        keys.remove(who, "no hex")
    asked = keys.begin_adding(ben)
    with pytest.raises(NotSignedIn):
        keys.add(who, "x", asked.state, asked.secret, Authenticator().create(asked.options))


def test_a_leavers_passkey_signs_nobody_in(keys, who, desk):
    ben = desk.joined(who, "ben")
    device = register(keys, ben)
    desk.directory.deactivate(who, ben.person)
    with pytest.raises(NotSignedIn):
        use(keys, device)


def test_without_a_passkey_there_is_no_step_up_by_one(keys, who):
    with pytest.raises(NotFound, match="no passkey"):
        keys.begin("/", who=who)


def test_challenges_are_limited(keys, desk):
    for _ in range(300):
        keys._starts.take("", desk.clock.monotonic())
    with pytest.raises(TooMany):
        keys.begin("/")


@pytest.mark.parametrize(
    ("url", "can"),
    [
        ("https://handrail.example", True),
        ("http://localhost:8640", True),
        ("http://handrail.example", False),
        ("http://127.0.0.1:8640", False),
        ("https://10.0.0.5", False),
        ("https://[::1]", False),
        ("", False),
    ],
)
def test_passkeys_need_a_name_and_https(url, can, desk):
    assert possible(url) is can
    if not can:
        with pytest.raises(BadInput):
            Passkeys(desk.identity, desk.store, desk.clock, url)


# --- whatever is sent --------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=8), v, max_size=3),
    max_leaves=8,
)


def _paths(value: Any, at: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(value, dict):
        return [at]
    return [p for k, v in value.items() for p in _paths(v, (*at, k))]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_answer_makes_anything_but_a_refusal(desk, who, data):
    keys = Passkeys(desk.identity, desk.store, desk.clock, URL)  # with limits of its own
    device = Authenticator()
    made = orjson.loads(device.create(keys.begin_adding(who).options))
    used = orjson.loads(device.get(keys.begin("/").options))
    for answer in (made, used):
        path = data.draw(st.sampled_from(_paths(answer)))
        at: Any = answer
        for name in path[:-1]:
            at = at[name]
        at[path[-1]] = data.draw(JSON | st.binary(max_size=90).map(text))
    raw = data.draw(st.sampled_from([None, "", "[]", "{", "null", '"x"', "{}", "x" * 40_000]))

    asked = keys.begin_adding(who)
    try:
        keys.add(who, "x", asked.state, asked.secret, raw or orjson.dumps(made).decode())
    except (BadInput, NotSignedIn, Conflict):
        pass
    else:  # a member that nobody reads was changed: the challenge was another one
        raise AssertionError("an answer to another challenge was kept")
    asked = keys.begin("/")
    with pytest.raises(NotSignedIn):
        keys.finish(asked.state, asked.secret, raw or orjson.dumps(used).decode())
