"""Checkpoints and keys: what is signed, what is read, what is refused."""

import base64
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.ledger import checkpoint
from handrail.ledger.checkpoint import Checkpoint, SignerKey, VerifierKey
from handrail.ledger.errors import KeyInvalid, VerificationError

NAME = "handrail.example/log"
# Always the same, since the names of tests are made from it.
KEY = SignerKey(NAME, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
HEAD = Checkpoint(NAME, 1024, b"\x5a" * 32)
ROOT = base64.b64encode(HEAD.root).decode()


def sign_text(text: str, key: SignerKey = KEY, name: str | None = None) -> bytes:
    """A note as the key's owner could make it, of any text."""
    raw = key.verifier.id + key.secret.sign(text.encode())
    return f"{text}\n— {name or key.name} {base64.b64encode(raw).decode()}\n".encode()


# --- keys ---


def test_a_key_that_others_made_is_read() -> None:
    """The key in the documentation of Go's sumdb/note."""
    text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    key = VerifierKey.parse(text)
    assert (key.name, key.id.hex(), str(key)) == ("PeterNeumann", "c74f20a3", text)


def test_a_secret_key_that_others_made_signs_as_theirs_does() -> None:
    """Key, text and signature in the documentation of Go's sumdb/note."""
    key = SignerKey.parse(
        "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
    )
    note = sign_text(
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n",
        key,
    )
    assert note.decode().endswith(
        "\n\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )


def test_keys_read_back() -> None:
    assert VerifierKey.parse(f" {KEY.verifier}\n") == KEY.verifier
    assert SignerKey.parse(f"{KEY.export()}\n").verifier == KEY.verifier


def test_no_key_shows_its_secret_when_it_is_printed() -> None:
    secret = KEY.secret.private_bytes_raw()
    for shown in (repr(KEY), str(KEY), f"{KEY.verifier!r}"):
        assert base64.b64encode(b"\x01" + secret).decode() not in shown
        assert secret.hex() not in shown
        assert repr(secret) not in shown


@pytest.mark.parametrize("name", ["", "two words", "a+b", "line\nbreak", "tab\t", "x" * 256])
def test_names_that_no_note_can_carry(name: str) -> None:
    with pytest.raises(KeyInvalid):
        SignerKey.generate(name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "handrail",
        "a+b",
        str(KEY.verifier).replace("+", "-"),
        str(KEY.verifier)[:-4],
        str(KEY.verifier) + "=",
        str(KEY.verifier).replace(NAME, "handrail.example/other"),
        f"{NAME}+{KEY.verifier.id.hex().upper()}x+AAAA",
        f"{NAME}+00000000+{str(KEY.verifier).split('+', 2)[2]}",
        f"{NAME}+{KEY.verifier.id.hex()}+" + base64.b64encode(b"\x02" + b"k" * 32).decode(),
        f"{NAME}+{KEY.verifier.id.hex()}+not base64",
        KEY.export(),
    ],
)
def test_a_damaged_public_key_is_refused(text: str) -> None:
    with pytest.raises(KeyInvalid) as refused:
        VerifierKey.parse(text)
    assert refused.value.hint


def test_a_public_key_has_32_bytes() -> None:
    with pytest.raises(KeyInvalid, match="32 bytes"):
        VerifierKey(NAME, b"short")


@pytest.mark.parametrize(
    "text",
    [
        "",
        str(KEY.verifier),
        KEY.export()[8:],
        KEY.export().replace("PRIVATE", "PUBLIC"),
        KEY.export().replace(NAME, "handrail.example/other"),
        f"PRIVATE+KEY+{NAME}+{KEY.verifier.id.hex()}+" + base64.b64encode(b"\x01short").decode(),
        f"PRIVATE+KEY+{NAME}+{KEY.verifier.id.hex()}+"
        + base64.b64encode(b"\x02" + b"k" * 32).decode(),
    ],
)
def test_a_damaged_secret_key_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(KeyInvalid) as refused:
        SignerKey.parse(text)
    assert len(text) < 10 or text not in str(refused.value)


# --- checkpoints ---


def test_a_checkpoint_has_the_form_of_c2sp() -> None:
    note = checkpoint.sign(HEAD, KEY).decode()
    text, _, signatures = note.partition("\n\n")
    assert text == f"{NAME}\n1024\n{ROOT}"
    assert signatures.startswith(f"— {NAME} ")
    assert note == sign_text(HEAD.text()).decode()


def test_signing_again_gives_the_same() -> None:
    assert checkpoint.sign(HEAD, KEY) == checkpoint.sign(HEAD, KEY)


@given(st.integers(0, checkpoint.MAX_SIZE), st.binary(min_size=32, max_size=32))
@settings(deadline=None, max_examples=30)
def test_what_was_signed_is_what_is_read(size: int, root: bytes) -> None:
    head = Checkpoint(NAME, size, root)
    note = checkpoint.sign(head, KEY)
    assert checkpoint.verify(note, KEY.verifier) == head == checkpoint.parse(note)


def test_lines_that_others_add_are_kept() -> None:
    head = replace(HEAD, extensions=("one", "two words"))
    assert checkpoint.verify(checkpoint.sign(head, KEY), KEY.verifier) == head


def test_signatures_of_others_are_passed_over() -> None:
    witness = SignerKey.generate("witness.example")
    twin = SignerKey.generate(NAME)  # the log's name, another key
    note = checkpoint.sign(HEAD, KEY)
    for other in (witness, twin):
        note += checkpoint.sign(HEAD, other).partition(b"\n\n")[2]
    assert checkpoint.verify(note, KEY.verifier) == HEAD


def test_a_wrong_key_is_refused() -> None:
    other = SignerKey.generate(NAME)
    with pytest.raises(VerificationError, match="not signed by"):
        checkpoint.verify(checkpoint.sign(HEAD, KEY), other.verifier)


def test_a_signature_over_another_text_is_refused() -> None:
    note = checkpoint.sign(HEAD, KEY).replace(b"1024", b"1025")
    with pytest.raises(VerificationError, match="is false"):
        checkpoint.verify(note, KEY.verifier)


def test_a_false_signature_beside_a_good_one_is_refused() -> None:
    forged = base64.b64encode(KEY.verifier.id + b"\0" * 64).decode()
    note = checkpoint.sign(HEAD, KEY) + f"— {NAME} {forged}\n".encode()
    with pytest.raises(VerificationError, match="is false"):
        checkpoint.verify(note, KEY.verifier)


def test_the_checkpoint_of_another_log_is_refused_though_the_key_signed_it() -> None:
    note = checkpoint.sign(replace(HEAD, origin="handrail.example/other"), KEY)
    with pytest.raises(VerificationError, match="of the log"):
        checkpoint.verify(note, KEY.verifier)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"{NAME}\n1024\n", "three lines"),
        (f"{NAME}\n-1\n{ROOT}\n", "not a size"),
        (f"{NAME}\n+1\n{ROOT}\n", "not a size"),
        (f"{NAME}\n01\n{ROOT}\n", "not a size"),
        (f"{NAME}\n1 \n{ROOT}\n", "not a size"),
        (f"{NAME}\n1_0\n{ROOT}\n", "not a size"),
        (f"{NAME}\n\u0661\n{ROOT}\n", "not a size"),
        (f"{NAME}\n\n{ROOT}\n", "not a size"),
        (f"{NAME}\n{2**63}\n{ROOT}\n", "not a size"),
        (f"{NAME}\n{'9' * 5000}\n{ROOT}\n", "not a size"),
        (f"{NAME}\n1\n{ROOT[:-1]}\n", "not base64"),
        (f"{NAME}\n1\n{ROOT[:-2]}p=\n", "not base64"),  # the same bytes, spelled otherwise
        (f"{NAME}\n1\n{ROOT.lower()} \n", "not base64"),
        (f"{NAME}\n1\nAAAA\n", "32 bytes"),
        (f"\n1\n{ROOT}\n", "empty line"),
        (f"{NAME}\n1\n{ROOT}\n\nmore\n", "empty line"),
        (f"{NAME}\r\n1\n{ROOT}\n", "control character"),
        (f"{NAME}\n1\n{ROOT}\n{'x' * 70_000}\n", "larger than"),
    ],
)
def test_a_malformed_checkpoint_is_refused_though_the_key_signed_it(text: str, why: str) -> None:
    with pytest.raises(VerificationError, match=why):
        checkpoint.verify(sign_text(text), KEY.verifier)


GOOD = checkpoint.sign(HEAD, KEY)


@pytest.mark.parametrize(
    ("note", "why"),
    [
        (b"", "no signatures"),
        (HEAD.text().encode(), "no signatures"),
        (HEAD.text().encode() + b"\n", "no signatures"),
        (GOOD[:-1], "no signatures"),
        (GOOD + b"\n", "no signatures"),
        (GOOD.replace("— ".encode(), b"- "), "malformed signature"),
        (GOOD.replace("— ".encode(), "—  ".encode()), "malformed signature"),
        (GOOD[:-1] + b" x\n", "malformed signature"),
        (GOOD + "— a+b AAAAAAAA\n".encode(), "malformed signature"),
        (GOOD + "— short AAAA\n".encode(), "malformed signature"),
        (GOOD + "— bad AA*A\n".encode(), "not base64"),
        (GOOD + b"\xff\n", "not UTF-8"),
        (GOOD + b"\x00\n", "control character"),
    ],
)
def test_a_malformed_note_is_refused(note: bytes, why: str) -> None:
    with pytest.raises(VerificationError, match=why) as refused:
        checkpoint.verify(note, KEY.verifier)
    assert refused.value.where == "checkpoint"


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_no_bytes_make_it_fail_in_another_way(note: bytes) -> None:
    for bytes_ in (note, HEAD.text().encode() + b"\n" + note, GOOD + note):
        if bytes_ != GOOD:
            with pytest.raises(VerificationError):
                checkpoint.verify(bytes_, KEY.verifier)
