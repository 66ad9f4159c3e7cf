"""The same call in another encoding is the same call (I16)."""

import json
import string
from dataclasses import replace

import pytest

from handrail.core.model import Tier
from support.house import House

RAW = [
    b'{"n":"u1","client":"acme","note":"password: Tiger-4821"}',
    b'{"n":"u1","client":"acme","note":"plain"}',
    b'{"n":"u1","client":"acme","user_ids":["a","b","c"]}',
    b'{"n":"svc-handrail-1","client":"acme"}',
]


@pytest.mark.parametrize("raw", RAW)
def test_I16_another_encoding_of_the_same_json_gives_the_same_tier(house: House, raw: bytes):
    escaped = "".join(
        f"\\u{ord(c):04x}" if c in string.ascii_letters else c for c in raw.decode()
    ).encode()
    request = house.request("restart_service")

    def found(arguments: bytes) -> Tier:
        asked = replace(request, arguments=arguments)
        return house.s.govern.dry_run(house.agent(), asked).tier

    spaced = json.dumps(json.loads(raw), indent=3).encode()
    turned = json.dumps(dict(reversed(json.loads(raw).items()))).encode()
    assert {found(form) for form in (escaped, spaced, turned)} == {found(raw)}
