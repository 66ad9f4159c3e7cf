"""Verifying offline: what holds is reported, what does not is named, nothing hangs."""

import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

import handrail.ledger
from handrail.ledger import checkpoint, entry, merkle, tiles
from handrail.ledger import verify as verifying
from handrail.ledger.checkpoint import Checkpoint, SignerKey
from handrail.ledger.errors import KeyInvalid, VerificationError
from handrail.ledger.publish import export
from handrail.ledger.verify import Report, main, verify

ORIGIN = "handrail.example/log"


@pytest.fixture
def path(long_log: Any, tmp_path: Path) -> Path:
    return long_log.write(tmp_path / "log")


def broken(path: Path, log: Any, why: str) -> VerificationError:
    with pytest.raises(VerificationError, match=why) as refused:
        verify(path, log.vkey)
    return refused.value


# --- what holds ---


def test_the_report_says_what_was_verified_and_that_nothing_outside_vouches_for_it(
    long_log: Any, path: Path
) -> None:
    report = verify(path, long_log.vkey)

    assert report == Report(
        origin=ORIGIN,
        entries=600,
        root=long_log.head.root.hex(),
        first="2026-01-05T08:00:00.000000Z",
        last="2026-01-05T08:00:00.898500Z",
        epoch=12,
        clients=3,
        level="unanchored",
    )
    assert str(report).endswith("everything holds; unanchored")
    assert "600 entries, from 2026-01-05T08:00:00.000000Z to" in str(report)


def test_an_empty_log_verifies(log: Any, tmp_path: Path) -> None:
    report = verify(log.write(tmp_path / "log"), log.vkey)
    assert (report.entries, report.first, report.last) == (0, None, None)
    assert "0 entries, chains" in str(report)


def test_progress_is_told_bundle_by_bundle(long_log: Any, path: Path) -> None:
    seen: list[int] = []
    verify(path, long_log.vkey, progress=seen.append)
    assert seen == [256, 512, 600]


def test_I21_any_prefix_of_the_ledger_verifies(make_log: Any, tmp_path: Path) -> None:
    log = make_log()
    for n in range(40):
        assert verify(log.write(tmp_path / str(n)), log.vkey).entries == n
        log.add()


def test_an_older_checkpoint_beside_newer_tiles_verifies(log: Any, tmp_path: Path) -> None:
    """The parts of tiles it speaks of may be gone, with full ones in their place."""
    note = log.grow(300).note()
    path = log.grow(300).write(tmp_path / "log")
    (path / "checkpoint").write_bytes(note)
    shutil.rmtree(path / "tile/1/000.p")
    with pytest.raises(VerificationError, match=r"tile/1/000\.p/1"):
        verify(path, log.vkey)
    (path / "tile/1/000.p").mkdir()
    (path / "tile/1/000.p/1").write_bytes(merkle.perfect_root(log.leaves[:256]))
    assert verify(path, log.vkey).entries == 300
    (path / "tile/entries/001").write_bytes(b"\0\5short")
    assert broken(path, log, "ends within entry 1 of 44").where == "tile/entries/001.p/44"
    (path / "tile/0/001").write_bytes(b"\0" * 44)
    assert broken(path, log, "it has 44 bytes and not 1408").where == "tile/0/001.p/44"


def test_a_long_log_verifies_up_to_its_third_level_of_tiles(make_log: Any, tmp_path: Path) -> None:
    """65,800 entries; and a change in a tile of level 1 that is full is found."""
    log = make_log()
    for _ in range(65_800):
        log.add(clients=(), facts=None)
    path = log.write(tmp_path / "log")
    assert verify(path, log.vkey).entries == 65_800
    tile = path / "tile/1/000"
    good = tile.read_bytes()
    tile.write_bytes(good[:320] + b"\0" + good[321:])
    assert broken(path, log, "do not give the one in tile/2/000").where == "tile/1/000"
    tile.write_bytes(good)
    tile = path / "tile/0/003"
    tile.write_bytes(tile.read_bytes()[:-1] + b"\0")
    assert broken(path, log, "do not give the one in tile/1/000").where == "tile/0/003"


# --- what is broken, and where ---


def test_it_says_where_it_is_broken(long_log: Any, path: Path) -> None:
    file = path / "tile/entries/001"
    body = file.read_bytes()
    file.write_bytes(body.replace(b'"confidence":870', b'"confidence":871', 1))
    assert broken(path, long_log, "its bytes do not give its leaf hash").where == "entry 256"
    file.write_bytes(body[:-1])
    assert broken(path, long_log, "ends within entry 255 of 256").where == "tile/entries/001"
    file.write_bytes(body + b"\0")
    assert broken(path, long_log, "goes on after its 256 entries").where == "tile/entries/001"
    file.unlink()
    assert broken(path, long_log, "cannot be read").where == "tile/entries/001"


def test_a_tail_cut_off_is_found(long_log: Any, make_log: Any, path: Path, tmp_path: Path) -> None:
    """With the checkpoint left: tiles are missing. With a shorter root put in: not signed."""
    shorter = make_log(key=long_log.key).grow(590)
    cut = shorter.write(tmp_path / "cut")
    (cut / "checkpoint").write_bytes((path / "checkpoint").read_bytes())
    broken(cut, long_log, "tile/0/002.p/88: it cannot be read")
    note = (path / "checkpoint").read_bytes().partition(b"\n\n")
    text = Checkpoint(ORIGIN, 590, shorter.head.root).text().encode()
    (cut / "checkpoint").write_bytes(text + b"\n" + note[2])
    broken(cut, long_log, "the signature by .* is false")


def test_the_log_of_another_key_is_refused(long_log: Any, make_log: Any, path: Path) -> None:
    broken(path, make_log(), "not signed by")


def test_a_log_rewritten_under_another_key_is_refused(
    long_log: Any, make_log: Any, tmp_path: Path
) -> None:
    other = make_log().grow(600)
    broken(other.write(tmp_path / "log"), long_log, "not signed by")


def test_a_folder_that_is_none_is_refused(log: Any, tmp_path: Path) -> None:
    assert broken(tmp_path / "none", log, "No such file").where == "checkpoint"


def test_a_malformed_key_is_an_error_of_its_own(path: Path) -> None:
    with pytest.raises(KeyInvalid):
        verify(path, "nonsense")


# --- entries that the key's owner should never have signed ---


def forge(log: Any, path: Path, change: Callable[[list[dict[str, Any]]], Any]) -> Path:
    """Write *log* with its fields changed and everything above them made to fit: the tree, the
    tiles, and the signature, by the stolen key."""
    entries = [entry.decode(body) for body in log.bodies]
    changed = change(entries)
    bodies = [
        e if isinstance(e, bytes) else orjson.dumps(e, option=orjson.OPT_SORT_KEYS)
        for e in (entries if changed is None else changed)
    ]
    return write_signed(log, path, bodies)


def write_signed(log: Any, path: Path, bodies: list[bytes]) -> Path:
    frontier: merkle.Frontier = ()
    for n, body in enumerate(bodies):
        frontier = merkle.extend(frontier, n, merkle.hash_leaf(body))
    head = Checkpoint(ORIGIN, len(bodies), merkle.root(frontier))
    export(bodies, checkpoint.sign(head, log.key), path)
    return path


def put(seq: int, /, **fields: Any) -> Callable[[list[dict[str, Any]]], None]:
    return lambda entries: entries[seq].update(fields)


def drop(n: int, *fields: str) -> Callable[[list[dict[str, Any]]], None]:
    def change(entries: list[dict[str, Any]]) -> None:
        for field in fields:
            del entries[n][field]

    return change


def raw(n: int, old: bytes, new: bytes) -> Callable[[list[Any]], None]:
    def change(entries: list[Any]) -> None:
        body = orjson.dumps(entries[n], option=orjson.OPT_SORT_KEYS)
        assert old in body
        entries[n] = body.replace(old, new, 1)

    return change


def place(seq: int, i: int, /, **fields: Any) -> Callable[[list[dict[str, Any]]], None]:
    return lambda entries: entries[seq]["clients"][i].update(fields)


def unnamed(seq: int, i: int) -> Callable[[list[dict[str, Any]]], None]:
    def change(entries: list[dict[str, Any]]) -> None:
        del entries[seq]["clients"][i]

    return change


def rechained(
    change: Callable[[list[dict[str, Any]]], None],
) -> Callable[[list[dict[str, Any]]], None]:
    """The change, with every later entry naming the former one as it is now."""

    def both(entries: list[dict[str, Any]]) -> None:
        change(entries)
        last: dict[str, str] = {}
        for fields in entries:
            for link in fields["clients"]:
                link["prev"] = last.get(link["client"], "")
            leaf = merkle.hash_leaf(entry.encode(fields)).hex()
            last |= {link["client"]: leaf for link in fields["clients"]}

    return both


# In the log below, entry 8 concerns no client; entry 11 concerns client-0, client-1, client-2.
FORGERIES = {
    "a key twice": (raw(8, b'"seq":8', b'"seq":8,"seq":8'), "canonical"),
    "another order": (raw(8, b'{"action"', b'{"zz":1,"action"'), "canonical"),
    "a space": (raw(8, b'"seq":8', b'"seq": 8'), "canonical"),
    "not JSON": (lambda e: [*e[:8], b"nothing"], "not JSON"),
    "no object": (lambda e: [*e[:8], b"[]"], "not an object"),
    "a float": (put(8, facts={"x": 1.5}), "float"),
    "a field more": (put(8, note="x"), "fields of an entry"),
    "a field less": (drop(8, "facts"), "fields of an entry"),
    "a field for another": (lambda e: e[8].update(fact=e[8].pop("facts")), "fields of an entry"),
    "no type": (put(8, type=None), "not of its type"),
    "a principal that is none": (put(8, by=7), "not of its type"),
    "an epoch that is none": (put(8, epoch=True), "not of its type"),
    "facts that are none": (put(8, facts=[]), "not of its type"),
    "a time that is none": (put(8, at=8), "not of its type"),
    "clients that are none": (put(8, clients={}), "not of its type"),
    "an action that is none": (put(8, action=8), "not of its type"),
    "a position that is none": (put(1, seq=True), "not of its type"),
    "another log": (put(8, origin="handrail.example/other"), "of the log"),
    "another position": (put(8, seq=9), "says that it is entry 9"),
    "an earlier position": (put(8, seq=7), "says that it is entry 7"),
    "two in each other's place": (lambda e: [*e[:4], e[8], *e[5:8], e[4], *e[9:]], "says that it"),
    "one left out": (lambda e: [*e[:8], *e[9:]], "says that it is entry 9"),
    "one twice": (lambda e: [*e[:9], *e[8:]], "says that it is entry 8"),
    "time back": (put(8, at="2026-01-05T07:59:59.999999Z"), "time goes back"),
    "time back by a microsecond": (put(8, at="2026-01-05T08:00:00.010499Z"), "time goes back"),
    "time ahead": (put(8, at="2026-01-06T08:00:00.000000Z"), "time goes back"),
    "no such day": (put(8, at="2026-02-30T08:00:00.000000Z"), "no such time"),
    "no such hour": (put(8, at="2026-01-05T25:00:00.000000Z"), "no such time"),
    "another form of time": (put(8, at="2026-01-05 08:00:00.012000Z"), "one form"),
    "another zone": (put(8, at="2026-01-05T08:00:00.012000+01:00"), "one form"),
    "digits of another script": (put(8, at="2026-01-05T08:00:00.01200٠Z"), "one form"),
    "epoch back": (put(8, epoch=-1), "epoch goes back from 0 to -1"),
    "epoch ahead": (put(8, epoch=5), "epoch goes back from 5 to 0"),
    "a place that is none": (put(11, clients=["client-0"]), "malformed"),
    "a place with more": (place(11, 0, x=1), "malformed"),
    "a place of another type": (place(11, 0, n="2"), "malformed"),
    "a place numbered true": (place(1, 0, n=False), "malformed"),
    "a gap in a chain": (place(11, 1, n=9), "it is 9 in the chain of 'client-1'"),
    "a place given twice": (place(11, 1, n=3), "it is 3 in the chain of 'client-1', after 4"),
    "another entry named": (place(11, 1, prev="0" * 64), "does not name the former entry"),
    "a chain that begins twice": (place(11, 1, prev=""), "does not name the former entry"),
    "a client not named": (unnamed(7, 1), "does not name the former entry of 'client-0'"),
    "a client not named, and later entries name what is there": (
        rechained(unnamed(7, 1)),
        "it is 4 in the chain of 'client-1', after 2",
    ),
    "an entry moved to another client": (place(5, 0, client="client-3"), "it is 3 in the chain of 'client-3', after -1"),
    "clients out of order": (lambda e: e[11]["clients"].reverse(), "not each named once"),
    "a client named twice": (place(11, 1, client="client-0"), "not each named once"),
    "an edit": (put(7, by="agent:agt_2"), "does not name the former entry of 'client-0'"),
}  # fmt: skip


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forgery_under_the_stolen_key_is_found_by_what_the_entries_say(
    log: Any, tmp_path: Path, forgery: str
) -> None:
    change, why = FORGERIES[forgery]
    log.grow(20)
    broken(forge(log, tmp_path / "log", change), log, why)


def test_the_forger_finds_nothing_when_nothing_is_changed(log: Any, tmp_path: Path) -> None:
    """The control: the same way of writing, with no change, verifies."""
    path = forge(log.grow(20), tmp_path / "log", lambda _: None)
    assert verify(path, log.vkey).root == log.head.root.hex()


def test_an_entry_of_another_log_cannot_be_spliced_in(
    log: Any, make_log: Any, tmp_path: Path
) -> None:
    """The same position, time and chains, under another origin."""
    other = make_log()
    other.head = other.head._replace(origin="handrail.example/other")
    log.grow(20)
    other.grow(20)
    path = write_signed(log, tmp_path / "log", [*log.bodies[:8], other.bodies[8], *log.bodies[9:]])
    assert broken(path, log, "of the log 'handrail.example/other'").where == "entry 8"


def test_a_log_that_names_more_clients_than_there_can_be_is_refused(
    log: Any, tmp_path: Path
) -> None:
    for n in range(0, verifying.MAX_CLIENTS, 1_000):
        log.add(clients=[f"{i:06d}" for i in range(n, n + 1_000)])
    report = verify(log.write(tmp_path / "full"), log.vkey)
    assert report.clients == verifying.MAX_CLIENTS
    log.add(clients=["000000"])
    log.add(clients=["one more"])
    assert (
        broken(log.write(tmp_path / "over"), log, "more than 100000 clients").where == "entry 101"
    )


# --- hostile files ---


@pytest.mark.parametrize(
    "name", ["checkpoint", "tile/0/002.p/88", "tile/0/000", "tile/entries/001"]
)
@pytest.mark.parametrize(
    "kind", ["pipe", "endless", "folder", "loop", "unreadable", "empty", "long"]
)
def test_no_file_makes_it_hang_or_swell(long_log: Any, path: Path, name: str, kind: str) -> None:
    file = path / name
    file.unlink()
    match kind:
        case "pipe":
            os.mkfifo(file)
        case "endless":
            file.symlink_to("/dev/zero")
        case "folder":
            file.mkdir()
        case "loop":
            file.symlink_to(file)
        case "unreadable":
            file.symlink_to("/proc/self/mem")
        case "empty":
            file.touch()
        case _:
            with file.open("wb") as stream:
                stream.truncate(10 * tiles.MAX_BUNDLE)  # a hole: no disk is used
    with pytest.raises(VerificationError):
        verify(path, long_log.vkey)


@pytest.mark.parametrize("size", [601, 2**16, 2**32, 2**62, 2**63 - 1])
def test_a_hostile_size_costs_nothing(long_log: Any, path: Path, size: int) -> None:
    """Even when the key signed it: the first tile that should be there is missing or too short."""
    head = Checkpoint(ORIGIN, size, long_log.head.root)
    (path / "checkpoint").write_bytes(checkpoint.sign(head, long_log.key))
    broken(path, long_log, "cannot be read|root")


def test_a_hostile_bundle_of_lengths_is_refused(long_log: Any, path: Path) -> None:
    for data in (b"\xff" * 1000, b"\0" * 512, b"\0" * 511, bytes(range(256)) * 500):
        (path / "tile/entries/000").write_bytes(data)
        broken(path, long_log, "tile/entries/000: |entry 0: ")


# --- the command ---


def run(*arguments: str, folder: Path, module: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", module, *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_an_auditor_can_copy_this_one_folder_and_run_it(
    long_log: Any, path: Path, tmp_path: Path
) -> None:
    """The folder alone, under another name, in a process that has nothing else of ours."""
    source = Path(handrail.ledger.__file__).parent
    copy = tmp_path / "auditor" / "copied"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))

    good = run(str(path), "--key", long_log.vkey, folder=copy.parent, module="copied.verify")
    assert (good.returncode, good.stderr) == (0, "")
    assert "everything holds; unanchored" in good.stdout

    (path / "tile/entries/000").write_bytes(b"")
    bad = run(str(path), "--key", long_log.vkey, folder=copy.parent, module="copied.verify")
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr.startswith("BROKEN  tile/entries/000: ")


def test_the_command_exits_with_what_it_found(
    long_log: Any, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(path), "--key", long_log.vkey]) == 0
    assert f"root {long_log.head.root.hex()}" in capsys.readouterr().out
    assert main([str(path), "--key", long_log.vkey, "--json"]) == 0
    assert orjson.loads(capsys.readouterr().out)["entries"] == 600
    assert main([str(path), "--key", "nonsense"]) == 2
    assert "the key cannot be used" in capsys.readouterr().err
    other = str(SignerKey.generate(ORIGIN).verifier)
    assert main([str(path), "--key", other]) == 1
    assert "BROKEN  checkpoint: not signed by" in capsys.readouterr().err
    assert main([str(path), "--key", other, "--json"]) == 1
    assert orjson.loads(capsys.readouterr().out)["where"] == "checkpoint"


def test_it_runs_as_a_module(long_log: Any, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["verify", str(path), "--key", long_log.vkey])
    with (
        pytest.warns(RuntimeWarning, match="found in sys.modules"),  # this test imported it
        pytest.raises(SystemExit) as ended,
    ):
        runpy.run_module("handrail.ledger.verify", run_name="__main__")
    assert ended.value.code == 0
