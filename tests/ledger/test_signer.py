"""The signer's memory: rollback and fork are refused, a crash costs nothing."""

import threading
from pathlib import Path
from typing import Any

import orjson
import pytest

from handrail.ledger import checkpoint, merkle
from handrail.ledger import memory as memory_module
from handrail.ledger.checkpoint import SignerKey
from handrail.ledger.errors import Fork, MemoryUnreadable, Refused, Rollback
from handrail.ledger.signer import Signer


def head_at(log: Any, size: int) -> tuple[int, bytes]:
    return size, merkle.range_root(0, size, nodes(log))


def nodes(log: Any) -> merkle.Nodes:
    return lambda level, i: merkle.perfect_root(log.leaves[i << level : (i + 1) << level])


def proof(log: Any, old: int, new: int) -> list[bytes]:
    return merkle.consistency_proof(old, new, nodes(log))


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "signer.json"


@pytest.fixture
def at_30(log: Any, memory: Path) -> Signer:
    """A signer that signed the first 30 of 50 entries."""
    log.grow(50)
    made = Signer.create(log.key, memory)
    assert made.folder == memory.parent
    made.sign(*head_at(log, 30))
    return made


def test_it_signs_what_continues_what_it_signed(log: Any, at_30: Signer) -> None:
    note = at_30.sign(*head_at(log, 50), proof(log, 30, 50))

    signed = checkpoint.verify(note, log.key.verifier)
    assert (signed.size, signed.root) == head_at(log, 50) == at_30.last


def test_it_signs_the_empty_log(log: Any, memory: Path) -> None:
    made = Signer.create(log.key, memory)
    note = made.sign(0, merkle.EMPTY_ROOT)
    assert checkpoint.verify(note, log.key.verifier).size == 0


def test_it_refuses_a_rollback(log: Any, at_30: Signer) -> None:
    with pytest.raises(Rollback, match="20 entries were shown, but 30 were seen") as refused:
        at_30.sign(*head_at(log, 20))
    assert "older copy" in refused.value.hint
    assert at_30.last == head_at(log, 30)


@pytest.mark.parametrize("size", [30, 31, 50])
def test_it_refuses_a_fork(log: Any, at_30: Signer, size: int) -> None:
    """A proof of the true log does not help another root, nor the other way round."""
    for false in ([], proof(log, 30, size), proof(log, 30, 50)[:-1], [b"\0" * 32] * 6):
        with pytest.raises(Fork):
            at_30.sign(size, b"\x66" * 32, false)
    if size > 30:
        for false in ([], proof(log, 29, size), proof(log, 30, size)[:-1]):
            with pytest.raises(Fork):
                at_30.sign(*head_at(log, size), false)
    assert at_30.last == head_at(log, 30)


def test_a_refusal_is_one_kind_of_error(log: Any, at_30: Signer) -> None:
    for size in (3, 30):
        with pytest.raises(Refused):
            at_30.sign(size, b"\x66" * 32)


def test_after_a_crash_the_same_head_is_signed_again(log: Any, at_30: Signer, memory: Path) -> None:
    """Killed between remembering and publishing: the next signer signs the same, and goes on."""
    lost = at_30.sign(*head_at(log, 40), proof(log, 30, 40))

    after = Signer(log.key, memory)

    assert after.last == head_at(log, 40)
    assert after.sign(*head_at(log, 40)) == lost
    after.sign(*head_at(log, 50), proof(log, 40, 50))
    with pytest.raises(Rollback):
        after.sign(*head_at(log, 30))


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("step", ["replace", "fsync-file", "fsync-folder"])
@pytest.mark.parametrize("stored", [False, True])
def test_dying_while_remembering_never_lets_two_heads_be_signed(
    log: Any,
    at_30: Signer,
    memory: Path,
    step: str,
    stored: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each write of the memory, not stored and stored but reported lost."""
    calls = {"n": 0}

    def dying(real: Any, nth: int) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            calls["n"] += 1
            if calls["n"] != nth:
                return real(*arguments, **named)
            if stored:
                real(*arguments, **named)
            raise Killed

        return call

    with monkeypatch.context() as patch:
        if step == "replace":
            patch.setattr(Path, "replace", dying(Path.replace, 1))
        else:
            nth = 1 if step == "fsync-file" else 2
            patch.setattr(memory_module.os, "fsync", dying(memory_module.os.fsync, nth))
        with pytest.raises(Killed):
            at_30.sign(*head_at(log, 40), proof(log, 30, 40))

    after = Signer(log.key, memory)
    size, root = after.last
    assert (size, root) in (head_at(log, 30), head_at(log, 40))
    after.sign(*head_at(log, 50), proof(log, size, 50))
    with pytest.raises(Refused):
        after.sign(40, b"\x66" * 32)


def test_a_torn_draft_of_the_memory_is_passed_over(log: Any, at_30: Signer, memory: Path) -> None:
    memory.with_name(memory.name + ".new").write_bytes(b'{"origin":')
    assert at_30.last == head_at(log, 30)
    at_30.sign(*head_at(log, 50), proof(log, 30, 50))
    assert at_30.last == head_at(log, 50)


def test_two_signers_over_one_memory_answer_one_after_the_other(log: Any, memory: Path) -> None:
    """Whichever order they come in, no head is signed after a larger one."""
    log.grow(40)
    Signer.create(log.key, memory)
    signed: list[int] = []
    refused: list[int] = []

    def run(sizes: list[int]) -> None:
        mine = Signer(log.key, memory)
        for size in sizes:
            before = mine.last[0]
            try:
                mine.sign(*head_at(log, size), proof(log, min(before, size), size))
                signed.append(size)
            except Refused:
                refused.append(size)

    threads = [threading.Thread(target=run, args=([*range(n, 41, 2)],)) for n in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(signed) + len(refused) == 40
    assert Signer(log.key, memory).last[0] == max(signed)


def test_a_signer_without_a_memory_signs_nothing(log: Any, memory: Path) -> None:
    """Removing the memory does not make a signer forget."""
    log.grow(3)
    with pytest.raises(MemoryUnreadable) as refused:
        Signer(log.key, memory).sign(*head_at(log, 3))
    assert refused.value.hint


def test_a_memory_is_made_once(log: Any, at_30: Signer, memory: Path) -> None:
    with pytest.raises(FileExistsError):
        Signer.create(log.key, memory)
    assert at_30.last[0] == 30


ROOT = "00" * 32


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        orjson.dumps({"origin": "handrail.example/log", "size": 3}),
        orjson.dumps({"origin": "handrail.example/log", "size": 3, "root": "zz"}),
        orjson.dumps({"origin": "handrail.example/log", "size": 3, "root": 7}),
        orjson.dumps({"origin": "handrail.example/log", "size": 3, "root": "00"}),
        orjson.dumps({"origin": "handrail.example/log", "size": True, "root": ROOT}),
        orjson.dumps({"origin": "handrail.example/log", "size": "3", "root": ROOT}),
        orjson.dumps({"origin": "another.example/log", "size": 3, "root": ROOT}),
    ],
)
def test_a_damaged_memory_signs_nothing(log: Any, memory: Path, body: bytes) -> None:
    memory.write_bytes(body)
    with pytest.raises(MemoryUnreadable):
        Signer(log.key, memory).sign(5, b"\0" * 32)


def test_another_logs_key_cannot_use_the_memory(at_30: Signer, memory: Path) -> None:
    other = Signer(SignerKey.generate("another.example/log"), memory)
    with pytest.raises(MemoryUnreadable, match="the memory is of"):
        other.sign(31, b"\0" * 32)
