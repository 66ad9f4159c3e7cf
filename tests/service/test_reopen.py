"""Going on after a restore, and another key: what people decide about the record itself."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from handrail import config
from handrail.bench.house import policy, request
from handrail.clock import FakeClock
from handrail.connectors.callables import Callables
from handrail.core.model import SignedIn
from handrail.errors import BadInput, Conflict, NotAllowed, Unavailable
from handrail.ledger import checkpoint, entry, excerpt, merkle
from handrail.ledger.checkpoint import Checkpoint, SignerKey, base_of, successor
from handrail.ledger.errors import VerificationError
from handrail.ledger.publish import export
from handrail.ledger.verify import verify
from handrail.wiring import House, build

WHY = "the disk died, and this is the newest backup"


class Site:
    """An installation with two people of authority, one without, an agent, and a backup."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.n = 0
        with self.started() as house:
            directory = house.services.directory
            people = {
                name: directory.add_person(None, name, f"{name}@x.example", [(role, None)])["id"]
                for name, role in (
                    ("anna", "service-desk-manager"),
                    ("ben", "service-desk-manager"),
                    ("eve", "account-engineer"),
                )
            }
            self.people = people
            directory.set_client(None, "acme", "Acme")
            house.services.policies.publish(None, policy())
            house.services.catalogue.connect(
                self.who("anna"), "bench", "callable", target="bench", client_map={"acme": "acme"}
            )
            added = directory.add_agent(
                self.who("anna"), "bench", purpose="x", version="1", connections=["bench"]
            )
            self.key = str(directory.issue_key(self.who("anna"), added["id"])["key"])

    def who(self, name: str) -> SignedIn:
        return SignedIn(
            person=self.people[name], name=name, signed_in_at=self.clock.now(), via="console"
        )

    @contextmanager
    def started(self) -> Iterator[House]:
        callables = Callables()
        callables.register("bench", "restart", lambda client, device, service: {"ok": True})
        settings = config.load({}, data=self.folder)
        house = build(settings, clock=self.clock, callables=callables)
        house.start()
        try:
            yield house
        finally:
            house.close()

    def act(self, house: House, count: int = 1) -> None:
        for _ in range(count):
            self.n += 1
            agent = house.identity.agent_of(self.key)
            found = house.services.govern.act(agent, request(self.n))
            assert found.state.value == "done"

    def put_back(self, act: int = 5) -> None:
        """Actions after a backup of the database; then that backup in its place."""
        kept = self.folder.with_name("backup")
        shutil.copytree(self.folder, kept)
        with self.started() as house:
            self.act(house, act)
        for file in self.folder.glob("handrail.db*"):
            file.unlink()
        for file in kept.glob("handrail.db*"):
            shutil.copy(file, self.folder / file.name)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    found = Site(tmp_path / "site")
    with found.started() as house:
        found.act(house, 3)
    return found


def test_I11_nothing_begins_on_a_record_that_was_put_back(site: Site) -> None:
    site.put_back()
    with site.started() as house:
        with pytest.raises(Unavailable, match="the record is held"):
            site.act(house)
        status = house.services.record.status()
        assert status["missing"] == 10
        assert "were seen before" in status["held"]


def test_I27_two_people_go_on_and_the_record_says_what_is_missing(
    site: Site, tmp_path: Path
) -> None:
    site.put_back(act=4)
    with site.started() as house:
        reopen, record = house.services.reopen, house.services.record
        former = record.key
        assert reopen.reopen(site.who("anna"), WHY)["state"] == "proposed"
        with pytest.raises(NotAllowed, match="already"):
            reopen.reopen(site.who("anna"), WHY)
        with pytest.raises(NotAllowed, match="authority"):
            reopen.reopen(site.who("eve"), WHY)
        with pytest.raises(Unavailable):
            site.act(house)

        done = reopen.reopen(site.who("ben"), WHY)

        assert (done["state"], done["missing"]) == ("reopened", 8)
        assert done["origin"] == "handrail.example/log/reopened-1"
        site.act(house, 2)
        house.services.record.sign()
        assert record.status()["trouble"] == record.held == ""
        key = record.key
        made = record.excerpt(tmp_path / "acme", "acme")

    report = verify(site.folder / "ledger", key)
    assert report.origin == done["origin"]
    assert report.reopened == ("8 signed entries of handrail.example/log",)
    assert excerpt.verify(tmp_path / "acme", made["key"]).client == "acme"
    with pytest.raises(VerificationError):
        verify(site.folder / "ledger", former)
    # What was published before the restore is kept, with the entries that are missing here.
    lost = verify(Path(done["kept"]), former)
    assert lost.entries > 0
    with site.started() as house:  # and a restart goes on under the new name
        assert house.services.record.held == ""
        site.act(house)
    assert verify(site.folder / "ledger", key).entries > report.entries


def test_a_second_restore_is_reopened_again(site: Site) -> None:
    for n in (1, 2):
        site.put_back(act=n)
        shutil.rmtree(site.folder.with_name("backup"))
        with site.started() as house:
            house.services.reopen.reopen(site.who("anna"), WHY)
            done = house.services.reopen.reopen(site.who("ben"), WHY)
            site.act(house)
            key = house.services.record.key
        assert done["origin"].endswith(f"/reopened-{n}")
    assert len(verify(site.folder / "ledger", key).reopened) == 2


def test_an_acceptance_is_of_one_gap_and_for_a_day(site: Site) -> None:
    site.put_back()
    with site.started() as house:
        house.services.reopen.reopen(site.who("anna"), WHY)
        site.clock.advance(timedelta(hours=25))
        assert house.services.reopen.reopen(site.who("ben"), WHY)["state"] == "proposed"
        assert house.services.reopen.reopen(site.who("anna"), WHY)["state"] == "reopened"


def test_a_record_that_is_whole_is_not_reopened(site: Site) -> None:
    with site.started() as house:
        with pytest.raises(Conflict, match="nothing was put back"):
            house.services.reopen.reopen(site.who("anna"), WHY)
        with pytest.raises(BadInput):
            house.services.reopen.reopen(site.who("anna"), "  ")


@pytest.mark.parametrize("gap", ["prepared", "moved"])
def test_dying_while_reopening_loses_nothing(site: Site, gap: str) -> None:
    """Between the new key and the commit, and between the commit and the new files."""
    site.put_back()
    with site.started() as house:
        record, reopen = house.services.record, house.services.reopen
        reopen.reopen(site.who("anna"), WHY)
        if gap == "prepared":
            house.store.close()  # the commit fails
        else:
            record._take = lambda signer: (_ for _ in ()).throw(OSError("killed"))  # type: ignore[assignment]
        with pytest.raises((Unavailable, OSError)):
            reopen.reopen(site.who("ben"), WHY)
    with site.started() as house:
        if gap == "prepared":
            house.services.reopen.reopen(site.who("ben"), WHY)
        assert house.services.record.held == ""
        site.act(house)
        key = house.services.record.key
    assert verify(site.folder / "ledger", key).origin.endswith("/reopened-1")


def test_a_new_key_signs_and_the_former_one_beside_it(site: Site) -> None:
    with site.started() as house:
        record = house.services.record
        old = record.key
        with pytest.raises(NotAllowed):
            house.services.reopen.rotate(site.who("eve"), "spring")
        done = house.services.reopen.rotate(site.who("anna"), "spring")
        new = record.key
        assert (done["old"], done["new"]) == (old, new) != (new, old)
        site.act(house)
    for key in (old, new):
        assert verify(site.folder / "ledger", key).entries
    with site.started() as house:  # after a restart, too
        site.act(house)
        house.services.reopen.rotate(site.who("ben"), "stolen", stolen=True)
        site.act(house)
        newest = house.services.record.key
        told = [e["type"] for e in house.services.read.told()]
    assert told.count("person:ledger:key-rotated") == 2
    assert verify(site.folder / "ledger", newest).entries
    for key in (old, new):
        with pytest.raises(VerificationError, match="not signed by"):
            verify(site.folder / "ledger", key)


def test_a_rotation_that_died_before_the_key_took_over_is_finished(site: Site) -> None:
    with site.started() as house:
        staged = house.services.record.staged()
        assert house.services.record.staged() == staged != house.services.record.key
    with site.started() as house:
        assert house.services.reopen.rotate(site.who("anna"), "again")["new"] == staged
        assert house.services.record.key == staged


def test_names_of_reopened_logs() -> None:
    assert successor("x.example/log") == "x.example/log/reopened-1"
    assert successor("x.example/log/reopened-1") == "x.example/log/reopened-2"
    assert base_of("x.example/log/reopened-12") == base_of("x.example/log") == "x.example/log"


def test_a_name_changes_only_where_people_said_so(site: Site) -> None:
    """The control: entries under another name without the entry that opens it are refused."""
    site.put_back()
    with site.started() as house:
        house.services.reopen.reopen(site.who("anna"), WHY)
        house.services.reopen.reopen(site.who("ben"), WHY)
        bodies: list[bytes] = list(house.services.record.entries())
        signer = SignerKey.parse((site.folder / "signer/reopened-1/key").read_text())
    n = next(i for i, b in enumerate(bodies) if b'"type":"person:ledger:reopened"' in b)
    fields: dict[str, Any] = orjson.loads(bodies[n])
    for change in ({"type": "person:ledger:exported"}, {"facts": {"former": "y.example/log"}}):
        changed = [*bodies[:n], entry.encode(fields | change)]
        out = site.folder.with_name(f"out-{len(str(change))}")
        frontier: merkle.Frontier = ()
        for i, body in enumerate(changed):
            frontier = merkle.extend(frontier, i, merkle.hash_leaf(body))
        head = Checkpoint(signer.name, len(changed), merkle.root(frontier))
        export(changed, checkpoint.sign(head, signer), out)
        with pytest.raises(VerificationError, match="of the log"):
            verify(out, str(signer.verifier))
    assert checkpoint.base_of(fields["origin"]) == "handrail.example/log"
