"""Backups: verified when they are made, refused when they were changed, and noticed when they are
put back."""

import shutil
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from handrail import config
from handrail.backup import MANIFEST, NotWhole, backup, restore
from handrail.errors import BadInput, HandrailError, Unavailable
from handrail.ledger.verify import verify
from service.test_reopen import WHY, Site


def quiet(text: str) -> None:
    """Says nothing."""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    found = Site(tmp_path / "site")
    with found.started() as house:
        found.act(house, 3)
    return found


def settings(folder: Path) -> config.Settings:
    return config.load({}, data=folder)


def lost(site: Site) -> None:
    """The disk lost the database."""
    for file in site.folder.glob("handrail.db*"):
        file.unlink()


def test_a_backup_beside_a_running_server_is_one_moment_of_it(site: Site, tmp_path: Path) -> None:
    with site.started() as house:
        site.act(house, 2)
        made = backup(settings(site.folder), tmp_path / "out", site.clock, quiet)
        site.act(house, 2)
        size = house.services.record.status()["size"]

    assert 0 < made["size"] < size
    names = {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.*")}
    assert {"handrail.db", "keys/keys.db", "keys/master.key", MANIFEST} == names
    assert oct((tmp_path / "out").stat().st_mode)[-3:] == "700"
    with pytest.raises(BadInput, match="not empty"):
        backup(settings(site.folder), tmp_path / "out", site.clock, quiet)


def test_what_came_after_it_is_noticed_on_the_same_machine(site: Site, tmp_path: Path) -> None:
    backup(settings(site.folder), tmp_path / "out", site.clock, quiet)
    with site.started() as house:
        site.act(house, 4)
    with pytest.raises(BadInput, match="still there"):
        restore(tmp_path / "out", settings(site.folder), quiet)
    lost(site)

    restore(tmp_path / "out", settings(site.folder), quiet)

    with site.started() as house:
        with pytest.raises(Unavailable, match="held"):
            site.act(house)
        reopen = house.services.reopen
        reopen.reopen(site.who("anna"), WHY)
        assert reopen.reopen(site.who("ben"), WHY)["missing"] == 8
        site.act(house)
        assert house.services.record.checked()[0]


def test_on_a_new_machine_nothing_begins_until_two_people_go_on(site: Site, tmp_path: Path) -> None:
    backup(settings(site.folder), tmp_path / "out", site.clock, quiet)
    shutil.rmtree(site.folder)

    restore(tmp_path / "out", settings(site.folder), quiet)

    with site.started() as house:
        with pytest.raises(Unavailable, match="held"):
            site.act(house)
        assert house.services.record.status()["missing"] == "an unknown number of"
        house.services.reopen.reopen(site.who("anna"), WHY)
        done = house.services.reopen.reopen(site.who("ben"), WHY)
        site.act(house)  # and what was sealed opens, by the keys of the backup
        (first, *_) = house.services.read.actions(limit=100)[::-1]
        assert house.services.read.action(first["id"])["request"]["arguments"]
        key = house.services.record.key
    report = verify(site.folder / "ledger", key)
    assert (report.origin, len(report.reopened)) == (done["origin"], 1)
    assert "unknown number" in report.reopened[0]


def test_an_unchanged_copy_in_its_place_goes_on_by_itself(site: Site, tmp_path: Path) -> None:
    """The control: nothing came after it, so nothing is missing."""
    backup(settings(site.folder), tmp_path / "out", site.clock, quiet)
    lost(site)
    restore(tmp_path / "out", settings(site.folder), quiet)

    with site.started() as house:
        site.act(house)


def edited(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


CHANGES: dict[str, Callable[[Path], object]] = {
    "the database": lambda out: edited(out / "handrail.db"),
    "the keys": lambda out: edited(out / "keys" / "keys.db"),
    "a file gone": lambda out: (out / "keys" / "master.key").unlink(),
    "no manifest": lambda out: (out / MANIFEST).unlink(),
    "no JSON": lambda out: (out / MANIFEST).write_bytes(b"{"),
    "not whole": lambda out: (out / MANIFEST).write_bytes(b'{"format":"handrail-backup/1"}'),
    "another version": lambda out: (out / MANIFEST).write_bytes(b'{"format":"x"}'),
    "a way out": lambda out: (out / MANIFEST).write_bytes(
        (out / MANIFEST).read_bytes().replace(b"keys/master.key", b"../../etc/passwd")
    ),
    "another head": lambda out: (out / MANIFEST).write_bytes(
        orjson.dumps(orjson.loads((out / MANIFEST).read_bytes()) | {"size": 5})
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_backup_is_put_nowhere(site: Site, tmp_path: Path, change: str) -> None:
    backup(settings(site.folder), tmp_path / "out", site.clock, quiet)
    CHANGES[change](tmp_path / "out")

    with pytest.raises(HandrailError):
        restore(tmp_path / "out", settings(tmp_path / "new"), quiet)

    assert not list((tmp_path / "new").rglob("handrail.db"))


def test_a_database_whose_entries_do_not_give_its_head_makes_no_backup(
    site: Site, tmp_path: Path
) -> None:
    import sqlite3

    with sqlite3.connect(site.folder / "handrail.db") as connection:
        connection.execute(
            "UPDATE entry SET body = CAST(replace(body, 'handrail', 'handraiI') AS BLOB) WHERE seq = 3"
        )
    connection.close()

    with pytest.raises(NotWhole, match="do not give the head"):
        backup(settings(site.folder), tmp_path / "out", site.clock, quiet)
    assert not (tmp_path / "out" / MANIFEST).exists()


def test_another_installations_keys_are_not_overwritten(site: Site, tmp_path: Path) -> None:
    backup(settings(site.folder), tmp_path / "out", site.clock, quiet)
    other = Site(tmp_path / "other")
    lost(other)

    with pytest.raises(BadInput, match="another installation"):
        restore(tmp_path / "out", settings(other.folder), quiet)
