"""Which roles the provider's groups give: a file that the operator keeps.

    "MSP On-call": on-call-senior
    "MSP Leads": [security-lead, operations-leadership]
    "Engineers Harbor": account-engineer@harbor

A role after `@` a client's id is held for that client, else for all. A group that is not named
gives nothing.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import yaml

from handrail.errors import BadInput

_ROLE = re.compile(r"([a-z0-9][a-z0-9-]{0,62})(?:@([a-z0-9][a-z0-9-]{0,62}))?")
_MOST = 1000


@dataclass(frozen=True, slots=True)
class Groups:
    """The roles of each group: (role, client or '')."""

    roles: Mapping[str, frozenset[tuple[str, str]]]

    def of(self, groups: Iterable[str]) -> frozenset[tuple[str, str]]:
        """The roles that being in all of *groups* gives."""
        return frozenset().union(*(self.roles.get(g, frozenset()) for g in groups))


def load(text: str) -> Groups:
    """Read the file's text. Raises `BadInput` naming the group that is wrong."""
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadInput(f"the file of groups is no YAML: {error}") from error
    if found is None:
        return Groups({})
    if not isinstance(found, dict) or len(found) > _MOST:
        raise BadInput(
            "the file of groups is no list of `group: role`",
            hint='Such as "On-call": on-call-senior.',
        )
    return Groups({_group(g): _roles(g, r) for g, r in found.items()})


def _group(name: object) -> str:
    if not isinstance(name, str):
        raise BadInput(f"the group {name!r} is no text", hint="Put its name between quotes.")
    return name


def _roles(group: object, said: object) -> frozenset[tuple[str, str]]:
    roles = []
    for one in said if isinstance(said, list) else [said]:
        match = _ROLE.fullmatch(one) if isinstance(one, str) else None
        if match is None:
            raise BadInput(
                f"the group {group!r} gives {one!r}, which is no role",
                hint="Write a role, or role@client, or a list of them.",
            )
        roles.append((match[1], match[2] or ""))
    return frozenset(roles)
