"""Which tenant, site or organisation of a connection is which client (SPEC 2, "Clients").

* `companies` reads a PSA's export or a file of one's own (CSV, JSON, YAML): clients with names,
  regimes, risk. What is wrong with a line is said; the others are read.
* `matched` tells which places of a connection are which client: by an identifier or name that is
  the same (*exact*), or the same but for legal forms, punctuation and endings of domains
  (*alike*). Whatever else is a **question for a person; nothing is guessed**: two clients that
  fit, two places that are only alike, a name such as *Default*.
* `merged` lays an export over what is known. It only raises: where the export asks for less (a
  regime gone, a lower risk), that is a question.
"""

import csv
import difflib
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import yaml

from handrail.core.columns import Columns, by_kind
from handrail.core.model import Client, Json, Risk
from handrail.core.words import fold, key_of
from handrail.errors import BadInput

MAX_LINES = 20_000
_CANDIDATES = 3
_DEEPEST = 4

#: Names of columns, folded and without marks, as exports of PSA and of other systems have them.
_COLUMNS: Columns = {
    "slug": frozenset("slug code identifier shortname clientcode companycode".split()),
    "id": frozenset(
        "id clientid companyid customerid accountid organisationid organizationid orgid tenantid "
        "siteid uid recid externalid externalids aliases alias domain domains defaultdomain "
        "defaultdomainname website weburl".split()
    ),
    "name": frozenset(
        "name clientname companyname customername accountname displayname organisationname "
        "organizationname tenantname sitename company customer organisation organization client "
        "site tenant".split()
    ),
    "regimes": frozenset("regimes regime compliance complianceregimes frameworks".split()),
    "risk": frozenset("risk riskprofile riskclass risklevel".split()),
    "timezone": frozenset("timezone tz".split()),
    "engineer": frozenset("accountengineer engineer accountmanager accountowner".split()),
    "status": frozenset("status active isactive inactive isinactive companystatus".split()),
}
_FORMS = frozenset(
    "ltd limited llc llp inc incorporated corp corporation co company plc gmbh ag kg ohg ug bv nv "
    "sa sas sarl srl spa sro as oy ab aps pty pte the and group holding holdings".split()
)
_ENDINGS = re.compile(r"(\.onmicrosoft)?\.[a-z]{2,24}(\.[a-z]{2})?$")
#: Names that mean no client in particular.
_NOBODY = frozenset(
    "default main unassigned unknown none internal test demo other global all office hq home "
    "site tenant client company customer organisation organization".split()
)
_RISKS = (Risk.LOW, Risk.NORMAL, Risk.HIGH)
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """One client as an export has it. ``ids`` are every identifier that it goes by."""

    id: str
    name: str
    ids: tuple[str, ...] = ()
    regimes: frozenset[str] = frozenset()
    risk: Risk | None = None
    timezone: str = ""
    engineer: str = ""  #: a mail address or a person's id


@dataclass(frozen=True, slots=True)
class Place:
    """A tenant, site or organisation as a connection has it."""

    ids: tuple[str, ...]
    name: str

    @property
    def shown(self) -> str:
        return self.name or self.ids[0]


@dataclass(frozen=True, slots=True)
class Match:
    """One place that is a client: ``how`` is `exact` or `alike`."""

    place: Place
    client: str
    how: str


@dataclass(frozen=True, slots=True)
class Question:
    """What a person must tell: about which name, why, and which clients come near."""

    about: str
    why: str
    candidates: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()


# --- reading --------------------------------------------------------------------------------------


def companies(name: str, text: str) -> tuple[list[Company], list[Question]]:
    """The clients of a file, by the ending of its *name*. Raises `BadInput` when it is no table
    or list at all."""
    found: dict[str, Company] = {}
    questions: list[Question] = []
    for number, record in enumerate(_records(name, text), 1):
        values = by_kind(record, _COLUMNS)
        if _inactive(record):
            continue
        named = values["name"][0].strip() if values["name"] else ""
        if not named or len(named) > 200:
            questions.append(Question(f"line {number}", "it has no name of at most 200 letters"))
            continue
        company = _company(named, values)
        if not _SLUG.fullmatch(company.id):
            questions.append(Question(named, "no id can be made of its name: add a column slug"))
        elif company.id in found:
            questions.append(
                Question(named, "another line makes the same client", (found[company.id].name,))
            )
        else:
            found[company.id] = company
    return list(found.values()), questions


def places(name: str, text: str) -> list[Place]:
    """The tenants or sites of a file. Raises `BadInput`."""
    return places_of(_records(name, text))


def places_of(value: Json) -> list[Place]:
    """The tenants or sites in *value*: a list of objects, or an object with one in it, such as
    the result of a read that lists them."""
    found: list[Place] = []
    for record in _listed(value, 0):
        values = by_kind(record, _COLUMNS)
        ids = tuple(dict.fromkeys(i for i in (*values["id"], *values["slug"]) if i))
        named = values["name"][0] if values["name"] else ""
        if ids or named:
            found.append(Place(ids or (named,), named))
    return found


def _records(name: str, text: str) -> list[Mapping[str, Json]]:
    ending = name.rpartition(".")[2].lower()
    try:
        if ending == "csv":
            text = text.removeprefix("\ufeff")
            dialect = ";" if text.partition("\n")[0].count(";") else ","
            found: Any = list(csv.DictReader(io.StringIO(text), delimiter=dialect))
        elif ending == "json":
            found = json.loads(text)
        elif ending in {"yaml", "yml"}:
            found = yaml.safe_load(text)
        else:
            raise BadInput(f"{name} is neither CSV, JSON nor YAML", hint="Name it by its ending.")
    except (csv.Error, ValueError, RecursionError, yaml.YAMLError) as error:
        raise BadInput(f"{name} cannot be read: {str(error)[:200]}") from None
    listed = list(_listed(found, 0))
    if not listed:
        raise BadInput(f"{name} holds no list of records", hint="One record for each client.")
    if len(listed) > MAX_LINES:
        raise BadInput(f"{name} has more than {MAX_LINES} records")
    return listed


def _listed(value: Json, depth: int) -> Iterator[Mapping[str, Json]]:
    """The first list of objects in *value*, or the objects of a mapping by id."""
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, Mapping))
    elif isinstance(value, Mapping) and depth < _DEEPEST:
        if value and all(isinstance(v, Mapping) for v in value.values()):
            yield from ({"slug": str(k), **v} for k, v in value.items())
            return
        for inner in value.values():
            found = list(_listed(inner, depth + 1)) if isinstance(inner, list | Mapping) else []
            if found:
                yield from found
                return


def _inactive(record: Mapping[str, Json]) -> bool:
    for column, value in record.items():
        key = key_of(str(column)).replace(" ", "")
        if key not in _COLUMNS["status"]:
            continue
        said = fold(str(value)).strip()
        if key.endswith("inactive"):
            return said in {"true", "yes", "1"}
        return said in {"false", "no", "0", "inactive", "former", "closed", "archived"}
    return False


def _company(named: str, values: Mapping[str, list[str]]) -> Company:
    given = next((fold(s) for s in values["slug"] if _SLUG.fullmatch(fold(s))), "")
    slug = re.sub(r"[^a-z0-9]+", "-", alike(named) or fold(named)).strip("-")
    risk = fold(values["risk"][0]) if values["risk"] else ""
    return Company(
        id=given or slug[:63],
        name=named,
        ids=tuple(dict.fromkeys((*values["id"], *values["slug"]))),
        regimes=frozenset(
            part
            for text in values["regimes"]
            for part in re.split(r"[\s,;/|]+", fold(text))
            if part
        ),
        risk=Risk(risk) if risk in tuple(Risk) else None,
        timezone=values["timezone"][0] if values["timezone"] else "",
        engineer=values["engineer"][0] if values["engineer"] else "",
    )


# --- matching -------------------------------------------------------------------------------------


def alike(name: str) -> str:
    """*name* without legal forms, punctuation and the ending of a domain."""
    text = fold(name).strip()
    if " " not in text:
        text = _ENDINGS.sub("", text.removeprefix("https://").removeprefix("www.").rstrip("/"))
    plain = re.sub(r"\b([a-z])\.(?=[a-z]\b)", r"\1", text)
    words = [w for w in re.split(r"[^\w]+", plain.replace("'", "")) if w]
    kept = [w for w in words if w not in _FORMS]
    return " ".join(kept or words)


def matched(
    found: Sequence[Place], clients: Iterable[Client], exports: Iterable[Company] = ()
) -> tuple[list[Match], list[Question]]:
    """Which of *found* are which of *clients*; *exports* add the identifiers they go by."""
    exact: dict[str, set[str]] = {}
    near: dict[str, set[str]] = {}
    names: dict[str, str] = {}
    for client in clients:
        names[client.id] = client.name
        for text in (client.id, client.name):
            exact.setdefault(fold(text), set()).add(client.id)
            near.setdefault(alike(text), set()).add(client.id)
    for company in exports:
        for text in (company.name, *company.ids) if company.id in names else ():
            exact.setdefault(fold(text), set()).add(company.id)
            near.setdefault(alike(text), set()).add(company.id)
    matches: list[Match] = []
    questions: list[Question] = []
    for place in found:
        outcome = _one(place, exact, near, names)
        if isinstance(outcome, Match):
            matches.append(outcome)
        else:
            questions.append(outcome)
    several = Counter(m.client for m in matches if m.how == "alike")
    for match in [m for m in matches if m.how == "alike" and several[m.client] > 1]:
        matches.remove(match)
        why = f"more than one is like {names[match.client]}"
        questions.append(Question(match.place.shown, why, (match.client,), match.place.ids))
    return matches, questions


def _one(
    place: Place,
    exact: Mapping[str, set[str]],
    near: Mapping[str, set[str]],
    names: Mapping[str, str],
) -> Match | Question:
    texts = [t for t in (*place.ids, place.name) if t]
    same = set().union(*(exact.get(fold(t), set()) for t in texts))
    if len(same) == 1:
        return Match(place, same.pop(), "exact")
    if same:
        return Question(place.shown, "it fits several clients", tuple(sorted(same)), place.ids)
    plain = {alike(t) for t in texts} - _NOBODY
    like = set().union(*(near.get(t, set()) for t in plain if len(t) > 2))
    if len(like) == 1:
        return Match(place, like.pop(), "alike")
    if like:
        return Question(place.shown, "it is like several clients", tuple(sorted(like)), place.ids)
    close = difflib.get_close_matches(alike(place.shown), list(near), _CANDIDATES, 0.6)
    candidates = tuple(dict.fromkeys(c for t in close for c in sorted(near[t])))
    return Question(place.shown, "no client is named so", candidates[:_CANDIDATES], place.ids)


# --- laying over ----------------------------------------------------------------------------------


def merged(
    found: Sequence[Company], known: Mapping[str, Client]
) -> tuple[list[Client], list[Question]]:
    """The clients to add or change, and what a person must tell. Regimes and risk only grow."""
    by_name = {fold(c.name): c.id for c in known.values()}
    by_like: dict[str, list[str]] = {}
    for client in known.values():
        by_like.setdefault(alike(client.name), []).append(client.id)
    changes: list[Client] = []
    questions: list[Question] = []
    for company in found:
        id = company.id if company.id in known else by_name.get(fold(company.name), "")
        like = by_like.get(alike(company.name), [])
        if not id and like:
            questions.append(Question(company.name, "is it one of these?", tuple(like)))
            continue
        old = known.get(id) or Client(id=company.id, name=company.name)
        new, asked = _laid(old, company)
        questions += asked
        if id not in known or new != old:
            changes.append(new)
    return changes, questions


def lowered(old: Client, new: Client) -> tuple[str, ...]:
    """What of *new* can lower oversight against *old*, in words; empty where nothing does (I27)."""
    found = []
    if _RISKS.index(new.risk) < _RISKS.index(old.risk):
        found.append(f"risk {old.risk} to {new.risk}")
    found += [f"no {regime.upper()}" for regime in sorted(old.regimes - new.regimes)]
    if new.retention_days < old.retention_days:
        found.append(f"kept {new.retention_days} days, not {old.retention_days}")
    return tuple(found)


def _laid(old: Client, company: Company) -> tuple[Client, list[Question]]:
    questions: list[Question] = []
    risk = company.risk or old.risk
    if _RISKS.index(risk) < _RISKS.index(old.risk):
        questions.append(Question(old.name, f"the export says risk {risk}, it is {old.risk} here"))
        risk = old.risk
    gone = sorted(old.regimes - company.regimes) if company.regimes else []
    if gone:
        questions.append(Question(old.name, f"the export does not name {', '.join(gone)}"))
    new = replace(
        old,
        regimes=old.regimes | company.regimes,
        risk=risk,
        timezone=company.timezone or old.timezone,
    )
    return new, questions
