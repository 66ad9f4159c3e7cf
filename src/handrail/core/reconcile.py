"""An upstream's own audit log against the record: what went round Handrail (DOORS `reconcile`).

The record proves what went through Handrail; what an agent, or anyone, did in a tool by another
way leaves no entry. The tool's own log has it. `acts` reads such a log (CSV, JSON, JSON Lines) by
the columns that such logs have; `reconcile` pairs each act with the recorded action that it can
be: the same operation, else any of the connection, on the same target, within a window of time;
each action once, nearest first. What stays over on either side is told, and people judge it.
"""

import csv
import io
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from handrail.core.columns import Columns, by_kind
from handrail.core.model import Json
from handrail.core.words import fold
from handrail.errors import BadInput

MAX_LINES = 1_000_000
_COLUMNS: Columns = {
    "at": frozenset(
        "time timestamp at date datetime when created createdat createddatetime activitydatetime "
        "eventtime creationtime occurred occurredat".split()
    ),
    "operation": frozenset(
        "operation operationname action activity activitydisplayname event eventname eventtype tool "
        "command method verb".split()
    ),
    "actor": frozenset(
        "actor user userid username initiatedby caller principal by performedby account".split()
    ),
    "targets": frozenset(
        "target targets object objectid resource resources targetresources device deviceid host "
        "computer hostname entity entityid item itemid mailbox".split()
    ),
}
_MARKS = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Act:
    """One line of an upstream's own log."""

    line: int
    at: datetime
    operation: str
    actor: str
    targets: frozenset[str]  #: folded


@dataclass(frozen=True, slots=True)
class Known:
    """One recorded action that began: when, which tool, on what."""

    id: str
    at: datetime
    tool: str
    targets: frozenset[str]  #: folded


@dataclass(frozen=True, slots=True)
class Found:
    """The acts and actions that were paired, and what stayed over."""

    paired: Sequence[tuple[Act, Known]]
    round_handrail: Sequence[Act]  #: in the upstream's log, and in no entry
    unseen: Sequence[Known]  #: recorded, and not in the upstream's log


def acts(name: str, text: str, *, actor: str = "") -> tuple[list[Act], list[str]]:
    """The acts of a log by the ending of its *name*, of one *actor* where one is named, and what
    could not be read. Raises `BadInput` when it is no log at all."""
    found: list[Act] = []
    problems: list[str] = []
    wanted, timed = fold(actor), False
    for number, record in _records(name, text):
        values = by_kind(record, _COLUMNS, deep=4)
        at = next((at for value in values["at"] if (at := _instant(value)) is not None), None)
        if at is None:
            problems.append(f"line {number} has no time")
            continue
        timed = True
        if wanted and wanted not in map(fold, values["actor"]):
            continue
        found.append(
            Act(
                line=number,
                at=at,
                operation=next(iter(values["operation"]), ""),
                actor=next(iter(values["actor"]), ""),
                targets=frozenset(map(fold, values["targets"])),
            )
        )
    if problems and not timed:
        raise BadInput(
            f"{name} holds no line with a time",
            hint="Columns such as time, operation, actor and target; times in ISO 8601.",
        )
    return found, problems


def reconcile(
    acts: Sequence[Act],
    known: Sequence[Known],
    *,
    window: timedelta,
    names: Mapping[str, str] | None = None,
) -> Found:
    """Pair *acts* with the actions *known*, at most *window* apart. *names* says which tool an
    operation of the log is, where it goes by another name."""
    tools = {_plain(operation): _plain(tool) for operation, tool in (names or {}).items()}
    by_target: dict[str, list[int]] = defaultdict(list)
    for i, action in enumerate(known):
        for target in action.targets or {""}:
            by_target[target].append(i)
    candidates: list[tuple[bool, timedelta, int, int]] = []
    for a, act in enumerate(acts):
        operation = _plain(act.operation)
        tool = tools.get(operation, operation)
        seen: set[int] = set()
        for target in act.targets or {""}:
            seen.update(by_target.get(target, ()))
        for k in seen:
            apart = abs(act.at - known[k].at)
            if apart <= window:
                candidates.append((_plain(known[k].tool) != tool, apart, a, k))
    candidates.sort()
    of_act: dict[int, int] = {}
    taken: set[int] = set()
    for _, _, a, k in candidates:
        if a not in of_act and k not in taken:
            of_act[a] = k
            taken.add(k)
    return Found(
        paired=[(acts[a], known[k]) for a, k in sorted(of_act.items())],
        round_handrail=[act for a, act in enumerate(acts) if a not in of_act],
        unseen=[action for k, action in enumerate(known) if k not in taken],
    )


def _plain(name: str) -> str:
    return _MARKS.sub("", fold(name))


def _records(name: str, text: str) -> Iterator[tuple[int, Mapping[str, Json]]]:
    ending = name.rpartition(".")[2].lower()
    text = text.removeprefix("\ufeff")
    try:
        if ending == "csv":
            dialect = ";" if text.partition("\n")[0].count(";") else ","
            rows: Any = list(csv.DictReader(io.StringIO(text), delimiter=dialect))
        elif ending in {"jsonl", "ndjson"}:
            rows = [json.loads(line) for line in text.splitlines() if line.strip()]
        elif ending == "json":
            rows = _list_in(json.loads(text))
        else:
            raise BadInput(f"{name} is neither CSV, JSON nor JSON Lines", hint="Name it so.")
    except (csv.Error, ValueError, RecursionError) as error:
        raise BadInput(f"{name} cannot be read: {str(error)[:200]}") from None
    if not isinstance(rows, list) or len(rows) > MAX_LINES:
        raise BadInput(f"{name} is no list of at most {MAX_LINES} records")
    for number, row in enumerate(rows, 1):
        if isinstance(row, Mapping):
            yield number, row


def _list_in(value: Any) -> Any:
    """A list, or the first one in an object, as exports wrap it."""
    if isinstance(value, Mapping):
        return next((inner for inner in value.values() if isinstance(inner, list)), [value])
    return value


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
