"""Every attack on the record that `core.attacks` names, carried out on a real installation: its
detector fires, and the same steps without the attack pass (LEDGER, "Attacks")."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from handrail.bench.house import open_house, request
from handrail.clock import FakeClock, SystemClock
from handrail.config import Settings
from handrail.core.attacks import ATTACKS
from handrail.errors import Unreadable
from handrail.ledger import checkpoint, entry, excerpt, merkle, proof
from handrail.ledger.checkpoint import Checkpoint, SignerKey
from handrail.ledger.cosign import WitnessKey
from handrail.ledger.errors import Fork, LedgerError, VerificationError
from handrail.ledger.mirror import take
from handrail.ledger.proof import consistency
from handrail.ledger.publish import export
from handrail.ledger.tiles import ENTRIES, Folder, bundle, tile_path
from handrail.ledger.verify import Report, verify
from handrail.ledger.witness import Witness
from handrail.privacy.seal import open_sealer
from handrail.service.agreement import compare
from handrail.store.contract import Event, Rows
from handrail.store.database import open_store
from handrail.wiring import House, build

COUNT = 40  # actions before an attack


class Place:
    """An installation on disk, stopped: what an attacker finds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = folder / "ledger"
        self.database = folder / "bench.db"
        self.signer = SignerKey.parse((folder / "signer" / "key").read_text())
        self.key = str(self.signer.verifier)

    def copy(self, to: Path) -> "Place":
        shutil.copytree(self.folder, to)
        return Place(to)

    def verify(self, **memory: Any) -> Report:
        return verify(self.files, self.key, **memory)

    def bodies(self) -> list[bytes]:
        head = checkpoint.parse((self.files / "checkpoint").read_bytes())
        found: list[bytes] = []
        while len(found) < head.size:
            found += Folder(self.files).entries(len(found) // 256, min(256, head.size - len(found)))
        return found

    def sign(self, bodies: list[bytes], key: SignerKey) -> bytes:
        """A checkpoint over *bodies*, as whoever holds *key* makes it."""
        frontier: merkle.Frontier = ()
        for n, body in enumerate(bodies):
            frontier = merkle.extend(frontier, n, merkle.hash_leaf(body))
        return checkpoint.sign(Checkpoint(key.name, len(bodies), merkle.root(frontier)), key)

    def publish(self, bodies: list[bytes], note: bytes | None = None) -> None:
        """Write *bodies* with every hash repaired; under the log's own signature where no other
        *note* is given, which then speaks of something else."""
        kept = note or (self.files / "checkpoint").read_bytes()
        shutil.rmtree(self.files)
        export(bodies, self.sign(bodies, SignerKey.generate("x.example/x")), self.files)
        (self.files / "checkpoint").write_bytes(kept)

    def resign(self, bodies: list[bytes]) -> None:
        """The same by the thief of the signing key."""
        self.publish(bodies, self.sign(bodies, self.signer))

    def bundle(self, bodies: list[bytes]) -> None:
        """Write the first bundle, and repair nothing."""
        head = checkpoint.parse((self.files / "checkpoint").read_bytes())
        (self.files / tile_path(ENTRIES, 0, min(256, head.size))).write_bytes(bundle(bodies))

    def sql(self, statement: str, *values: Any) -> None:
        connection = sqlite3.connect(self.database)
        with connection:
            assert connection.execute(statement, values).rowcount > 0
        connection.close()

    @contextmanager
    def started(self) -> Iterator[House]:
        url = f"sqlite:///{self.database}"
        house = build(
            Settings(data=self.folder, database=url, policy=None, port=0), clock=SystemClock()
        )
        try:
            yield house
        finally:
            house.store.close()

    def compared(self, clock: Any = None) -> Any:
        store = open_store(f"sqlite:///{self.database}", SystemClock(), self.signer.name)
        try:
            now = (clock or SystemClock()).now()
            return compare(store, now, timedelta(hours=24))
        finally:
            store.close()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("attacks") / "original"
    folder.mkdir()
    with open_house(folder) as (house, agent):
        for n in range(COUNT):
            house.services.govern.act(agent, request(n))
    return Place(folder)


@pytest.fixture
def place(original: Place, tmp_path: Path) -> Place:
    found = original.copy(tmp_path / "place")
    assert found.verify().entries > 2 * COUNT  # the control: untouched, it holds
    return found


def broken(place: Place, said: str = "", **memory: Any) -> None:
    with pytest.raises(VerificationError) as found:
        place.verify(**memory)
    assert said in str(found.value)
    assert found.value.where


def edit(place: Place, _: Path) -> None:
    bodies = place.bodies()
    bodies[-1] = bodies[-1].replace(b"handrail", b"handraiI", 1)
    place.bundle(bodies)
    broken(place, "leaf hash")


def delete(place: Place, _: Path) -> None:
    place.bundle(place.bodies()[:-1])
    broken(place, "ends within")


def insert(place: Place, _: Path) -> None:
    place.bundle([*place.bodies(), b"{}"])
    broken(place, "goes on after")


def reorder(place: Place, _: Path) -> None:
    bodies = place.bodies()
    bodies[5], bodies[6] = bodies[6], bodies[5]
    place.bundle(bodies)
    broken(place, "leaf hash")


def truncate(place: Place, _: Path) -> None:
    place.publish(place.bodies()[:-3])
    broken(place)


def backdate(place: Place, _: Path) -> None:
    bodies = place.bodies()
    fields = entry.decode(bodies[30])
    bodies[30] = entry.encode(fields | {"at": "2020-01-01T00:00:00.000000Z"})
    place.bundle(bodies)
    broken(place, "leaf hash")
    place.resign(bodies)  # even the thief of the key can't: time goes back
    broken(place, "time goes back")


def repaired_tile(place: Place, _: Path) -> None:
    bodies = place.bodies()
    bodies[30] = entry.encode(entry.decode(bodies[30]) | {"by": "agent:agt_other"})
    place.publish(bodies)
    broken(place, "signed root")


def swapped_key(place: Place, _: Path) -> None:
    other = SignerKey.generate(place.signer.name)
    place.publish(place.bodies(), place.sign(place.bodies(), other))
    assert verify(place.files, str(other.verifier)).entries  # sound in itself
    broken(place)


def form(place: Place, _: Path) -> None:
    bodies = place.bodies()
    bodies[-1] = bodies[-1].replace(b'{"action"', b'{ "action"', 1)
    place.resign(bodies)
    broken(place, "canonical")
    bodies[-1] = bodies[-1].replace(b'{ "action":', b'{"action":"act_0","action":', 1)
    place.resign(bodies)
    broken(place, "canonical")


def splice(place: Place, _: Path) -> None:
    bodies = place.bodies()
    n = max(i for i, body in enumerate(bodies) if entry.decode(body)["clients"])
    fields = entry.decode(bodies[n])
    fields["clients"] = [{**fields["clients"][0], "client": "another"}]
    bodies[n] = entry.encode(fields)
    place.resign(bodies)
    broken(place, "'another'")


def left_out(place: Place, tmp: Path) -> None:
    with place.started() as house:
        house.services.record.excerpt(tmp / "acme", "acme")
    assert excerpt.verify(tmp / "acme", place.key).entries > COUNT
    path = tmp / "acme" / excerpt.NAME
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:20] + lines[21:]))
    with pytest.raises(VerificationError, match="in the chain of 'acme', after"):
        excerpt.verify(tmp / "acme", place.key)


def older_copy(place: Place, tmp: Path) -> None:
    older = place.copy(tmp / "older")
    grown(place)
    shutil.copy(older.database, place.database)
    for beside in ("bench.db-wal", "bench.db-shm"):
        (place.folder / beside).unlink(missing_ok=True)
    with place.started() as house:
        house.services.record.sign()
        assert "were seen before" in house.services.record.status()["trouble"]
    with older.started() as house:  # the control: its own memory is as old as itself
        house.services.record.sign()
        assert house.services.record.status()["trouble"] == ""


def grown(place: Place) -> None:
    """Some honest entries more, signed and published."""
    with place.started() as house:
        for _ in range(5):
            house.store.commit(lambda view: Rows(events=(Event("a:b:c", "handrail"),)))
        house.services.record.sign()
        assert house.services.record.status()["trouble"] == ""


def lost_tail(place: Place, tmp: Path) -> None:
    older = place.copy(tmp / "older")
    grown(place)
    size = place.verify().entries
    receipt = proof.inclusion(Folder(place.files), size - 1)
    assert place.verify(kept=[receipt]).kept == 1
    with pytest.raises(VerificationError, match="were signed before") as found:
        older.verify(kept=[receipt])  # everything put back, the signer's memory as well
    assert found.value.where == "kept checkpoint"
    with older.started() as house:  # and going on from there, it grows past the receipt
        for _ in range(9):
            house.store.commit(lambda view: Rows(events=(Event("a:b:d", "handrail"),)))
        house.services.record.sign()
    assert older.verify().entries > size
    broken(older, "are not those that were signed before", kept=[receipt])


def rewritten(place: Place) -> None:
    """Another history of the same log, signed by its key."""
    bodies = place.bodies()
    n = next(i for i, body in enumerate(bodies) if not entry.decode(body)["clients"] and i > 3)
    bodies[n] = entry.encode(entry.decode(bodies[n]) | {"by": "person:per_nobody"})
    place.resign(bodies)
    assert place.verify().entries == len(bodies)  # sound in itself


def witness(place: Place, folder: Path, name: str) -> Witness:
    folder.mkdir()
    Witness.introduce(folder, place.signer.name)
    return Witness(WitnessKey.generate(name), [place.signer.verifier], folder)


def seen(witness: Witness, place: Place) -> int:
    """What *witness* answers to the head of *place*."""
    size, _ = witness.last(place.signer.name)
    return witness.add_checkpoint(consistency(Folder(place.files), size), 1).status


def rewrite(place: Place, tmp: Path) -> None:
    outside = witness(place, tmp / "witness", "witness.example/one")
    assert seen(outside, place) == 200
    honest = place.copy(tmp / "honest")
    note = (place.files / "checkpoint").read_bytes()
    rewritten(place)
    assert seen(outside, place) == 409
    broken(place, "are not those that were signed before", kept=[note])
    grown(honest)
    assert seen(outside, honest) == 200
    assert honest.verify(kept=[note]).kept == 1


def split_view(place: Place, tmp: Path) -> None:
    other = place.copy(tmp / "other")
    rewritten(other)
    take(tmp / "mirror", place.files, place.key)
    with pytest.raises(Fork):
        take(tmp / "mirror", other.files, place.key)
    grown(place)
    take(tmp / "mirror", place.files, place.key)


def witness_put_back(place: Place, tmp: Path) -> None:
    older = place.copy(tmp / "older")
    one = witness(place, tmp / "one", "witness.example/one")
    two = witness(place, tmp / "two", "witness.example/two")
    assert seen(one, place) == seen(two, place) == 200
    shutil.copytree(tmp / "one", tmp / "kept")
    grown(place)
    assert seen(one, place) == seen(two, place) == 200
    for file in (tmp / "kept").glob("*.json"):
        shutil.copy(file, tmp / "one" / file.name)
    assert seen(one, older) == 200  # put back, it saw nothing newer
    size, _ = two.last(place.signer.name)
    with pytest.raises(ValueError, match="does not continue"):
        consistency(Folder(older.files), size)
    offered = consistency(Folder(place.files), size).replace(
        (place.files / "checkpoint").read_bytes(), (older.files / "checkpoint").read_bytes()
    )
    assert two.add_checkpoint(offered, 1).status == 400


def row(place: Place, _: Path) -> None:
    assert place.compared().holds
    place.sql("UPDATE action SET tier = 3 WHERE id = (SELECT max(id) FROM action)")
    assert not place.compared().holds
    with place.started() as house:
        holds, text = house.services.record.checked()
        assert (holds, "tier" in text) == (False, True)


def sealed_swapped(place: Place, _: Path) -> None:
    place.sql(
        "UPDATE sealed SET ciphertext = x'00' WHERE ref = (SELECT max(ref) FROM sealed"
        " WHERE ref LIKE '%:request')"
    )
    assert place.compared().found["swapped"] == 1


def second_key(place: Place, tmp: Path) -> None:
    sealer = open_sealer(tmp / "keys")
    mine, ciphertext = sealer.seal("act_1:request", "acme", b"what was asked")
    other, _ = sealer.seal("act_1:request", "harbor", b"something else")
    assert sealer.open("act_1:request", mine, ciphertext) == b"what was asked"
    for ref, key in (("act_1:request", other), ("act_2:request", mine)):
        with pytest.raises(Unreadable):
            sealer.open(ref, key, ciphertext)


def suppressed(place: Place, _: Path) -> None:
    later = FakeClock(SystemClock().now() + timedelta(days=1))
    assert place.compared(later).found["unended"] == 0
    place.sql("UPDATE action SET state = 'begun', ended_at = NULL, outcome = NULL"
              " WHERE id = (SELECT max(id) FROM action)")  # fmt: skip
    assert place.compared(later).found["differs"] == 1  # hidden in the table alone
    place.sql("DELETE FROM entry WHERE seq = (SELECT max(seq) FROM entry)")
    with place.started() as house:
        assert any("the table holds" in line for line in house.store.check())


def two_writers(place: Place, _: Path) -> None:
    url = f"sqlite:///{place.database}"
    one, two = (open_store(url, SystemClock(), place.signer.name) for _ in range(2))
    for n in range(10):
        store = (one, two)[n % 2]
        store.commit(lambda view, n=n: Rows(events=(Event("a:b:c", f"agent:agt_{n}"),)))  # type: ignore[misc]
    one.close()
    two.close()
    before = place.verify().entries
    with place.started() as house:
        house.services.record.sign()
        assert house.services.record.status()["trouble"] == ""
    assert place.verify().entries >= before + 10


def crash(place: Place, _: Path) -> None:
    store = open_store(f"sqlite:///{place.database}", SystemClock(), place.signer.name)
    store.commit(lambda view: Rows(events=(Event("a:b:c", "handrail"),)))
    store.close()  # committed; neither signed nor published
    before = place.verify().entries
    with place.started() as house:
        house.services.record.sign()
    assert place.verify().entries == before + 1
    (place.files / "checkpoint").unlink()  # signed, and died before it was published
    with place.started() as house:
        house.services.record.sign()
    assert place.verify().entries == before + 1


def endless(place: Place, _: Path) -> None:
    size = checkpoint.parse((place.files / "checkpoint").read_bytes()).size
    path = place.files / tile_path(0, 0, min(256, size))
    whole = path.read_bytes()
    path.unlink()
    os.mkfifo(path)
    broken(place, "not a regular file")
    path.unlink()
    path.write_bytes(whole * 1000)
    broken(place, "larger than")
    path.write_bytes(whole)
    (place.files / "checkpoint").write_bytes(b"x" * 10_000_000)
    with pytest.raises(LedgerError):
        place.verify()


CARRIED_OUT: dict[str, Callable[[Place, Path], None]] = {
    f.__name__.replace("_", "-"): f
    for f in (
        edit, delete, insert, reorder, truncate, backdate, repaired_tile, swapped_key, form,
        splice, left_out, older_copy, lost_tail, rewrite, split_view, witness_put_back, row,
        sealed_swapped, second_key, suppressed, two_writers, crash, endless,
    )
}  # fmt: skip


def test_every_attack_that_is_named_is_carried_out() -> None:
    assert set(CARRIED_OUT) == {attack.name for attack in ATTACKS}


@pytest.mark.parametrize("name", CARRIED_OUT)
def test_its_detector_fires_and_the_control_passes(place: Place, tmp_path: Path, name: str) -> None:
    CARRIED_OUT[name](place, tmp_path)
