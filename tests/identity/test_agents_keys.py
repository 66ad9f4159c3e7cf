"""Agents' keys: scope, expiry, rotation with overlap, revocation, sponsor, suspension."""

import hashlib
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from handrail.errors import BadInput, NotAllowed, NotFound, NotSignedIn
from handrail.identity.identity import Identity

DAY = timedelta(hours=24)


def prefixes(desk, agent):
    with desk.store.read() as reader:
        return [k["prefix"] for k in reader.keys(agent)]


def good(desk, key):
    try:
        return bool(desk.identity.agent_of(key))
    except NotSignedIn:
        return False


def test_a_key_ends_when_it_says_and_never_begins_ended(desk, ada):
    agent = desk.agent(ada)
    with pytest.raises(BadInput, match="has passed"):
        desk.directory.issue_key(ada, agent, expires_at=desk.clock.now())
    key = desk.directory.issue_key(ada, agent, expires_at=desk.clock.now() + DAY)["key"]
    desk.clock.advance(DAY - timedelta(seconds=1))
    assert good(desk, key)
    desk.clock.advance(timedelta(seconds=1))
    assert not good(desk, key)


def test_an_agent_ends_when_its_registration_does(desk, ada):
    with pytest.raises(BadInput, match="has passed"):
        desk.agent(ada, "old", expires_at=desk.clock.now() - DAY)
    agent = desk.agent(ada, expires_at=desk.clock.now() + DAY)
    key = desk.directory.issue_key(ada, agent)["key"]
    assert good(desk, key)
    desk.clock.advance(DAY)
    assert not good(desk, key)


def test_rotation_overlaps_and_then_the_old_key_ends(desk, ada):
    agent = desk.agent(ada)
    old = desk.directory.issue_key(ada, agent)
    new = desk.directory.rotate_key(ada, agent, old["prefix"], overlap=timedelta(hours=2))

    assert good(desk, old["key"])
    assert good(desk, new["key"])
    desk.clock.advance(timedelta(hours=2, seconds=1))
    assert not good(desk, old["key"])
    assert good(desk, new["key"])
    assert desk.entries()[-1]["facts"]["instead_of"] == old["prefix"]
    assert new["key"].encode() not in desk.everything()
    with pytest.raises(NotFound, match="not good any more"):
        desk.directory.rotate_key(ada, agent, old["prefix"])


def test_rotation_never_lengthens_a_key_and_the_new_one_lives_as_long(desk, ada):
    agent = desk.agent(ada)
    old = desk.directory.issue_key(ada, agent, expires_at=desk.clock.now() + 10 * DAY)
    desk.clock.advance(10 * DAY - timedelta(hours=1))
    new = desk.directory.rotate_key(ada, agent, old["prefix"], overlap=DAY)

    desk.clock.advance(timedelta(hours=1, seconds=1))
    assert not good(desk, old["key"])
    desk.clock.advance(8 * DAY)
    assert good(desk, new["key"])
    desk.clock.advance(2 * DAY)
    assert not good(desk, new["key"])


@pytest.mark.parametrize("hours", [-1, 721])
def test_an_overlap_is_bounded(desk, ada, hours):
    agent = desk.agent(ada)
    old = desk.directory.issue_key(ada, agent)
    with pytest.raises(BadInput, match="overlap"):
        desk.directory.rotate_key(ada, agent, old["prefix"], overlap=timedelta(hours=hours))


def test_revoking_is_at_once_for_that_key_alone_and_again_changes_nothing(desk, ada):
    agent = desk.agent(ada)
    one, two = (desk.directory.issue_key(ada, agent) for _ in range(2))
    desk.directory.revoke_key(ada, agent, one["prefix"])
    size = len(desk.entries())
    desk.clock.advance(DAY)
    desk.directory.revoke_key(ada, agent, one["prefix"])

    assert not good(desk, one["key"])
    assert good(desk, two["key"])
    assert len(desk.entries()) == size
    with pytest.raises(NotFound):
        desk.directory.rotate_key(ada, agent, one["prefix"])
    with pytest.raises(NotFound):
        desk.directory.revoke_key(ada, agent, "hr_nothing")


def test_scope_and_sponsor_are_changed_by_keepers_and_recorded(desk, ada):
    ben = desk.joined(ada, "ben")
    desk.directory.set_client(ada, "harbor", "Harbor")
    agent = desk.agent(ada)
    key = desk.directory.issue_key(ada, agent)["key"]

    desk.directory.set_scope(ada, agent, [], ["harbor"])
    assert desk.identity.agent_of(key).clients == {"harbor"}
    assert desk.entries()[-1]["facts"]["what"] == "scope"
    desk.directory.set_sponsor(ada, agent, ben.person)
    assert desk.identity.agent_of(key).sponsor == ben.person

    with pytest.raises(NotFound, match="no client"):
        desk.directory.set_scope(ada, agent, [], ["nowhere"])
    with pytest.raises(NotFound, match="no connection"):
        desk.directory.set_scope(ada, agent, ["nothing"], [])
    for change in (
        lambda: desk.directory.set_scope(ben, agent, [], []),
        lambda: desk.directory.set_sponsor(ben, agent, ben.person),
        lambda: desk.directory.rotate_key(ben, agent, prefixes(desk, agent)[0]),
    ):
        with pytest.raises(NotAllowed):
            change()
    desk.directory.deactivate(ada, ben.person)
    with pytest.raises(NotFound, match="no person"):
        desk.directory.set_sponsor(ada, agent, ben.person)


def test_a_suspended_agents_new_keys_are_refused_too(desk, ada):
    agent = desk.agent(ada)
    old = desk.directory.issue_key(ada, agent)
    desk.directory.suspend(ada, agent, True)
    new = desk.directory.rotate_key(ada, agent, old["prefix"])
    assert not good(desk, old["key"])
    assert not good(desk, new["key"])
    desk.directory.suspend(ada, agent, False)
    assert good(desk, new["key"])


class Watched:
    """A store that notes what each look-up is by."""

    def __init__(self, store: Any) -> None:
        self._store, self.by = store, []

    @contextmanager
    def read(self):
        with self._store.read() as reader:
            yield Noting(reader, self.by)


class Noting:
    def __init__(self, reader: Any, by: list[Any]) -> None:
        self._reader, self._by = reader, by

    def __getattr__(self, name: str) -> Any:
        def noted(*given: Any) -> Any:
            self._by.append((name, *given))
            return getattr(self._reader, name)(*given)

        return noted


def test_a_key_or_token_is_looked_up_by_its_hash_alone(desk, ada):
    """Timing of key look-up: what is compared is a hash that the sender can't steer, so however
    much of a key was guessed right, each wrong one is the same single look-up."""
    key = desk.directory.issue_key(ada, desk.agent(ada))["key"]
    token = desk.known["ada"]
    for secret, ask, table in ((key, "agent_of", "agent_key"), (token, "who", "session")):
        for wrong in (secret[:-1] + "~", secret[:12] + "x" * 30, secret + "x", "hr_", ""):
            watched = Watched(desk.store)
            with pytest.raises(NotSignedIn):
                getattr(Identity(watched, desk.clock), ask)(wrong)
            assert watched.by == [("row", table, hashlib.sha256(wrong.encode()).digest())]
