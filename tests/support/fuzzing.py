"""What must hold for any bytes whatever: nothing crashes, and nothing becomes laxer (SPEC 2, I16).

The functions take raw bytes, so that a coverage-guided fuzzer can drive them (`tests/fuzz`).
"""

import random
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

from handrail.core.classify import classify
from handrail.core.model import Action, Fact, Facts, Request, Snapshot, Trigger
from handrail.core.policy import Policy, load
from handrail.core.policy_check import check
from handrail.errors import HandrailError, PolicyInvalid, Problem
from handrail.service.ask import parse
from support.house import policy_files

NOW = datetime(2026, 1, 5, tzinfo=UTC)
FACTS = Facts(
    {
        name: Fact(name, value, "test", NOW)
        for name, value in {
            "clients.count": 1,
            "client.id": "acme",
            "client.risk": "normal",
            "client.regimes": ["soc2"],
            "targets.count": 1,
            "user.class": "standard",
            "device.role": "workstation",
            "time.hour": 10,
            "time.weekday": 1,
            "time.business_hours": True,
        }.items()
    }
)


@cache
def practice() -> Policy:
    """The policy of the practice MSP: a real one, with rows of every kind."""
    root = files("handrail.practice") / "policy"
    found = {"handrail.yaml": (root / "handrail.yaml").read_text()}
    for folder in ("matrix", "rules"):
        for file in (root / folder).iterdir():
            found[f"{folder}/{file.name}"] = file.read_text()
    return load(found)


@cache
def texts() -> Mapping[str, str]:
    """A small policy, since it is loaded anew for every input."""
    return {**policy_files(), "rules/some.yaml": RULES}


@cache
def small() -> Policy:
    return load(texts())


RULES = """
rules:
  - name: health-servers
    about: {types: ["up.*"], effect: change}
    when: '"hipaa" in client.regimes && args.n == "Alpha"'
    tier: 3
    because: Health clients change with a person
"""


@cache
def types() -> tuple[str, ...]:
    return tuple(sorted(practice().rows))


def tier(type: str, arguments: Any, policy: Policy) -> int:
    """The tier of one call, all other things equal."""
    connection, _, tool = type.partition(".")
    request = Request(
        connection=connection,
        tool=tool,
        arguments=orjson.dumps(arguments),
        trigger=Trigger("ticket", "T-1"),
        reasoning="because",
        confidence=990,
    )
    action = Action(
        id="act_0",
        request=request,
        agent="agt_0",
        agent_version="1",
        clients=("acme",),
        targets=("one",),
        nonce=b"",
        connection_digest="c",
        tool_digest="t",
        digest=b"",
        at=NOW,
    )
    return int(classify(action, arguments, FACTS, policy, Snapshot()).tier)


def arguments(data: bytes) -> None:
    """Any arguments, of any type: refused in words or judged; and neither an argument more, nor
    another case or Unicode form of what they say, is judged more laxly."""
    if not data:
        return
    type = types()[data[0] % len(types())]
    request = Request(
        connection="practice",
        tool=type.partition(".")[2],
        arguments=data[1:],
        trigger=Trigger("ticket", "T-1"),
        reasoning="",
    )
    try:
        given = parse(request)
    except HandrailError:
        return
    policy = practice()
    plain = tier(type, given, policy)
    assert plain >= policy.rows[type].tier
    chance = random.Random(data)  # noqa: S311 - the same bytes, the same variant
    changes = (str.upper, str.swapcase, lambda t: unicodedata.normalize("NFKD", t))
    variant = _changed(given, chance.choice(changes))
    assert tier(type, variant, policy) >= plain, (type, given, variant)
    more = {**given, "zzz_one_more": chance.choice(["x", 1, None, ["a", "b"]])}
    if len(given) < len(more):
        assert tier(type, more, policy) >= plain, (type, given)


def _changed(value: Any, change: Any) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_changed(v, change) for v in value]
    if isinstance(value, dict):
        return {k: _changed(v, change) for k, v in value.items()}
    return value


def rules(data: bytes) -> None:
    """A file of rules more: refused with lines, or a policy that asks for as much or more."""
    text = data.decode("utf-8", "replace")
    found, problems = check({**texts(), "rules/zzz.yaml": text})
    assert all(p.file and p.line >= 1 and p.message for p in problems)
    policy, wrong = _loaded({**texts(), "rules/zzz.yaml": text})
    assert (policy is None) == (found is None) == bool(wrong)
    if policy is None:
        return
    if policy.rows.keys() != small().rows.keys():
        return  # any file may hold rows; what those do is another question
    for type in small().rows:
        for call in ({"n": "alpha", "client": "acme"}, {"n": ["ALPHA"]}):
            assert tier(type, call, policy) >= tier(type, call, small()), (type, text)


def main_file(data: bytes) -> None:
    """The main file, cut and written over anywhere: refused with lines, or a policy."""
    if len(data) < 4:
        return
    whole = texts()["handrail.yaml"]
    at = int.from_bytes(data[:2], "big") % len(whole)
    gone = data[2]
    text = whole[:at] + data[3:].decode("utf-8", "replace") + whole[at + gone :]
    _, problems = check({**texts(), "handrail.yaml": text})
    _, wrong = _loaded({**texts(), "handrail.yaml": text})
    assert all(p.line >= 1 and p.message for p in wrong)
    assert not wrong or any(p.severity == "error" for p in problems)


def _loaded(found: Mapping[str, str]) -> tuple[Policy | None, Sequence[Problem]]:
    """The policy, or what is wrong with it."""
    try:
        return load(found), ()
    except PolicyInvalid as error:
        return None, error.problems


TARGETS = {"arguments": arguments, "rules": rules, "main_file": main_file}
