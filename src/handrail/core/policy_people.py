"""Who stands behind a policy: roles without backups or with nobody, chains that may be empty.

Without people only the policy's own gaps can be told; with them, whether somebody could answer
today. Nobody is looked at twice: who is away is the routing's matter, and changes by the hour.
"""

from collections.abc import Iterator, Sequence

from handrail.core.model import Client, Person
from handrail.core.policy import Policy
from handrail.core.policy_load import Understood
from handrail.core.routing import holds_for
from handrail.core.yaml_lines import Node
from handrail.errors import Problem


def of_people(
    found: Understood,
    policy: Policy,
    people: Sequence[Person] | None,
    clients: Sequence[Client],
) -> Iterator[Problem]:
    """What is wrong with roles and chains; with *people*, also who could answer."""
    assert found.main is not None  # noqa: S101 - a policy that loads has its main file
    roles, chains = _named(found.main, "roles"), _named(found.main, "chains")
    for name in sorted(_asked(policy)):
        if not policy.backups(name):
            yield _warning(
                roles[name],
                "no-backup",
                f"the role {name!r} has no backup: nobody is asked while its holders are away",
                "Add backups: with another role.",
            )
    for name, chain in policy.chains.items():
        if len({*chain, *(b for r in chain for b in policy.backups(r))}) == 1:
            yield _warning(
                chains[name],
                "may-be-empty",
                f"the chain {name!r} rests on one role: while nobody holds it or all are away, a "
                "proposal alarms and waits",
                "Add a role, or a backup to the role.",
            )
    if people is None:
        return
    active = [p for p in people if p.active]
    for name in sorted(_asked(policy)):
        if not any(r.name == name for p in active for r in p.roles):
            backups = policy.backups(name)
            instead = f"{', '.join(backups)} will be asked instead" if backups else "it is passed"
            yield _warning(
                roles[name], "nobody", f"nobody holds the role {name!r}: {instead}",
                "Give it to someone.",
            )  # fmt: skip
    most = max((r.approvals for r in policy.rows.values()), default=1)
    for name, chain in policy.chains.items():
        yield from _chain(name, chain, chains[name], policy, active, clients, most)


def _chain(
    name: str,
    chain: Sequence[str],
    node: Node,
    policy: Policy,
    active: Sequence[Person],
    clients: Sequence[Client],
    most: int,
) -> Iterator[Problem]:
    """Whether somebody, and for two-person rows two people, could answer along the chain."""
    roles = {*chain, *(b for r in chain for b in policy.backups(r))}
    engineers = any(policy.roles[r].per_client for r in roles)
    for client in (None, *clients):
        there = {
            p.id
            for p in active
            for role in roles
            if holds_for(p, role, (client.id,) if client else ())
            or (client and engineers and client.account_engineer == p.id)
        }
        where = f" for {client.name}" if client else ""
        if not there:
            yield Problem(
                node.file,
                node.line,
                f"the chain {name!r} is empty{where}: a proposal would alarm at once and wait",
                f"Give someone one of the roles {', '.join(sorted(roles))}.",
                "empty",
                "warning" if client is None and clients else "error",
            )
        elif len(there) < most:
            yield _warning(
                node,
                "too-few",
                f"the chain {name!r} has one person{where}, and some rows need two",
                "Give a second person one of its roles.",
            )
        if client is not None and not there:
            return  # the next client would say the same


def _asked(policy: Policy) -> set[str]:
    """Every role that somebody may be asked in, or told in."""
    asked = {r for chain in policy.chains.values() for r in chain}
    asked |= {b.role for b in policy.beside}
    return asked | {r.notify for r in policy.rows.values() if r.notify}


def _named(main: Node, key: str) -> dict[str, Node]:
    found: dict[str, Node] = main.value[key].value
    return found


def _warning(node: Node, code: str, text: str, hint: str) -> Problem:
    return Problem(node.file, node.line, text, hint, code, "warning")
