"""Cosignatures: whose they are, of what, and when."""

from typing import Any

import pytest

from handrail.ledger import checkpoint
from handrail.ledger.checkpoint import SignerKey, VerifierKey
from handrail.ledger.cosign import WitnessKey, WitnessVerifier, attach, cosign, cosigned
from handrail.ledger.errors import KeyInvalid, VerificationError

AT = 1_767_600_000
ONE = WitnessKey.generate("witness.example/one")
TWO = WitnessKey.generate("witness.example/two")


def test_a_cosigned_note_is_still_the_log_s_and_says_who_saw_it(log: Any) -> None:
    log.grow(3)
    note = attach(log.note(), [cosign(log.note(), ONE, AT), cosign(log.note(), TWO, AT + 1)])
    assert checkpoint.verify(note, log.key.verifier).size == 3
    keys = [ONE.verifier, TWO.verifier, WitnessKey.generate("witness.example/three").verifier]
    assert cosigned(note, keys) == {ONE.name: AT, TWO.name: AT + 1}


def test_the_newest_time_of_a_witness_counts(log: Any) -> None:
    lines = [cosign(log.note(), ONE, at) for at in (AT, AT + 9, AT + 5)]
    assert cosigned(attach(log.note(), lines), [ONE.verifier]) == {ONE.name: AT + 9}


def test_a_cosignature_of_another_head_or_time_or_length_is_false(log: Any) -> None:
    line = cosign(log.note(), ONE, AT)
    raw = bytearray(checkpoint.from_base64(line.decode().split(" ")[2].strip()))
    raw[11] ^= 1
    later = f"— {ONE.name} {checkpoint.to_base64(bytes(raw))}\n".encode()
    short = f"— {ONE.name} {checkpoint.to_base64(bytes(raw[:-1]))}\n".encode()
    for false in (later, short):
        with pytest.raises(VerificationError, match="false"):
            cosigned(attach(log.note(), [false]), [ONE.verifier])
    log.grow(1)
    with pytest.raises(VerificationError, match="false"):
        cosigned(attach(log.note(), [line]), [ONE.verifier])


def test_a_log_s_signature_never_passes_for_a_witness_s(log: Any) -> None:
    with pytest.raises(KeyInvalid, match="kind"):
        WitnessVerifier.parse(log.vkey)
    with pytest.raises(KeyInvalid, match="kind"):
        VerifierKey.parse(str(ONE.verifier))
    as_witness = WitnessVerifier(log.key.name, log.key.verifier.public)
    assert cosigned(log.note(), [as_witness]) == {}


def test_keys_survive_as_text() -> None:
    assert WitnessVerifier.parse(str(ONE.verifier)) == ONE.verifier
    assert WitnessKey.parse(ONE.export()).verifier == ONE.verifier
    with pytest.raises(KeyInvalid):
        SignerKey.parse(ONE.export())


@pytest.mark.parametrize("line", [b"", b"nonsense\n", b"\n\xe2\x80\x94 x QUJDREVG\n"])
def test_what_is_no_line_is_not_attached(log: Any, line: bytes) -> None:
    with pytest.raises(VerificationError):
        attach(log.note(), [line])
