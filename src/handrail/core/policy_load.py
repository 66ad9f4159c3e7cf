"""Policy text → `Policy`: everything is validated, and every problem is said with its line.

Layout of a folder: `handrail.yaml` (settings, roles, chains, routing, lookups, own ground,
freezes), `matrix/*.yaml` (rows; signatures on top of a file sign all its rows), `rules/*.yaml`.
Which file a row or a rule stands in means nothing, and neither do comments, quoting or order of
keys: the digest is over what is meant.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from handrail.core.model import Effect, Json
from handrail.core.policy import MatrixRow, Policy, RoleKind, Rule
from handrail.core.policy_main import read_main
from handrail.core.policy_rows import read_row, read_rule, read_signature
from handrail.core.policy_shape import ROWS
from handrail.core.yaml_lines import Node, Problems, parse, planted, suggestion
from handrail.errors import PolicyInvalid, Problem

MAIN = "handrail.yaml"


@dataclass(frozen=True, slots=True)
class Understood:
    """What could be read of a folder: the policy where there is one, what is wrong, and where
    each part stands. With problems, the policy is incomplete and not to be used."""

    policy: Policy | None
    problems: tuple[Problem, ...]
    main: Node | None
    rows: Mapping[str, Node]
    rules: Mapping[str, Node]


def understand(files: Mapping[str, str]) -> Understood:
    """Read a folder's files (relative path → text): YAML and iCalendar. Raises nothing."""
    problems = Problems()
    roots = {
        name: node
        for name, text in sorted(files.items())
        if name.endswith((".yaml", ".yml")) and (node := parse(name, text, problems)) is not None
    }
    if MAIN not in files:
        problems.add(MAIN, 1, "the file is missing", "Run `handrail init` for a start.", "folder")
    calendars = {name: text for name, text in files.items() if name.endswith(".ics")}
    main = roots.pop(MAIN, None)
    policy = read_main(main, calendars) if main is not None else None
    matrix = _Matrix(policy.roles if policy else {})
    for root in roots.values():
        matrix.take(root)
    if policy is not None and main is not None:
        _check_reads(matrix, main)
        document: dict[str, Any] = {
            "main": _plain(main),
            "rows": {type: matrix.documents[type] for type in sorted(matrix.rows)},
            "rules": {name: _plain(node) for name, (_, node) in sorted(matrix.rules.items())},
        }
        meant = _calendars_of(document["main"], calendars)
        if meant:
            document["calendars"] = meant
        policy = replace(
            policy,
            rows=matrix.rows,
            rules=tuple(rule for _, (rule, _) in sorted(matrix.rules.items())),
            document=document,
            digest=_digest(document),
        )
    return Understood(
        policy=policy,
        problems=tuple(sorted(problems.found, key=lambda p: (p.file, p.line))),
        main=main,
        rows=matrix.places,
        rules={name: node for name, (_, node) in matrix.rules.items()},
    )


def compile_policy(files: Mapping[str, str]) -> Policy:
    """Compile a folder's files. Raises `PolicyInvalid` with every problem."""
    found = understand(files)
    if found.problems or found.policy is None:
        raise PolicyInvalid(found.problems)
    return found.policy


def _digest(document: Mapping[str, Any]) -> str:
    """The digest of what is meant; empty where it holds what no valid policy holds."""
    try:
        packed = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    except (TypeError, ValueError, RecursionError):
        return ""  # such as a number of more than 64 bits: said as a problem where it stands
    return hashlib.sha256(packed).hexdigest()


def _calendars_of(main: Any, calendars: Mapping[str, str]) -> dict[str, str]:
    """The digest of each calendar file that a freeze, a role or holidays name."""
    main = main if isinstance(main, dict) else {}
    freezes, roles, holidays = (main.get(k) for k in ("freezes", "roles", "holidays"))
    listed = [*freezes] if isinstance(freezes, list) else []
    listed += holidays.values() if isinstance(holidays, dict) else ()
    kinds = roles.values() if isinstance(roles, dict) else ()
    listed += [k.get("on_call") for k in kinds if isinstance(k, dict)]
    named = [f.get("calendar") for f in listed if isinstance(f, dict)]
    return {
        name: hashlib.sha256(calendars[name].encode()).hexdigest()
        for name in sorted(n for n in named if isinstance(n, str) and n in calendars)
    }


def drafted_row(document: Mapping[str, Json]) -> MatrixRow:
    """Compile one drafted row, unsigned. Raises `PolicyInvalid` like the row of a file."""
    problems = Problems()
    row = read_row(planted(document, "draft", problems), (), {str(document.get("notify", ""))})
    if row is None or problems.found:
        raise PolicyInvalid(problems.found)
    return row


class _Matrix:
    """Rows and rules over all files, each with the place where it stands."""

    def __init__(self, roles: Mapping[str, RoleKind]) -> None:
        self.roles = roles
        self.rows: dict[str, MatrixRow] = {}
        self.documents: dict[str, Json] = {}
        self.places: dict[str, Node] = {}
        self.rules: dict[str, tuple[Rule, Node]] = {}

    def take(self, root: Node) -> None:
        """Take the rows and rules of one file."""
        top = root.fields(*ROWS.keys)
        signed = top["signatures"].items() if "signatures" in top else []
        shared = tuple(read_signature(n, self.roles) for n in signed)
        for node in top["rows"].items() if "rows" in top else ():
            row = read_row(node, shared, self.roles)
            if row is None:
                continue
            if row.type in self.rows:
                node.wrong(
                    f"{row.type} has a row already", "One row for each action type.", "twice"
                )
            own = _plain(node)
            mine = own.get("signatures")
            mine = mine if isinstance(mine, list) else []  # anything else was said already
            own["signatures"] = [*(_plain(s) for s in signed), *mine]
            self.rows[row.type], self.documents[row.type] = row, own
            self.places[row.type] = node
        for node in top["rules"].items() if "rules" in top else ():
            rule = read_rule(node)
            if rule is None:
                continue
            if rule.name in self.rules:
                node.wrong(
                    f"a rule named {rule.name!r} stands already", "Give it its own name.", "twice"
                )
            self.rules[rule.name] = (rule, node)


def _plain(node: Node) -> Any:
    """What *node* says, without its places."""
    if isinstance(node.value, dict):
        return {k: _plain(n) for k, n in node.value.items()}
    if isinstance(node.value, list):
        return [_plain(n) for n in node.value]
    return node.value


def _check_reads(matrix: _Matrix, main: Node) -> None:
    """Handrail reads only by rows that read: anything else would leave a fact or a check unknown
    for ever, and is a mistake in the policy."""
    for type, row in matrix.rows.items():
        rollback = row.rollback
        wanted = [row.check, row.solved, rollback.before if rollback else None]
        wanted.append(rollback.check if rollback else None)
        for read in wanted:
            if read is not None:
                _check_read(read.read, matrix.rows, matrix.places[type])
    top = main.value if isinstance(main.value, dict) else {}
    facts = top["facts"].value if "facts" in top else []
    for fact in facts if isinstance(facts, list) else []:
        place = fact.value.get("read") if isinstance(fact.value, dict) else None
        if place is not None and isinstance(place.value, str):
            _check_read(place.value, matrix.rows, place)


def _check_read(type: str, rows: Mapping[str, MatrixRow], place: Node) -> None:
    row = rows.get(type)
    if row is None:
        place.wrong(f"it reads {type}, which has no row", suggestion(type, rows), "unknown-name")
    elif row.effect is not Effect.READ:
        place.wrong(
            f"it reads {type}, whose effect is change", "Name a row that only reads.", "read"
        )
