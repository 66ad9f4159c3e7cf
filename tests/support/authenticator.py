"""An authenticator in software: makes passkeys and answers with them, truly or as a test wishes."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def text(data: bytes) -> str:
    """base64url without padding, as WebAuthn's JSON has it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class Authenticator:
    """One device with one passkey."""

    host: str = "localhost"
    origin: str = "http://localhost"
    flags: int = PRESENT | VERIFIED
    count: int = 0  #: 0 for ever where it keeps none
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    handle: bytes = b""

    def create(self, options: str, **client: Any) -> str:
        """The answer to registration *options*; *client* lays over what the browser says."""
        asked = orjson.loads(options)
        self.handle = base64.urlsafe_b64decode(asked["user"]["id"] + "==")
        at = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: at.x.to_bytes(32, "big"), -3: at.y.to_bytes(32, "big")}
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cbor2.dumps(cose)
        data = self._data(ATTESTED) + attested
        said = self._client("webauthn.create", asked["challenge"], client)
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        response = {
            "clientDataJSON": text(said),
            "attestationObject": text(attestation),
            "transports": ["internal", "teleport"],
        }
        return self._answer(response)

    def get(self, options: str, **client: Any) -> str:
        """The answer to a challenge."""
        asked = orjson.loads(options)
        if self.count:
            self.count += 1
        data, said = self._data(0), self._client("webauthn.get", asked["challenge"], client)
        signature = self.key.sign(data + hashlib.sha256(said).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": text(said),
            "authenticatorData": text(data),
            "signature": text(signature),
            "userHandle": text(self.handle),
        }
        return self._answer(response)

    def _data(self, flags: int) -> bytes:
        hashed = hashlib.sha256(self.host.encode()).digest()
        return hashed + bytes([self.flags | flags]) + self.count.to_bytes(4, "big")

    def _client(self, type: str, challenge: str, over: dict[str, Any]) -> bytes:
        said = {"type": type, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return orjson.dumps({**said, **over})

    def _answer(self, response: dict[str, Any]) -> str:
        id = text(self.id)
        found = {"id": id, "rawId": id, "type": "public-key", "response": response}
        return orjson.dumps({**found, "clientExtensionResults": {}}).decode()
