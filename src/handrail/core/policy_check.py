"""What is wrong with a policy beyond what keeps it from loading: `handrail check` (SPEC 2).

* A condition that can never hold, or always does; a word that an attribute never has.
* A rule that another one always outdoes; a route that no call reaches.
* A name of an action type that has no row; a fact that a row needs and nothing looks up.
* A role or a chain that nobody stands behind (`policy_people`).

Everything said is certain unless its text says on what it rests. What cannot be decided is not
said: no finding is no proof. An *error* here is as sure as one of the loader, and keeps a version
from being published; a version in force goes on, whatever a later Handrail finds in it.
"""

import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from handrail.core.condition_space import REGIMES, compared, implies, odd_words, verdict
from handrail.core.conditions import Condition
from handrail.core.model import Client, Effect, Person, Tier
from handrail.core.policy import MatrixRow, Policy, Rule, matches
from handrail.core.policy_load import Understood, understand
from handrail.core.policy_people import of_people
from handrail.core.policy_rules import covers, fixed_by
from handrail.core.vocabulary import CATEGORIES
from handrail.core.words import fold
from handrail.core.yaml_lines import Node, suggestion
from handrail.errors import Problem

#: Facts that Handrail establishes by itself, without a lookup of the policy.
OWN_FACTS = ("client.", "clients.", "targets.", "time.", "action.", "agent.", "trigger.", "data.")
_WILD = re.compile(r"[*?\[]")


def check(
    files: Mapping[str, str],
    *,
    people: Sequence[Person] | None = None,
    clients: Sequence[Client] = (),
) -> tuple[Policy | None, tuple[Problem, ...]]:
    """The policy of *files* where it loads, and everything found, in the order of the files.

    With *people* (and the *clients* they work for) also who could answer. Raises nothing.
    """
    found = understand(files)
    problems = list(found.problems)
    if not problems and found.policy is not None:
        problems += findings(found, found.policy)
        problems += of_people(found, found.policy, people, clients)
    ordered = sorted(set(problems), key=lambda p: (p.file, p.line, p.severity, p.message))
    return (None if found.problems else found.policy), tuple(ordered)


def findings(found: Understood, policy: Policy) -> Iterator[Problem]:
    """What is wrong with a policy that loads, by itself."""
    main = found.main
    assert main is not None  # noqa: S101 - a policy that loads has its main file
    names = _Names(policy)
    for rule in policy.rules:
        yield from _rule(rule, found.rules[rule.name], names)
    yield from _shadowed(found, policy)
    yield from _routes(_list(main, "routing"), policy)
    for type, row in policy.rows.items():
        yield from _row(row, found.rows[type], policy)
    for key in ("four_eyes", "prohibited", "facts", "freezes"):
        for node in _list(main, key):
            yield from _globs(node, names)
    for node in _list(main, "beside"):
        if not node_at(node, "data_classes").value:
            yield _said(node, "never", "it names no class of data: the role is never asked")


class _Names:
    """The action types that have rows, and their connections, folded once for all rules."""

    def __init__(self, policy: Policy) -> None:
        self.types = policy.rows
        self.folded = {fold(type): row for type, row in policy.rows.items()}
        self.connections = {type.partition(".")[0] for type in self.folded}

    def rows_of(self, globs: Sequence[str]) -> list[MatrixRow]:
        """The rows whose types are among *globs*."""
        found = re.compile("|".join(fnmatch.translate(fold(g)) for g in globs))
        return [row for type, row in self.folded.items() if found.match(type)]


# --- conditions -----------------------------------------------------------------------------------


def _condition(
    what: str,
    condition: Condition | None,
    node: Node,
    fixed: Mapping[str, Sequence[Any]],
    *,
    within: bool = False,
) -> Iterator[Problem]:
    """What is wrong with one condition. *within*: one of a bound, which must be true."""
    if condition is None or condition.text == "true":
        return
    told = verdict(condition, fixed)
    odd = list(odd_words(condition.text))
    if told is not None and not told.always:
        if within:
            text = f"{what} is never true: every call of the row waits for a person"
        else:
            text = f"{what} can never hold"
            if told.names:
                text += f", except where {_or(told.names)} is not known"
        if told.usual:
            text += ", as long as lookups give the usual words"
        hint = _hint(odd) or "Correct the condition, or take it out."
        sure = not told.usual and not within
        yield _said(node, "never", text, hint, error=sure)
        return
    if told is not None:
        text = f"{what} is always true: {'it bounds nothing' if within else 'when: says nothing'}"
        yield _said(node, "always", text, "Correct the condition, or leave it out.")
        return
    for name, word, words, closed in odd:
        text = f"{what} compares {name} with {word!r}, which is none of its words"
        yield _said(node, "unknown-word", text, suggestion(word, words), error=closed)
    for literal in compared(condition.text, "client.regimes").literals:
        if isinstance(literal, str) and fold(literal) not in REGIMES:
            near = suggestion(literal, REGIMES)
            if near.startswith("Did you mean"):
                text = f"{what} asks for the regime {literal!r}"
                yield _said(node, "unknown-word", text, near)


def _hint(odd: Sequence[tuple[str, str, Sequence[str], bool]]) -> str:
    return f"{odd[0][0]} is never {odd[0][1]!r}. {suggestion(odd[0][1], odd[0][2])}" if odd else ""


def _or(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


# --- rules ----------------------------------------------------------------------------------------


def _rule(rule: Rule, node: Node, names: _Names) -> Iterator[Problem]:
    at = node_at(node, "when")
    yield from _condition(f"the rule {rule.name!r}", rule.when, at, fixed_by(rule))
    about = node_at(node, "about")
    yield from _globs(about, names)
    kinds = names.rows_of(rule.types) if rule.types else []
    if kinds and not any(rule.about(r.type, r.category, r.effect) for r in kinds):
        yield _said(
            about,
            "never",
            f"the rule {rule.name!r} is about no row: those of its types have another category "
            "or effect",
            "Correct about:.",
        )
    yield from _types(rule.when, at, names)


def _types(condition: Condition, node: Node, names: _Names) -> Iterator[Problem]:
    for literal in compared(condition.text, "action.type").literals:
        if isinstance(literal, str) and fold(literal) not in names.folded:
            yield _said(
                node, "unknown-name", f"{literal} has no row", suggestion(literal, names.types)
            )


def _globs(node: Node, names: _Names) -> Iterator[Problem]:
    """Action types that no row has: whole names, and connections. A pattern over tools may well be
    there for rows to come."""
    for text in _texts(node):
        connection = fold(text.value).partition(".")[0]
        if not _WILD.search(text.value):
            if fold(text.value) not in names.folded:
                hint = suggestion(text.value, names.types)
                yield _said(text, "unknown-name", f"{text.value} has no row", hint)
        elif not _WILD.search(connection) and connection not in names.connections:
            hint = suggestion(connection, names.connections)
            yield _said(text, "unknown-name", f"no row is of the connection {connection!r}", hint)


def _texts(node: Node) -> Iterator[Node]:
    """The action types of one item: itself, its `type`, its `types`."""
    if isinstance(node.value, str):
        yield node
    elif isinstance(node.value, dict):
        listed = node.value.get("types")
        yield from listed.value if listed is not None else ()
        if "type" in node.value:
            yield node.value["type"]


def _shadowed(found: Understood, policy: Policy) -> Iterator[Problem]:
    """Rules that never decide a tier, because another one asks for as much wherever they hold."""
    places = {r.name: (found.rules[r.name].file, found.rules[r.name].line) for r in policy.rules}
    for rule in policy.rules:
        for other in policy.rules:
            if other is rule or not covers(other, rule):
                continue
            same = covers(rule, other)
            if same and places[other.name] > places[rule.name]:
                continue  # said once, of the later one
            yield _said(
                found.rules[rule.name],
                "shadowed",
                f"the rule {rule.name!r} never decides: {other.name!r} asks for tier "
                f"{other.tier.wire} wherever it holds",
                "Take it out, or narrow the other.",
            )
            break


# --- routes ---------------------------------------------------------------------------------------


def _routes(nodes: Sequence[Node], policy: Policy) -> Iterator[Problem]:
    for n, route in enumerate(policy.routing):
        at = node_at(nodes[n], "when")
        fixed: dict[str, Sequence[Any]] = {}
        if route.categories:
            fixed["action.category"] = sorted(route.categories)
        yield from _condition("this route", route.when, at, fixed)
        open_for = {
            category
            for category in route.categories or CATEGORIES
            if not any(
                (not earlier.categories or category in earlier.categories)
                and implies(route.when, earlier.when, {"action.category": [category]})
                for earlier in policy.routing[:n]
            )
        }
        if not open_for:
            yield _said(
                nodes[n],
                "unreachable",
                "this route is never reached: the ones before it take all its calls",
                "Move it up, or take it out.",
            )


# --- rows -----------------------------------------------------------------------------------------


def _row(row: MatrixRow, node: Node, policy: Policy) -> Iterator[Problem]:
    kind: dict[str, Sequence[Any]] = {
        "action.type": [row.type],
        "action.category": [row.category],
        "action.effect": [row.effect.value],
        "target.kind": [row.target_kind],
    }
    for bound, at in zip(row.bounds, _list(node, "bounds"), strict=True):
        text = f"the bound {bound.name!r}"
        yield from _condition(text, bound.when, node_at(at, "when"), kind, within=True)
    blank = [f for f in ("reversibility", "blast_radius", "compliance", "frequency")
             if f not in row.scorecard.factors]  # fmt: skip
    if blank and row.signed:
        named = _or([b.replace("_", " ") for b in blank])
        yield _said(
            node_at(node, "scorecard"),
            "blank",
            f"{row.type}: {named} is blank, and counts at its worst",
            "Score it, with a sentence why.",
        )
    for name in row.needs_facts:
        if name.startswith(OWN_FACTS) or any(
            lk.name == name and (not lk.types or matches(row.type, lk.types))
            for lk in policy.lookups
        ):
            continue
        yield _said(
            node_at(node, "needs_facts"),
            "no-lookup",
            f"{row.type} needs {name}, and no fact of this policy looks it up for it: unless a "
            "directory gives it, every call waits",
            f"Add it under facts: in handrail.yaml, for types: [{row.type}].",
        )
    free = row.effect is Effect.CHANGE and row.tier < Tier.APPROVE
    if free and row.content == () and row.velocity is None:
        yield _said(
            node,
            "no-limit",
            f"{row.type} has no content of its own and no velocity: nothing limits how often it "
            "runs but the agent's limit per hour",
            "Add velocity: {max: 20, per: 1h}.",
        )
    raised = [r.name for r in policy.rules
              if r.tier is Tier.NOTIFY and r.about(row.type, row.category, row.effect)]  # fmt: skip
    if raised and not row.notify and row.tier < Tier.NOTIFY:
        yield _said(
            node,
            "no-notify",
            f"the rule {raised[0]!r} can raise {row.type} to tier 2, and its row names nobody to "
            "tell: the notice goes along the chain",
            "Add notify: with a role.",
        )
    for call in row.rollback.calls if row.rollback else ():
        if call.call not in policy.rows:
            yield _said(
                node_at(node, "rollback"),
                "unknown-name",
                f"undoing {row.type} calls {call.call}, which has no row",
                suggestion(call.call, policy.rows),
            )


# --- places ---------------------------------------------------------------------------------------


def node_at(node: Node, key: str) -> Node:
    """The value under *key*, or the mapping itself."""
    return node.value.get(key, node) if isinstance(node.value, dict) else node


def _list(node: Node, key: str) -> list[Node]:
    found = node.value.get(key) if isinstance(node.value, dict) else None
    return found.value if found is not None and isinstance(found.value, list) else []


def _said(node: Node, code: str, text: str, hint: str = "", *, error: bool = False) -> Problem:
    return Problem(node.file, node.line, text, hint, code, "error" if error else "warning")
