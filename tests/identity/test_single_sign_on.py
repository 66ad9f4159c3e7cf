"""Single sign-on against a real provider on this computer, and against one that lies."""

import base64
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from joserfc import jwk, jwt
from starlette.responses import JSONResponse, Response

from handrail.clock import FakeClock, SystemClock
from handrail.errors import BadInput, NotAllowed, NotSignedIn, TooMany, Unavailable
from handrail.identity import groups
from handrail.identity.identity import Identity
from handrail.identity.oidc import Provider, Registration
from handrail.identity.single_sign_on import Back, Leaving, SingleSignOn, Terms
from handrail.service.draw import Draw
from handrail.service.lapse import lapse
from handrail.service.people import Directory
from handrail.store.database import open_store
from support.provider import Front, provider

from .conftest import EMAIL, PASSWORD, Desk

GROUPS = groups.load(
    '"On-call": on-call-senior\n"Leads": [security-lead, operations-leadership]\n'
    '"Harbor": account-engineer@harbor\n"Nowhere": account-engineer@nowhere\n'
)
AGE = timedelta(hours=24)
BEN = {"email": "ben@x.example", "email_verified": True, "name": "Ben Ode", "groups": ["On-call"]}


@pytest.fixture(scope="module")
def clock() -> FakeClock:
    return FakeClock(datetime.now(UTC))


@pytest.fixture(scope="module")
def real(clock: FakeClock) -> Iterator[Front]:
    with provider(clock) as front:
        yield front


@pytest.fixture
def front(real: Front) -> Front:
    real.faithful, real.alter, real.sign = False, None, None
    real.answer, real.said, real.seen, real.published = {}, {}, [], []
    real.person("ben", **BEN)
    return real


@pytest.fixture
def desk(clock: FakeClock) -> Iterator[Desk]:
    store = open_store("sqlite://", clock, "test.example/log")
    desk = Desk(store, clock, Identity(store, clock), Directory(store, clock, Draw(clock).id))
    ada = desk.open()
    desk.directory.set_client(ada, "harbor", "Harbor Dental")
    yield desk
    store.close()


class Way:
    """Single sign-on over a desk, and a person who goes that way."""

    def __init__(self, desk: Desk, front: Front, **terms: Any) -> None:
        self.desk, self.front = desk, front
        known = Registration(
            issuer=front.url,
            client_id="handrail",
            secret="s3cr/t",
            redirect="http://testserver/login/provider",
        )
        self.provider = Provider(known, desk.clock)
        given = {"groups": GROUPS, "age": AGE, **terms}
        self.sso = SingleSignOn(
            desk.identity, desk.store, desk.clock, self.provider, Terms(**given)
        )

    def go(self, sub: str = "ben", **more: Any) -> Back:
        leaving = self.sso.begin("/feed", **more)
        return self.back(leaving, self.front.consent(leaving.url, sub), more.get("session", ""))

    def back(self, leaving: Leaving, came: dict[str, str], session: str = "", **other: Any) -> Back:
        carried = {"state": came["state"], "code": came.get("code", ""), "secret": leaving.secret}
        return self.sso.finish(**{**carried, "session": session, **other})

    def roles(self, email: str = "ben@x.example") -> set[tuple[str, str]]:
        with self.desk.store.read() as reader:
            person = next(p for p in reader.people() if p["email"] == email)
        return {(r["role"], r["client"]) for r in orjson.loads(person["roles"])}


@pytest.fixture
def way(desk: Desk, front: Front) -> Way:
    return Way(desk, front)


def lie(front: Front, **claims: Any) -> None:
    """From now on tokens say *claims*; None leaves one out."""

    def alter(found: dict[str, Any], header: dict[str, Any]) -> None:
        found |= claims
        for name in [n for n, v in claims.items() if v is None]:
            del found[name]

    front.alter = alter


# --- the way there and back --------------------------------------------------------------------


def test_untouched_tokens_of_the_real_provider_sign_in(front):
    front.faithful = True
    clock = SystemClock()
    store = open_store("sqlite://", clock, "test.example/log")
    try:
        desk = Desk(store, clock, Identity(store, clock), Directory(store, clock, Draw(clock).id))
        way = Way(desk, front)
        back = way.go()
    finally:
        store.close()
    assert (back.who.name, back.to, back.stepped_up) == ("Ben Ode", "/feed", False)
    assert abs(clock.now() - back.who.signed_in_at) < timedelta(minutes=2)


def test_someone_new_comes_with_the_roles_of_their_groups(way, front, desk):
    front.person("ben", **{**BEN, "groups": ["On-call", "Harbor", "Nowhere", "Others"]})

    back = way.go()

    assert desk.identity.who(back.token) == back.who
    assert way.roles() == {("on-call-senior", ""), ("account-engineer", "harbor")}
    assert desk.types()[-4:] == [
        "person:person:added",
        "person:role:granted",
        "person:role:granted",
        "person:session:signed-in",
    ]
    assert desk.entries()[-1]["facts"] == {"by": "provider", "via": "console"}
    assert b"ben@x.example" not in b"".join(orjson.dumps(e) for e in desk.entries())


def test_the_code_is_bound_by_pkce_and_the_client_proves_itself(way, front):
    way.go()

    ask = front.asked("/oauth2/authorize")[-1]
    sent = front.asked("/oauth2/token")[-1]
    digest = hashlib.sha256(sent["code_verifier"].encode()).digest()
    assert ask["code_challenge_method"] == "S256"
    assert ask["code_challenge"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert ask["nonce"] != ask["state"] != sent["code_verifier"]
    assert "client_secret" not in sent  # it stands in the header


def test_someone_known_is_found_by_a_verified_address_and_then_by_subject(way, front, desk):
    ada = next(iter(desk.store.read().__enter__().people()))["id"]
    front.person("a1", email="ADA@x.example", email_verified=True, groups=[])
    assert way.go("a1").who.person == ada

    front.person("a1", email="ada.new@x.example", email_verified=False, groups=[])
    assert way.go("a1").who.person == ada
    assert desk.identity.sign_in(EMAIL, PASSWORD)[1].person == ada  # and the password goes on


# --- what is not believed ----------------------------------------------------------------------


def test_a_code_and_its_state_work_once(way, front):
    leaving = way.sso.begin("/")
    came = front.consent(leaving.url, "ben")
    way.back(leaving, came)

    with pytest.raises(NotSignedIn, match="not begun in this browser"):
        way.back(leaving, came)
    # The code itself is used up too: under a state of another sign-in the provider refuses it.
    other = way.sso.begin("/")
    with pytest.raises(NotSignedIn, match="the provider refused"):
        way.back(other, {**front.consent(other.url, "ben"), "code": came["code"]})


def test_another_persons_link_signs_nobody_in(way, front):
    """Login CSRF and session fixation: a way back that began in another browser opens nothing."""
    theirs, mine = way.sso.begin("/"), way.sso.begin("/")
    came = front.consent(theirs.url, "ben")

    for secret in (mine.secret, "", theirs.secret + "x"):
        with pytest.raises(NotSignedIn, match="not begun in this browser"):
            way.back(theirs, came, secret=secret)
    assert "person:session:signed-in" not in way.desk.types()[-3:]


def test_a_wrong_state_and_one_that_is_too_old(way, front, clock):
    leaving = way.sso.begin("/")
    came = front.consent(leaving.url, "ben")

    with pytest.raises(NotSignedIn, match="not begun in this browser"):
        way.back(leaving, {**came, "state": came["state"][:-2] + "xx"})
    clock.advance(timedelta(minutes=10, seconds=1))
    with pytest.raises(NotSignedIn, match="has ended"):
        way.back(leaving, came)


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"iss": "https://other.example"}, "another issuer"),
        ({"iss": None}, "another issuer"),
        ({"aud": "other"}, "another program"),
        ({"aud": ["handrail", "other"]}, "another program"),
        ({"aud": None}, "another program"),
        ({"azp": "other"}, "another program"),
        ({"nonce": "another"}, "another sign-in"),
        ({"nonce": None}, "another sign-in"),
        ({"exp": 1}, "expired"),
        ({"exp": None}, "how long"),
        ({"exp": True}, "no time"),
        ({"iat": 1}, "not made now"),
        ({"iat": 2**34}, "not made now"),
        ({"nbf": 2**34}, "not hold yet"),
        ({"at_hash": "AAAA"}, "access token"),
        ({"sub": ""}, "nobody"),
        ({"sub": 5}, "nobody"),
        ({"auth_time": 2**34}, "later"),
        ({"groups": {"a": 1}}, "list of groups"),
        ({"groups": None, "_claim_names": {"groups": "src1"}}, "too many"),
    ],
)
def test_a_token_that_says_the_wrong_thing_is_refused(way, front, claims, why):
    lie(front, **claims)

    with pytest.raises(NotSignedIn, match=why):
        way.go()
    assert way.desk.types()[-1] == "person:session:refused"


def test_a_minute_of_skew_is_borne_and_no_more(way, front):
    now = int(way.desk.clock.now().timestamp())
    lie(front, exp=now - 50, iat=now - 100)
    way.go()
    lie(front, exp=now - 60)
    with pytest.raises(NotSignedIn, match="expired"):
        way.go()


def _none(claims: dict[str, Any], header: dict[str, Any]) -> str:
    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(orjson.dumps(value)).rstrip(b"=").decode()

    return f"{part({**header, 'alg': 'none'})}.{part(claims)}."


def _shared(claims: dict[str, Any], header: dict[str, Any]) -> str:
    """Signed with the client's secret, which the provider never does here."""
    key = jwk.OctKey.import_key("s3cr/t-that-is-long-enough-for-a-key", {"kid": header["kid"]})
    return jwt.encode({**header, "alg": "HS256"}, claims, key)


def _other(claims: dict[str, Any], header: dict[str, Any]) -> str:
    key = jwk.RSAKey.generate_key(2048, {"kid": header["kid"]}, private=True)
    return jwt.encode(header, claims, key)


@pytest.mark.parametrize("sign", [_none, _shared, _other, lambda c, h: "x.y", lambda c, h: ""])
def test_a_token_that_the_provider_did_not_sign_is_refused(way, front, sign):
    front.sign = sign

    with pytest.raises(NotSignedIn, match=r"not signed by it|no ID token"):
        way.go()


def test_a_shared_key_among_the_published_ones_signs_nothing(way, front):
    key = jwk.OctKey.import_key("a-shared-key-that-everybody-can-read", {"kid": "shared"})
    front.published = [front.key]
    front.answer["/jwks"] = JSONResponse(
        {"keys": [front.key.as_dict(private=False), key.as_dict()]}
    )
    front.sign = lambda claims, header: jwt.encode({"alg": "HS256", "kid": "shared"}, claims, key)
    with pytest.raises(NotSignedIn, match="not signed by it"):
        way.go()


def test_keys_are_kept_and_fetched_again_when_a_new_one_signs(way, front, clock):
    way.go()
    way.go()
    assert len(front.asked("/jwks")) == 1

    clock.advance(timedelta(seconds=61))
    front.rotate("two")
    way.go()
    assert len(front.asked("/jwks")) == 2
    # An unknown key makes nobody fetch more than once a minute.
    front.sign = lambda claims, header: _other(claims, {**header, "kid": "made-up"})
    for _ in range(3):
        with pytest.raises(NotSignedIn):
            way.go()
    assert len(front.asked("/jwks")) == 2


def test_an_answer_that_names_another_provider_is_refused(way, front):
    """RFC 9207: the mix-up of two providers."""
    leaving = way.sso.begin("/")
    with pytest.raises(NotSignedIn, match="another provider"):
        way.back(leaving, front.consent(leaving.url, "ben"), iss="https://other.example")
    front.said = {"authorization_response_iss_parameter_supported": True}
    way.desk.clock.advance(timedelta(hours=2))
    with pytest.raises(NotSignedIn, match="another provider"):
        way.go()


def test_a_refusal_there_is_a_refusal_here(way, front):
    leaving = way.sso.begin("/")
    state = front.consent(leaving.url, "ben")["state"]
    with pytest.raises(NotSignedIn, match="did not sign you in"):
        way.sso.finish(state=state, secret=leaving.secret, error="access_denied")


# --- outages -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "instead"),
    [
        ("/.well-known/openid-configuration", Response(status_code=503)),
        ("/.well-known/openid-configuration", JSONResponse({"issuer": "https://x.example"})),
        ("/.well-known/openid-configuration", Response("<html>", 200)),
        ("/jwks", Response(status_code=500)),
        ("/jwks", JSONResponse({"keys": []})),
        ("/oauth2/token", Response(status_code=502)),
        ("/oauth2/token", Response(b"x" * 600_000)),
    ],
)
def test_a_provider_that_is_down_says_so_and_the_password_goes_on(way, front, path, instead):
    front.answer[path] = instead

    with pytest.raises(Unavailable, match="can't be reached"):
        way.go()
    assert way.desk.identity.sign_in(EMAIL, PASSWORD)


def test_endpoints_elsewhere_without_https_are_not_gone_to(way, front):
    front.said = {"token_endpoint": "http://10.0.0.5/token"}
    with pytest.raises(Unavailable):
        way.sso.begin("/")


def test_an_issuer_that_is_not_https_is_refused_at_start(desk):
    known = Registration(
        issuer="http://sso.example", client_id="x", secret="", redirect="https://h.example/"
    )
    with pytest.raises(BadInput, match="HANDRAIL_OIDC_ISSUER"):
        Provider(known, desk.clock)


def test_passwords_switched_off_sign_nobody_in(desk):
    strict = Identity(desk.store, desk.clock, with_passwords=False)

    with pytest.raises(NotAllowed, match="switched off"):
        strict.sign_in(EMAIL, PASSWORD)
    with pytest.raises(NotAllowed, match="switched off"):
        strict.step_up(desk.known["ada"], PASSWORD)


def test_sign_ins_begun_are_limited(way):
    for _ in range(300):
        way.sso._starts.take("", way.desk.clock.monotonic())
    with pytest.raises(TooMany):
        way.sso.begin("/")


# --- roles with an age, and leavers ------------------------------------------------------------


def view_of(desk: Desk, person: str) -> set[str]:
    """The roles that a unit sees now: what decides."""
    from handrail.store.contract import Rows

    found, _ = desk.store.commit(lambda v: Rows(answer={r.name for r in v.person(person).roles}))
    return found


def test_roles_from_groups_count_as_long_as_the_setting_says(way, desk, clock):
    back = way.go()
    clock.advance(AGE - timedelta(seconds=1))
    assert view_of(desk, back.who.person) == {"on-call-senior"}

    clock.advance(timedelta(seconds=2))
    # To the microsecond where it decides, before anything swept.
    assert view_of(desk, back.who.person) == set()
    with pytest.raises(NotSignedIn):
        desk.identity.who(back.token)

    assert lapse(desk.store, int(clock.now().timestamp() * 1e6)) == 1
    assert way.roles() == set()
    assert desk.types()[-1] == "person:role:ended"
    assert lapse(desk.store, int(clock.now().timestamp() * 1e6)) == 0
    again = way.go()
    assert view_of(desk, again.who.person) == {"on-call-senior"}


def test_a_sign_in_renews_them_and_keeps_since_when_they_are_held(way, desk, clock):
    person = way.go().who.person
    with desk.store.read() as reader:
        since = [r["since"] for r in reader.roles(person)]
    clock.advance(AGE / 2)
    size = len(desk.types())
    way.go()
    clock.advance(AGE * 0.75)

    assert view_of(desk, person) == {"on-call-senior"}
    with desk.store.read() as reader:
        assert [r["since"] for r in reader.roles(person)] == since
    assert desk.types()[size:] == ["person:session:signed-in"]


def test_who_changes_groups_changes_roles_and_hand_given_ones_stay(way, front, desk):
    person = way.go().who.person
    ada = desk.identity.who(desk.known["ada"])
    desk.directory.grant_role(ada, person, "compliance-officer")
    front.person("ben", **{**BEN, "groups": ["Leads"]})

    way.go()

    assert view_of(desk, person) == {
        "compliance-officer",
        "security-lead",
        "operations-leadership",
    }
    # A role that a group gave, given by hand as well, is held whatever groups say later.
    desk.directory.grant_role(ada, person, "security-lead")
    front.person("ben", **{**BEN, "groups": []})
    way.go()
    assert view_of(desk, person) == {"compliance-officer", "security-lead"}


def test_a_leaver_loses_roles_and_every_session_at_the_next_sign_in(way, front, desk):
    first = way.go()
    front.person("ben", **{**BEN, "groups": []})

    with pytest.raises(NotAllowed, match="nothing to do here"):
        way.go()

    assert view_of(desk, first.who.person) == set()
    with pytest.raises(NotSignedIn):
        desk.identity.who(first.token)


def test_a_leaver_who_never_comes_back_is_signed_out_when_roles_lapse(way, desk, clock):
    back = way.go()
    start = desk.identity.device_start()
    desk.identity.device_confirm(back.who, start.user_code)
    terminal = desk.identity.device_poll(start.device_code)
    clock.advance(AGE + timedelta(seconds=1))
    lapse(desk.store, int(clock.now().timestamp() * 1e6))

    with pytest.raises(NotSignedIn):
        desk.identity.who(terminal)


def test_someone_deactivated_here_is_out_whatever_the_provider_says(way, desk):
    person = way.go().who.person
    desk.directory.deactivate(desk.identity.who(desk.known["ada"]), person)

    with pytest.raises(NotAllowed, match="not active"):
        way.go()


def test_a_stranger_is_not_let_in(way, front, desk):
    front.person("eve", email="eve@x.example", email_verified=True, groups=["Others"])

    with pytest.raises(NotAllowed, match="nothing to do here"):
        way.go("eve")
    with desk.store.read() as reader:
        assert [p["email"] for p in reader.people()] == [EMAIL]


def test_an_address_that_nobody_verified_makes_and_finds_nobody(way, front, desk):
    front.person("eve", email=EMAIL, groups=["Leads"])
    with pytest.raises(NotAllowed, match="made sure"):
        way.go("eve")
    front.person("eve", email=EMAIL, email_verified="true", groups=["Leads"])
    with pytest.raises(NotAllowed, match="made sure"):
        way.go("eve")
    trusting = Way(desk, front, trust_email=True)
    assert trusting.go("eve").who.name == "Ada Ek"


def test_one_address_is_never_two_subjects(way, front):
    """A second account there with the same address is no second person here (sock puppet)."""
    way.go()
    front.person("ben2", **BEN)

    with pytest.raises(NotAllowed, match="somebody else"):
        way.go("ben2")


# --- step-up -----------------------------------------------------------------------------------


def test_stepping_up_asks_for_a_new_sign_in_and_ends_the_old_token(way, front, desk, clock):
    first = way.go()
    clock.advance(timedelta(minutes=20))
    back = way.go(session=first.token, kept={"note": "fine"})

    ask = front.asked("/oauth2/authorize")[-1]
    assert (ask["prompt"], ask["max_age"]) == ("login", "0")
    assert (back.stepped_up, back.kept, back.to) == (True, {"note": "fine"}, "/feed")
    assert back.who.signed_in_at > first.who.signed_in_at + timedelta(minutes=19)
    with pytest.raises(NotSignedIn):
        desk.identity.who(first.token)
    assert desk.types()[-1] == "person:session:stepped-up"


def test_an_old_sign_in_there_is_no_step_up(way, front, clock):
    first = way.go()
    clock.advance(timedelta(minutes=20))
    now = int(clock.now().timestamp())
    for claims, why in (
        ({"auth_time": now - 120}, "anew"),
        ({"auth_time": None}, "does not say when"),
    ):
        lie(front, **claims)
        with pytest.raises(NotSignedIn, match=why):
            way.go(session=first.token)
    assert way.desk.identity.who(first.token)  # it stands as it was


def test_an_old_sign_in_there_is_an_old_one_here(way, front, clock):
    now = int(clock.now().timestamp())
    lie(front, auth_time=now - 7200)

    assert way.go().who.signed_in_at.timestamp() == pytest.approx(now - 7200)
    # One that does not say when is never a fresh one: tier 3 asks again.
    lie(front, auth_time=None)
    assert way.go().who.signed_in_at.year == 1970


def test_nobody_steps_up_as_somebody_else_or_in_another_session(way, front):
    first = way.go()
    front.person("cleo", email="cleo@x.example", email_verified=True, groups=["Leads"])
    other = way.go("cleo")

    leaving = way.sso.begin("/", session=first.token)
    with pytest.raises(NotSignedIn, match="somebody else"):
        way.back(leaving, front.consent(leaving.url, "cleo"), first.token)
    leaving = way.sso.begin("/", session=first.token)
    with pytest.raises(NotSignedIn, match="changed meanwhile"):
        way.back(leaving, front.consent(leaving.url, "ben"), other.token)


# --- the file of groups ------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["- a", "a: [1]", "a: Not A Role", "1: lead", "a: {b: c}", "a: :"])
def test_a_file_of_groups_that_says_something_else_is_refused(text):
    with pytest.raises(BadInput):
        groups.load(text)


def test_an_empty_file_of_groups_gives_nothing():
    assert groups.load("").of(["Leads"]) == frozenset()
    assert GROUPS.of(["Leads", "x"]) == {("security-lead", ""), ("operations-leadership", "")}
