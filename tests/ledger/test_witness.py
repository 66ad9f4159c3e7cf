"""Witnesses: ours over HTTP, and one that others wrote, each before the same attacks.

Rollback 409, a fork signed with the log's real key 422 (or 409 at one size), a wrong key 403.
"""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from witness_log import WitnessService

from handrail.ledger import anchor, checkpoint, merkle, proof
from handrail.ledger.anchor import Unanswered, Where
from handrail.ledger.checkpoint import SignerKey
from handrail.ledger.cosign import WitnessKey, WitnessVerifier, attach, cosign, cosigned
from handrail.ledger.errors import (
    Fork,
    KeyInvalid,
    MemoryUnreadable,
    Rollback,
    VerificationError,
)
from handrail.ledger.tiles import Folder
from handrail.ledger.verify import verify
from handrail.ledger.witness import SIZE, Witness
from handrail.ledger.witness_server import prepared, serving

AT = 1_767_600_000
KEY = WitnessKey.generate("witness.example/one")
Ask = Callable[[bytes], tuple[int, bytes]]


@pytest.fixture
def witness(log: Any, tmp_path: Path) -> Witness:
    Witness.introduce(tmp_path, log.key.name)
    return Witness(KEY, [log.key.verifier], tmp_path)


@pytest.fixture(params=["ours", "witness-log"])
def ask(request: pytest.FixtureRequest, log: Any, tmp_path: Path, witness: Witness) -> Ask:
    """Offer a body to a witness; what it answers."""
    if request.param == "ours":

        def ours(body: bytes) -> tuple[int, bytes]:
            answer = witness.add_checkpoint(body, AT)
            return answer.status, answer.body

        return ours
    other = WitnessService.new(KEY.name, KEY.secret.private_bytes_raw())
    assert other.add_log(log.key.name, log.vkey)
    assert WitnessVerifier.parse(other.vkey()) == KEY.verifier

    def theirs(body: bytes) -> tuple[int, bytes]:
        status, said = other.handle_add_checkpoint(body.decode(), AT)
        return status, said.encode()

    return theirs


def offer(log: Any, path: Path, old: int) -> bytes:
    """The log as it stands, published anew, offered from *old*."""
    return proof.consistency(Folder(log.write(path / f"{log.head.size}-{id(log)}-{old}")), old)


def test_a_log_that_grows_is_cosigned(ask: Ask, log: Any, tmp_path: Path) -> None:
    for old, new in ((0, 1), (1, 7), (7, 300), (300, 300)):
        log.grow(new - old)
        status, line = ask(offer(log, tmp_path, old))
        assert status == 200
        assert cosigned(attach(log.note(), [line]), [KEY.verifier]) == {KEY.name: AT}


def test_a_rollback_is_refused(ask: Ask, log: Any, make_log: Any, tmp_path: Path) -> None:
    log.grow(20)
    assert ask(offer(log, tmp_path, 0))[0] == 200
    older = make_log(key=log.key).grow(10)
    for old in (0, 5, 10):
        status, said = ask(offer(older, tmp_path, old))
        assert (status, said) == (409, b"20\n")
    assert ask(b"old 20\n\n" + older.note())[0] == 400


def test_a_fork_signed_with_the_real_key_is_refused(
    ask: Ask, log: Any, make_log: Any, tmp_path: Path
) -> None:
    log.grow(20)
    assert ask(offer(log, tmp_path, 0))[0] == 200
    fork = make_log(key=log.key)
    fork.add(by="person:somebody-else")
    fork.grow(19)
    assert ask(offer(fork, tmp_path, 20))[0] in {409, 422}  # one size, two roots: 409 by the
    # letter of tlog-witness, and ours; witness-log says 422
    fork.grow(20)
    assert ask(offer(fork, tmp_path, 20))[0] == 422
    log.grow(1)
    assert ask(offer(log, tmp_path, 20))[0] == 200  # the control: the log itself goes on


def test_a_wrong_key_and_another_log_are_refused(
    ask: Ask, log: Any, make_log: Any, tmp_path: Path
) -> None:
    thief = make_log(key=SignerKey.generate(log.key.name)).grow(3)
    assert ask(offer(thief, tmp_path, 0))[0] == 403
    stranger = "handrail.example/other"
    other = checkpoint.Checkpoint(stranger, 0, merkle.EMPTY_ROOT)
    note = checkpoint.sign(other, SignerKey.generate(stranger))
    assert ask(b"old 0\n\n" + note)[0] == 404
    assert ask(b"nonsense")[0] == 400


def test_the_memory_outlives_the_witness(
    witness: Witness, log: Any, make_log: Any, tmp_path: Path
) -> None:
    log.grow(20)
    assert witness.add_checkpoint(offer(log, tmp_path, 0), AT).status == 200
    again = Witness(KEY, [log.key.verifier], tmp_path)
    assert again.last(log.key.name) == (20, log.head.root)
    answer = again.add_checkpoint(offer(make_log(key=log.key).grow(5), tmp_path, 0), AT)
    assert (answer.status, answer.kind, answer.body) == (409, SIZE, b"20\n")
    with pytest.raises(FileExistsError):
        Witness.introduce(tmp_path, log.key.name)


def test_a_witness_that_lost_its_memory_signs_nothing(log: Any, tmp_path: Path) -> None:
    """The witness itself put back: without what it saw it never takes a head for progress."""
    forgetful = Witness(KEY, [log.key.verifier], tmp_path / "nowhere")
    (tmp_path / "nowhere").mkdir()
    with pytest.raises(MemoryUnreadable):
        forgetful.add_checkpoint(offer(log.grow(2), tmp_path, 0), AT)


def test_two_requests_at_once_leave_one_head(witness: Witness, log: Any, tmp_path: Path) -> None:
    log.grow(5)
    five = offer(log, tmp_path, 0)
    log.grow(5)
    ten = offer(log, tmp_path, 0)
    together = threading.Barrier(2)
    found: list[int] = []

    def send(body: bytes) -> None:
        together.wait()
        found.append(witness.add_checkpoint(body, AT).status)

    threads = [threading.Thread(target=send, args=(body,)) for body in (five, ten)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [200, 409]  # the later one is told to prove from the earlier one
    assert witness.last(log.key.name)[0] in {5, 10}


# --- over HTTP ---


@contextmanager
def answering(witness: Witness) -> Iterator[str]:
    server = serving(witness, "127.0.0.1", 0, lambda: AT)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def url(witness: Witness) -> Iterator[str]:
    with answering(witness) as url:
        yield url


def test_a_published_log_is_anchored_and_verify_says_so(
    url: str, log: Any, make_log: Any, tmp_path: Path
) -> None:
    one, two = Where(KEY.verifier, url), WitnessKey.generate("witness.example/two").verifier
    for n in range(2):
        path = log.grow(30).write(tmp_path / str(n))
        assert verify(path, log.vkey, witnesses=[str(one.key)]).level == "unanchored"
        assert anchor.missing(path, [one]) == [one]
        note, line = anchor.cosignature(path, one)
        (path / "checkpoint").write_bytes(attach(note, [line]))
        assert anchor.missing(path, [one]) == []
        level = verify(path, log.vkey, witnesses=[str(one.key), str(two)]).level
        assert level == "witnessed 1 of 2"
        assert verify(path, log.vkey).level == "unanchored"  # nobody's word was asked for
    with pytest.raises(Rollback):
        anchor.cosignature(make_log(key=log.key).grow(9).write(tmp_path / "older"), one)
    fork = make_log(key=log.key)
    fork.add(by="person:x")
    fork.grow(59)
    with pytest.raises(Fork, match="another root"):
        anchor.cosignature(fork.write(tmp_path / "fork"), one)
    with pytest.raises(Fork, match="another log"):
        anchor.cosignature(fork.grow(1).write(tmp_path / "longer"), one)
    thief = make_log(key=SignerKey.generate(log.key.name)).grow(1)
    with pytest.raises(Unanswered, match="403"):
        anchor.cosignature(thief.write(tmp_path / "thief"), one)


def test_a_witness_that_is_not_there_or_is_another(url: str, log: Any, tmp_path: Path) -> None:
    path = log.grow(3).write(tmp_path / "log")
    with pytest.raises(Unanswered, match="does not answer"):
        anchor.cosignature(path, Where(KEY.verifier, "http://127.0.0.1:1"))
    with pytest.raises(Unanswered, match="does not answer"):
        anchor.cosignature(path, Where(KEY.verifier, "https://127.0.0.1:1"))
    another = WitnessKey.generate("witness.example/two").verifier
    with pytest.raises(VerificationError):
        anchor.cosignature(path, Where(another, url))
    same_name = WitnessKey.generate(KEY.name).verifier
    with pytest.raises(VerificationError, match="not its cosignature"):
        anchor.cosignature(path, Where(same_name, url))


def asked(url: str, method: str, path: str, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    try:
        connection.putrequest(method, path)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()


def test_what_is_no_request_of_a_log_is_refused(url: str) -> None:
    assert asked(url, "GET", "/add-checkpoint", {}) == 405
    assert asked(url, "POST", "/other", {"Content-Length": "0"}) == 404
    assert asked(url, "POST", "/add-checkpoint", {}) == 411
    assert asked(url, "POST", "/add-checkpoint", {"Content-Length": "-1"}) == 411
    assert asked(url, "POST", "/add-checkpoint", {"Content-Length": "99999999"}) == 413
    assert asked(url, "POST", "/add-checkpoint", {"Content-Length": "0"}) == 400


def test_a_server_whose_witness_forgot_says_so(log: Any, tmp_path: Path) -> None:
    (tmp_path / "nowhere").mkdir()
    witness = Witness(KEY, [log.key.verifier], tmp_path / "nowhere")
    path = log.grow(3).write(tmp_path / "log")
    with answering(witness) as url, pytest.raises(Unanswered, match="500: this witness signs"):
        anchor.cosignature(path, Where(KEY.verifier, url))


class Scripted:
    """A witness that says what a test wants."""

    def __init__(self, *sizes: bytes) -> None:
        self._said = list(sizes)

    def add_checkpoint(self, body: bytes, at: int) -> Any:
        from handrail.ledger.witness import Answer

        return Answer(409, self._said.pop(0))


@pytest.mark.parametrize("said", [[b"x"], [b"1\n", b"2\n", b"1\n"]])
def test_a_witness_that_makes_no_sense_is_left(log: Any, tmp_path: Path, said: list[bytes]) -> None:
    path = log.grow(3).write(tmp_path / "log")
    with answering(Scripted(*said)) as url, pytest.raises(Unanswered):  # type: ignore[arg-type]
        anchor.cosignature(path, Where(KEY.verifier, url))


def test_the_file_of_witnesses(tmp_path: Path) -> None:
    file = tmp_path / "witnesses"
    assert anchor.read(file) == ()
    file.write_text(f"# ours\n\n{KEY.verifier} https://witness.example/\n")
    assert anchor.read(file) == (Where(KEY.verifier, "https://witness.example"),)
    for line in ("x", f"{KEY.verifier} ftp://x", f"{KEY.verifier}", "x https://x"):
        file.write_text(line)
        with pytest.raises(KeyInvalid):
            anchor.read(file)
    file.write_text(f"{KEY.verifier} https://x\n" * 33)
    with pytest.raises(KeyInvalid, match="more than 32"):
        anchor.read(file)


def test_a_false_cosignature_is_broken_not_missing(log: Any, tmp_path: Path) -> None:
    path = log.grow(3).write(tmp_path / "log")
    line = cosign(log.note(), KEY, AT)
    (path / "checkpoint").write_bytes(attach(log.grow(1).note(), [line]))
    with pytest.raises(VerificationError, match="cosignature"):
        verify(path, log.vkey, witnesses=[str(KEY.verifier)])


def test_a_witness_starts_with_a_memory_or_is_told_that_the_log_is_new(
    log: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "witness"
    with pytest.raises(MemoryUnreadable):
        prepared(folder, "witness.example/one", [log.vkey], new=False)
    made = prepared(folder, "witness.example/one", [log.vkey], new=True)
    again = prepared(folder, "another name", [log.vkey], new=False)
    assert again.key.verifier == made.key.verifier
    assert (folder / "key").stat().st_mode & 0o077 == 0
    with pytest.raises(FileExistsError):
        prepared(folder, "witness.example/one", [log.vkey], new=True)
