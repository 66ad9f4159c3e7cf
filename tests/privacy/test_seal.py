"""Sealing: what is sealed opens under its own name and key, and in no other way."""

import sqlite3
import stat
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.errors import Unavailable, Unreadable
from handrail.privacy.seal import open_sealer

REF = "act_01:request"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "keys"


@pytest.fixture
def sealer(folder):
    with_keys = open_sealer(folder)
    yield with_keys
    with_keys.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with_keys = open_sealer(tmp_path_factory.mktemp("shared"))
    yield with_keys
    with_keys.close()


@given(
    plain=st.binary(max_size=2_000),
    ref=st.text(min_size=1, max_size=40),
    client=st.text(max_size=20),
)
def test_what_is_sealed_opens_again(shared, plain, ref, client):
    key, ciphertext = shared.seal(ref, client, plain)

    assert shared.open(ref, key, ciphertext) == plain
    assert len(plain) < 16 or plain not in ciphertext


@given(at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_any_changed_bit_is_noticed(shared, at, bit):
    key, ciphertext = shared.seal(REF, "c1", b"the plain text")
    changed = bytearray(ciphertext)
    changed[at % len(changed)] ^= 1 << bit

    with pytest.raises(Unreadable):
        shared.open(REF, key, bytes(changed))


@given(length=st.integers(0, 74))
def test_a_shortened_one_is_noticed(shared, length):
    key, ciphertext = shared.seal(REF, "c1", b"the plain text")

    with pytest.raises(Unreadable):
        shared.open(REF, key, ciphertext[: min(length, len(ciphertext) - 1)])


def test_it_opens_under_no_other_ref(sealer):
    key, ciphertext = sealer.seal("act_01:request", "c1", b"x")

    with pytest.raises(Unreadable, match="changed or moved"):
        sealer.open("act_02:request", key, ciphertext)


def test_I23_another_clients_key_does_not_open_it(sealer):
    key, ciphertext = sealer.seal(REF, "c1", b"x")
    other, _ = sealer.seal(REF, "c2", b"x")

    assert other != key
    with pytest.raises(Unreadable, match="another key"):
        sealer.open(REF, other, ciphertext)


def test_the_key_commitment_holds_even_where_the_header_was_swapped(sealer):
    """A ciphertext that claims another key's commitment still fails, by its tag."""
    _, first = sealer.seal(REF, "c1", b"x")
    other, second = sealer.seal(REF, "c2", b"x")

    with pytest.raises(Unreadable):
        sealer.open(REF, other, second[:33] + first[33:])


def test_the_same_text_is_never_sealed_alike(sealer):
    assert len({sealer.seal(REF, "c1", b"x")[1] for _ in range(1_000)}) == 1_000


def test_a_key_that_is_gone_leaves_nothing_to_read(folder, sealer):
    key, ciphertext = sealer.seal(REF, "c1", b"x")
    sealer.close()
    with sqlite3.connect(folder / "keys.db") as keys:
        keys.execute("DELETE FROM key")
    keys.close()
    again = open_sealer(folder)
    try:
        with pytest.raises(Unreadable, match="gone"):
            again.open(REF, key, ciphertext)
    finally:
        again.close()


def test_it_opens_after_a_restart_and_keeps_the_key(folder, sealer):
    key, ciphertext = sealer.seal(REF, "c1", b"x")
    again = open_sealer(folder)
    try:
        assert again.open(REF, key, ciphertext) == b"x"
        assert again.seal(REF, "c1", b"y")[0] == key
    finally:
        again.close()


def test_two_processes_agree_on_a_clients_key(folder, sealer):
    other = open_sealer(folder)
    try:
        key, ciphertext = sealer.seal(REF, "c1", b"x")
        assert other.seal(REF, "c1", b"y")[0] == key
        assert other.open(REF, key, ciphertext) == b"x"
    finally:
        other.close()


def test_a_new_key_is_on_disk_before_it_is_used(folder, sealer):
    key, _ = sealer.seal(REF, "c1", b"x")
    outside = sqlite3.connect(folder / "keys.db")
    try:
        assert outside.execute("SELECT client FROM key WHERE id = ?", (key,)).fetchone() == ("c1",)
    finally:
        outside.close()


def test_the_keys_lie_wrapped(folder, sealer):
    """Neither file alone holds a data key: the same plain key never stands in the key file."""
    sealer.seal(REF, "c1", b"x")
    master = (folder / "master.key").read_bytes()

    assert master not in (folder / "keys.db").read_bytes()


def test_files_are_their_owners_alone(folder, sealer):
    for file in folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_master_key_that_others_may_read_is_refused(folder, sealer):
    (folder / "master.key").chmod(0o640)

    with pytest.raises(Unavailable, match="others may read") as refused:
        open_sealer(folder)
    assert "chmod 600" in refused.value.hint


def test_a_missing_master_key_is_not_made_anew(folder, sealer):
    (folder / "master.key").unlink()

    with pytest.raises(Unreadable, match="missing"):
        open_sealer(folder)
    assert not (folder / "master.key").exists()


@pytest.mark.parametrize("content", [b"", b"short", b"another key of the right length!"])
def test_another_master_key_is_refused(folder, sealer, content):
    (folder / "master.key").write_bytes(content)

    with pytest.raises(Unreadable):
        open_sealer(folder)


def test_a_draft_left_by_a_crash_is_written_over(folder):
    folder.mkdir(mode=0o700)
    (folder / "master.new").write_bytes(b"half")
    sealer = open_sealer(folder)
    try:
        key, ciphertext = sealer.seal(REF, "c1", b"x")
        assert sealer.open(REF, key, ciphertext) == b"x"
    finally:
        sealer.close()


def test_a_key_file_that_is_none_is_refused(folder):
    folder.mkdir()
    (folder / "keys.db").write_bytes(b"this is not a database" * 100)

    with pytest.raises(Unavailable):
        open_sealer(folder)


def test_a_changed_key_is_refused(folder, sealer):
    key, ciphertext = sealer.seal(REF, "c1", b"x")
    sealer.close()
    with sqlite3.connect(folder / "keys.db") as keys:
        keys.execute("UPDATE key SET wrapped = zeroblob(60)")
    keys.close()
    again = open_sealer(folder)
    try:
        with pytest.raises(Unreadable, match="a key was changed"):
            again.open(REF, key, ciphertext)
        with pytest.raises(Unreadable, match="a key was changed"):
            again.seal(REF, "c1", b"y")
    finally:
        again.close()


def test_keys_that_cannot_be_used_are_unavailable_and_no_text_is_sealed(folder, sealer):
    sealer.close()

    with pytest.raises(Unavailable, match="cannot be used"):
        sealer.seal(REF, "c9", b"x")
    with pytest.raises(Unavailable, match="cannot be used"):
        sealer.open(REF, "key_other", b"x")


def test_many_threads_share_one(sealer):
    failed = []

    def work(n):
        for i in range(50):
            ref = f"act_{n}_{i}:request"
            key, ciphertext = sealer.seal(ref, f"c{i % 5}", ref.encode())
            if sealer.open(ref, key, ciphertext) != ref.encode():
                failed.append(ref)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()

    assert failed == []


def test_sealing_a_kilobyte_is_cheap(shared):
    """A bound far above the figure (about 2 µs), so that only a lost cache can break it."""
    kilobyte = b"x" * 1024
    shared.seal(REF, "c1", kilobyte)
    began = time.perf_counter()
    for _ in range(1_000):
        shared.seal(REF, "c1", kilobyte)

    assert (time.perf_counter() - began) / 1_000 < 200e-6
