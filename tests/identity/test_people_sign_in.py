"""Signing in, stepping up, leaving: brute force, fixation, expiry, leavers."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from handrail.errors import BadInput, Closed, NotFound, NotSignedIn, TooMany
from handrail.identity import identity, passwords
from handrail.identity.identity import CLI_SESSION, CONSOLE_SESSION, FIRST_ROLES
from handrail.identity.limits import _KEPT, Limit

PASSWORD = "correct horse battery staple"
EMAIL = "ada@x.example"
#: More than the record may be ahead of the clock: each commit is later than the one before.
MOMENT = timedelta(milliseconds=1)
WRONG = "no no no no no"


def refused(desk, *, email=EMAIL, password=WRONG, address="a"):
    try:
        desk.identity.sign_in(email, password, address=address)
    except (NotSignedIn, TooMany) as error:
        return type(error)
    return None


# --- set-up ------------------------------------------------------------------------------------


def test_the_first_link_makes_the_first_person_who_can_start_alone(desk):
    link = desk.identity.set_up_link()
    token, who = desk.identity.set_up(link, " Ada  Ek ", "Ada@X.example", PASSWORD)

    assert (who.name, who.via) == ("Ada Ek", "console")
    assert desk.identity.who(token) == who
    with desk.store.read() as reader:
        person = reader.people()[0]
    assert person["email"] == EMAIL
    assert all(role in person["roles"] for role in FIRST_ROLES)
    assert desk.types()[-2:] == ["person:organisation:set-up", "person:session:signed-in"]
    assert desk.identity.set_up_link() is None


def test_a_link_works_once(desk):
    link = desk.identity.set_up_link()
    desk.identity.set_up(link, "Ada", EMAIL, PASSWORD)

    with pytest.raises(NotFound):
        desk.identity.set_up(link, "Eve", "eve@x.example", PASSWORD)
    with pytest.raises(NotFound):
        desk.identity.link(link)


def test_a_second_start_gives_a_second_link_of_which_one_counts(desk):
    first, second = desk.identity.set_up_link(), desk.identity.set_up_link()
    desk.identity.set_up(second, "Ada", EMAIL, PASSWORD)

    with pytest.raises(Closed, match="set this up already"):
        desk.identity.set_up(first, "Eve", "eve@x.example", PASSWORD)


def test_many_who_use_one_link_at_once_make_one_person(desk):
    link = desk.identity.set_up_link()

    def use(n):
        try:
            desk.identity.set_up(link, f"P{n}", f"p{n}@x.example", PASSWORD)
        except (Closed, NotFound):
            return 0
        return 1

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(use, range(4))) == 1


@pytest.mark.parametrize(
    ("name", "email", "password"),
    [
        ("", EMAIL, PASSWORD),
        ("A" * 121, EMAIL, PASSWORD),
        ("Ada", "no address", PASSWORD),
        ("Ada", EMAIL, "short"),
        ("Ada", EMAIL, "x" * 513),
    ],
)
def test_what_is_refused_uses_no_link_up(desk, name, email, password):
    link = desk.identity.set_up_link()

    with pytest.raises(BadInput):
        desk.identity.set_up(link, name, email, password)
    assert desk.identity.link(link)["person"] is None


def test_a_link_ends_after_a_day(desk):
    link = desk.identity.set_up_link()
    desk.clock.advance(timedelta(hours=24) - MOMENT)
    desk.identity.link(link)
    desk.clock.advance(2 * MOMENT)

    with pytest.raises(NotFound, match="ended"):
        desk.identity.set_up(link, "Ada", EMAIL, PASSWORD)


def test_an_invited_person_sets_a_password_and_an_older_link_is_no_second_way_in(desk, ada):
    _, link = desk.join(ada, "ben")
    again = desk.identity.invite("ben@x.example").rpartition("/")[2]

    _, ben = desk.identity.set_up(again, "ignored", "ignored", PASSWORD)

    assert ben.name == "Ben"
    with pytest.raises(Closed, match="password already"):
        desk.identity.set_up(link, "", "", "another password of mine")
    assert desk.identity.sign_in("ben@x.example", PASSWORD)[1].person == ben.person
    assert desk.identity.invite("ben@x.example") is None
    assert desk.identity.invite("nobody@x.example") is None


# --- signing in --------------------------------------------------------------------------------


def test_signing_in_makes_a_token_of_256_bits_that_nobody_had_before(desk, ada):
    one, first = desk.identity.sign_in(" ADA@x.example ", PASSWORD)
    other, second = desk.identity.sign_in(EMAIL, PASSWORD)

    assert first.person == second.person == ada.person
    assert len({one, other, desk.known["ada"]}) == 3
    assert min(len(one), len(other)) >= 43  # base64 of 32 bytes
    assert first.csrf != second.csrf
    for token in (one, other, desk.known["ada"]):
        assert desk.identity.who(token).person == ada.person


def test_every_refusal_says_the_same(desk, ada):
    ben, _ = desk.join(ada, "ben")
    cleo = desk.joined(ada, "cleo")
    desk.directory.deactivate(ada, cleo.person)

    said = set()
    for email, password in (
        (EMAIL, "no no no no no"),
        ("nobody@x.example", PASSWORD),
        ("ben@x.example", PASSWORD),
        ("cleo@x.example", PASSWORD),
        (EMAIL, PASSWORD + "x" * 600),
        ("", ""),
    ):
        with pytest.raises(NotSignedIn) as error:
            desk.identity.sign_in(email, password, address=email)
        said.add((error.value.message, error.value.hint))

    assert len(said) == 1
    assert desk.types()[-6:] == ["person:session:refused"] * 6
    assert ben.startswith("per_")


def test_five_wrong_guesses_from_one_place_shut_that_place_out_for_a_while(desk, ada):
    assert [refused(desk) for _ in range(5)] == [NotSignedIn] * 5
    with pytest.raises(TooMany) as full:
        desk.identity.sign_in(EMAIL, PASSWORD, address="a")
    assert 0 < full.value.retry_after <= 901

    # The person themselves, from elsewhere, is not shut out by it.
    assert desk.identity.sign_in(EMAIL, PASSWORD, address="b")[1].person == ada.person
    desk.clock.advance(timedelta(minutes=15))
    assert desk.identity.sign_in(EMAIL, PASSWORD, address="a")[1].person == ada.person


def test_guesses_without_an_address_are_limited_too(desk, ada):
    assert [refused(desk, address="") for _ in range(6)] == [NotSignedIn] * 5 + [TooMany]


def test_success_is_no_guess(desk, ada):
    for _ in range(7):
        desk.identity.sign_in(EMAIL, PASSWORD, address="a")


def test_many_guesses_at_once_are_no_more_than_in_turn(desk, ada):
    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda _: refused(desk), range(12)))

    assert found.count(NotSignedIn) == 5
    assert found.count(TooMany) == 7


def test_a_clock_set_back_does_not_shorten_the_wait():
    limit = Limit(1, timedelta(seconds=10))
    limit.take("a", 100.0)

    with pytest.raises(TooMany) as full:
        limit.take("a", 109.5)
    assert full.value.retry_after == 1
    limit.take("a", 110.0)


def test_a_limit_counts_each_key_and_forgets_the_oldest_of_too_many():
    limit = Limit(2, timedelta(seconds=10))
    limit.take("a", 0.0)
    limit.take("b", 1.0)
    limit.take("a", 1.0)
    with pytest.raises(TooMany):
        limit.take("a", 2.0)
    limit.give_back("a")
    limit.take("a", 3.0)
    limit.give_back("never")

    for n in range(_KEPT):
        limit.take(f"k{n}", 4.0)
    limit.take("a", 4.0)  # pushed out by ten thousand others
    limit.take("x" * 400 + "1", 5.0)
    limit.take("x" * 400 + "2", 5.0)
    with pytest.raises(TooMany):
        limit.take("x" * 400 + "3", 5.0)  # a key is told by its beginning


# --- sessions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("via", "life"), [("console", CONSOLE_SESSION), ("cli", CLI_SESSION)])
def test_a_session_ends(desk, ada, via, life):
    token, who = desk.identity.sign_in(EMAIL, PASSWORD, via=via)
    desk.clock.advance(life - MOMENT)
    assert desk.identity.who(token).via == via == who.via
    desk.clock.advance(2 * MOMENT)

    with pytest.raises(NotSignedIn, match="ended"):
        desk.identity.who(token)


@pytest.mark.parametrize("forged", ["", "x", "../../etc", "\x00", "é" * 50, "a" * 100_000])
def test_a_forged_token_is_nobody(desk, ada, forged):
    for token in (
        forged,
        desk.known["ada"][:-1],
        desk.known["ada"] + "A",
        desk.known["ada"].swapcase(),
    ):
        with pytest.raises(NotSignedIn):
            desk.identity.who(token)


def test_a_session_cannot_be_fixed_in_advance(desk, ada):
    """Whatever token stood before a sign-in, it is never the one that stands for the person."""
    planted = "planted-by-an-attacker"

    token, _ = desk.identity.sign_in(EMAIL, PASSWORD)
    stepped, _ = desk.identity.step_up(token, PASSWORD)

    assert planted not in {token, stepped}
    for old in (planted, token):
        with pytest.raises(NotSignedIn):
            desk.identity.who(old)
    assert desk.identity.who(stepped).person == ada.person


def test_stepping_up_renews_the_sign_in_and_ends_the_old_token(desk, ada):
    old = desk.known["ada"]
    desk.clock.advance(timedelta(hours=1))

    token, who = desk.identity.step_up(old, PASSWORD)

    assert who.signed_in_at - ada.signed_in_at > timedelta(hours=1) - MOMENT
    assert who.csrf != ada.csrf
    assert desk.identity.who(token) == who
    assert desk.types()[-1] == "person:session:stepped-up"
    with pytest.raises(NotSignedIn):
        desk.identity.step_up(old, PASSWORD)


def test_a_wrong_password_steps_nobody_up_and_five_are_enough(desk, ada):
    token = desk.known["ada"]
    for _ in range(5):
        with pytest.raises(NotSignedIn, match="not your password"):
            desk.identity.step_up(token, "no no no no no")
    with pytest.raises(TooMany):
        desk.identity.step_up(token, PASSWORD)

    assert desk.identity.who(token) == ada
    assert desk.types()[-5:] == ["person:session:refused"] * 5
    desk.clock.advance(timedelta(minutes=15))
    for _ in range(6):
        token, _ = desk.identity.step_up(token, PASSWORD)


def test_a_session_that_ends_meanwhile_is_not_stepped_up(desk, ada, monkeypatch):
    """Signed out while the password was looked at: the sign-out wins."""
    verify = passwords.verify

    def slowly(*given):
        desk.identity.sign_out(desk.known["ada"])
        return verify(*given)

    monkeypatch.setattr(identity.passwords, "verify", slowly)  # a moment, not a fake
    with pytest.raises(NotSignedIn, match="ended"):
        desk.identity.step_up(desk.known["ada"], PASSWORD)


def test_signing_out_ends_this_session_and_no_other(desk, ada):
    other, _ = desk.identity.sign_in(EMAIL, PASSWORD)

    desk.identity.sign_out(other)
    before = len(desk.entries())
    desk.identity.sign_out(other)
    desk.identity.sign_out("unknown")

    assert len(desk.entries()) == before
    with pytest.raises(NotSignedIn):
        desk.identity.who(other)
    assert desk.identity.who(desk.known["ada"]) == ada


# --- leavers -----------------------------------------------------------------------------------


def test_a_leaver_is_out_at_once_and_everywhere(desk, ada):
    ben = desk.joined(ada, "ben")
    second, _ = desk.identity.sign_in("ben@x.example", PASSWORD, via="cli")
    start = desk.identity.device_start()
    desk.identity.device_confirm(ben, start.user_code)
    before = len(desk.entries())

    desk.directory.deactivate(ada, ben.person)

    assert len(desk.entries()) == before + 1  # one commit, one entry
    with desk.store.read() as reader:
        assert list(reader.sessions(ben.person)) == []
    for token in (second, desk.known["ben"]):
        with pytest.raises(NotSignedIn):
            desk.identity.who(token)
        with pytest.raises(NotSignedIn):
            desk.identity.step_up(token, PASSWORD)
    with pytest.raises(NotSignedIn):
        desk.identity.sign_in("ben@x.example", PASSWORD)
    with pytest.raises(NotSignedIn):
        desk.identity.device_poll(start.device_code)


def test_a_leavers_invitation_is_worth_nothing(desk, ada):
    ben, link = desk.join(ada, "ben")
    desk.directory.deactivate(ada, ben)

    with pytest.raises(NotSignedIn):
        desk.identity.set_up(link, "", "", PASSWORD)


def test_someone_who_leaves_while_signing_in_gets_no_session(desk, ada, monkeypatch):
    ben = desk.joined(ada, "ben")
    verify = passwords.verify

    def slowly(*given):
        found = verify(*given)
        desk.directory.deactivate(ada, ben.person)
        return found

    monkeypatch.setattr(identity.passwords, "verify", slowly)  # a moment, not a fake
    with pytest.raises(NotSignedIn, match="not active"):
        desk.identity.sign_in("ben@x.example", PASSWORD)


# --- what is kept ------------------------------------------------------------------------------


def test_nothing_secret_is_stored_and_no_address_stands_in_a_leaf(desk, ada):
    ben = desk.joined(ada, "ben")
    key = desk.directory.issue_key(ada, desk.agent(ada))["key"]
    start = desk.identity.device_start()
    desk.identity.device_confirm(ben, start.user_code)
    terminal = desk.identity.device_poll(start.device_code)
    token, _ = desk.identity.step_up(desk.known["ben"], PASSWORD)
    refused(desk)
    refused(desk, email="someone@else.example")

    stored = desk.everything()
    for secret in (PASSWORD, key, key.split("_", 2)[2], terminal, token, start.device_code):
        assert secret.encode() not in stored
    leaves = b"\n".join(repr(e).encode() for e in desk.entries())
    for word in (b"x.example", b"else.example", b"Ada", b"Ben", start.user_code.encode()):
        assert word not in leaves


# --- passwords ---------------------------------------------------------------------------------


def test_a_password_is_salted_and_the_same_however_it_is_typed():
    composed, decomposed = "ein café zum Frühstück", "ein café zum Frühstück"
    one, other = passwords.hash_password(composed), passwords.hash_password(composed)

    assert one != other
    assert one.startswith("$argon2id$")
    assert passwords.verify(decomposed, one)
    assert not passwords.verify("ein cafe zum Fruhstuck", one)
    assert not passwords.verify("", None)


def test_a_password_is_never_cut_short():
    longest = "x" * passwords.LONGEST
    stored = passwords.hash_password(longest)

    assert passwords.verify(longest, stored)
    assert not passwords.verify(longest + "y", stored)
    with pytest.raises(BadInput):
        passwords.hash_password("x" * (passwords.SHORTEST - 1))
    assert not passwords.verify("\ud800 half a character", stored)
