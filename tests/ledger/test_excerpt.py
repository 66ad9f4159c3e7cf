"""One client's entries with their proofs: complete by their own chain, and every other shape of
them refused."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.ledger import checkpoint, excerpt, proof
from handrail.ledger.checkpoint import SignerKey, VerifierKey
from handrail.ledger.errors import VerificationError
from handrail.ledger.tiles import Folder

CLIENT = "client-1"
Lines = list[dict[str, Any]]


def of_client(log: Any, client: str) -> list[tuple[int, bytes]]:
    """What the store's reader gives of a client's chain."""
    found = []
    for seq, body in enumerate(log.bodies):
        if any(p["client"] == client for p in orjson.loads(body)["clients"]):
            found.append((seq, body))
    return found


@pytest.fixture(scope="module")
def folder(long_log: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An excerpt of 300 entries out of 600."""
    path = tmp_path_factory.mktemp("excerpt")
    whole = Folder(long_log.write(path / "log"))
    entries = of_client(long_log, CLIENT)
    assert excerpt.write(entries, CLIENT, whole, long_log.note(), path / "out") == len(entries)
    return path / "out"


@pytest.fixture
def changed(folder: Path, tmp_path: Path) -> Callable[[Callable[[Lines], object]], Path]:
    """A copy of the excerpt with its lines changed."""

    def make(change: Callable[[Lines], object]) -> Path:
        out = tmp_path / "changed"
        shutil.copytree(folder, out)
        lines = [orjson.loads(line) for line in (out / excerpt.NAME).read_bytes().splitlines()]
        change(lines)
        (out / excerpt.NAME).write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
        return out

    return make


def test_I21_a_client_checks_its_own_entries_and_sees_no_others(
    folder: Path, long_log: Any
) -> None:
    found = excerpt.verify(folder, long_log.vkey)

    own = of_client(long_log, CLIENT)
    assert (found.client, found.entries, found.places) == (CLIENT, len(own), (0, len(own) - 1))
    assert (found.size, found.root, found.level) == (600, long_log.head.root.hex(), "unanchored")
    text = (folder / excerpt.NAME).read_bytes()
    others = [body for n, body in enumerate(long_log.bodies) if n not in dict(own)]
    assert others
    assert not any(body[1:-1] in text for body in others)


def test_each_line_is_a_proof_that_any_tool_checks(folder: Path, long_log: Any) -> None:
    """A line put together as C2SP tlog-proof has it verifies by itself."""
    lines = (folder / excerpt.NAME).read_bytes().splitlines()[1:]
    note = (folder / "checkpoint").read_bytes()
    for line in map(orjson.loads, lines[::40]):
        text = "\n".join([proof.MAGIC, f"index {line['seq']}", *line["proof"], "", ""])
        proof.verify_inclusion(
            text.encode() + note, line["entry"].encode(), VerifierKey.parse(long_log.vkey)
        )


def test_a_part_of_the_chain_says_which_part_it_is(long_log: Any, tmp_path: Path) -> None:
    whole = Folder(long_log.write(tmp_path / "log"))
    excerpt.write(
        of_client(long_log, CLIENT)[50:80], CLIENT, whole, long_log.note(), tmp_path / "o"
    )

    assert excerpt.verify(tmp_path / "o", long_log.vkey).places == (50, 79)


def test_nothing_in_that_time_is_an_excerpt_too(long_log: Any, tmp_path: Path) -> None:
    whole = Folder(long_log.write(tmp_path / "log"))
    excerpt.write([], CLIENT, whole, long_log.note(), tmp_path / "o")

    found = excerpt.verify(tmp_path / "o", long_log.vkey)
    assert (found.entries, found.places, found.first) == (0, None, None)


def test_what_came_after_the_checkpoint_is_left_out(log: Any, tmp_path: Path) -> None:
    whole, note = Folder(log.grow(40).write(tmp_path / "log")), log.note()
    log.grow(40)

    count = excerpt.write(of_client(log, CLIENT), CLIENT, whole, note, tmp_path / "o")

    assert count == sum(seq < 40 for seq, _ in of_client(log, CLIENT))
    assert excerpt.verify(tmp_path / "o", log.vkey).entries == count


def swap(lines: Lines) -> None:
    lines[7], lines[8] = lines[8], lines[7]


def splice(lines: Lines) -> None:
    """Another client's entry, with its true proof, in place of one of this client's."""
    lines[0]["client"] = "client-2"


ATTACKS: dict[str, tuple[Callable[[Lines], object], str]] = {
    "an entry left out": (lambda lines: lines.pop(9), "after 7"),
    "an entry twice": (lambda lines: lines.insert(9, lines[9]), "after 8"),
    "two in another order": (swap, ""),
    "passed off as another client's": (splice, "client-2"),
    "a word changed": (
        lambda lines: lines[5].update(entry=lines[5]["entry"].replace("870", "871")),
        "signed root",
    ),
    "another position": (lambda lines: lines[5].update(seq=lines[5]["seq"] + 1), "signed root"),
    "a proof of another": (lambda lines: lines[5].update(proof=lines[6]["proof"]), "signed root"),
    "no proof": (lambda lines: lines[5].update(proof=[]), "signed root"),
    "not base64": (lambda lines: lines[5].update(proof=["%"]), "malformed"),
    "a proof without end": (lambda lines: lines[5].update(proof=["AA=="] * 99), "malformed"),
    "no entry": (lambda lines: lines[5].pop("entry"), "seq, entry and proof"),
    "a truth value for a number": (lambda lines: lines[5].update(seq=True), "seq, entry"),
    "no first line": (lambda lines: lines.pop(0), "first line"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_whatever_is_changed_is_found_and_named(
    changed: Callable[[Callable[[Lines], object]], Path], long_log: Any, attack: str
) -> None:
    change, said = ATTACKS[attack]

    with pytest.raises(VerificationError) as found:
        excerpt.verify(changed(change), long_log.vkey)

    assert said in str(found.value)
    assert found.value.where


def test_another_logs_key_or_checkpoint_opens_nothing(
    folder: Path, long_log: Any, make_log: Any, tmp_path: Path
) -> None:
    with pytest.raises(VerificationError):
        excerpt.verify(folder, str(SignerKey.generate(long_log.head.origin).verifier))
    shutil.copytree(folder, tmp_path / "o")
    fork = make_log(key=long_log.key).grow(601)
    (tmp_path / "o" / "checkpoint").write_bytes(fork.note())
    with pytest.raises(VerificationError, match="signed root"):
        excerpt.verify(tmp_path / "o", long_log.vkey)


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfe", b"[]\n", b"{}", b"null\n", b"{" * 500_000, b'"' + b"x" * 2_000_000]
)
def test_a_file_that_is_none_is_refused_and_not_swallowed(
    folder: Path, long_log: Any, tmp_path: Path, data: bytes
) -> None:
    shutil.copytree(folder, tmp_path / "o")
    (tmp_path / "o" / excerpt.NAME).write_bytes(data)

    with pytest.raises(VerificationError):
        excerpt.verify(tmp_path / "o", long_log.vkey)


@given(st.integers(0, 10**6), st.integers(0, 255))
def test_no_changed_byte_passes(
    long_log: Any, tmp_path_factory: pytest.TempPathFactory, at: int, byte: int
) -> None:
    """Every byte of the excerpt is either proven or refused; a changed one is never believed."""
    base = tmp_path_factory.getbasetemp() / "bytes"
    if not base.exists():
        whole = Folder(long_log.write(base / "log"))
        excerpt.write(of_client(long_log, CLIENT)[:40], CLIENT, whole, long_log.note(), base / "o")
        (base / "kept").write_bytes((base / "o" / excerpt.NAME).read_bytes())
    kept = (base / "kept").read_bytes()
    at %= len(kept)
    if kept[at] == byte:
        return
    (base / "o" / excerpt.NAME).write_bytes(kept[:at] + bytes([byte]) + kept[at + 1 :])
    try:
        found = excerpt.verify(base / "o", long_log.vkey)
    except VerificationError:
        return
    # White space between values, or a key that is not read, is all that may differ.
    assert found == excerpt.verify(_whole(base, kept), long_log.vkey)


def _whole(base: Path, kept: bytes) -> Path:
    (base / "o" / excerpt.NAME).write_bytes(kept)
    return base / "o"


def test_a_folder_that_is_not_empty_is_not_written_to(long_log: Any, tmp_path: Path) -> None:
    whole = Folder(long_log.write(tmp_path / "log"))
    with pytest.raises(FileExistsError):
        excerpt.write([], CLIENT, whole, long_log.note(), tmp_path / "log")
    assert checkpoint.parse((tmp_path / "log" / "checkpoint").read_bytes()).size == 600
