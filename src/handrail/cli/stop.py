"""Stopping and going on: `pause`, `resume`, `away`."""

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer

from handrail.cli import talk
from handrail.cli.remote import Remote, connected
from handrail.clock import rfc3339
from handrail.errors import BadInput

_SPAN = re.compile(r"([0-9]{1,5})\s*(min|h|d)")
_UNITS = {"min": "minutes", "h": "hours", "d": "days"}

Json = Annotated[bool, typer.Option("--json", help="Machine-readable result.")]


class Degree(StrEnum):
    """How hard a pause is."""

    RESTRICT = "restrict"
    STOP = "stop"


def pause(
    agent: Annotated[str, typer.Option("--agent", help="Only this agent: its id or name.")] = "",
    client: Annotated[str, typer.Option("--client", help="Only this client: its id or name.")] = "",
    type: Annotated[str, typer.Option("--type", help="Only this action type.")] = "",
    degree: Annotated[
        Degree,
        typer.Option(
            help="restrict: everything needs a person; stop: nothing begins but reversals."
        ),
    ] = Degree.RESTRICT,
    reason: Annotated[str, typer.Option("--reason", help="A sentence.")] = "",
    json: Json = False,
) -> None:
    """Pause everything, or one agent, client or action type, at once."""
    named = {k: v for k, v in (("agent", agent), ("client", client), ("type", type)) if v}
    if len(named) > 1:
        raise BadInput("one pause has one scope", hint="Pause each by its own command.")
    scope, ref = next(iter(named.items()), ("all", ""))
    with connected() as there:
        ref = _known(there, scope, ref)
        touched = there.get("pause/effect", scope=scope, ref=ref)
        reason = talk.wanted(reason, "Why", "--reason")
        body = {"scope": scope, "ref": ref, "degree": degree.value, "reason": reason}
        result = there.post("pause", body)
    if json:
        talk.print_json({**result, "touched": touched})
        return
    done = "Stopped" if degree is Degree.STOP else "Restricted"
    talk.say(f"{done}: {_where(result)} ({result['id']}).")
    talk.say(
        f"In scope now: {touched['running']} running, {touched['waiting']} waiting, "
        f"{touched['approved']} approved."
    )
    talk.say(f"Going back takes two people: handrail resume {result['id']}")


def _known(there: Remote, scope: str, text: str) -> str:
    """The id of the agent or client that *text* names. A pause of nothing, by a slip of the pen,
    would be believed: an unknown name is an error."""
    if scope not in {"agent", "client"}:
        return text
    listed = there.get(f"{scope}s", limit=500)["items"]
    found = [x["id"] for x in listed if text.casefold() in {x["id"], x["name"].casefold()}]
    if len(found) != 1:
        raise BadInput(
            f"{'no' if not found else 'more than one'} {scope} is called {text!r}",
            hint=f"Known: {', '.join(x['name'] for x in listed[:20])}. Nothing was paused.",
        )
    return str(found[0])


def resume(
    id: Annotated[str, typer.Argument(metavar="PAUSE", help="pse_…; without it: a list.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="A sentence.")] = "",
    json: Json = False,
) -> None:
    """Go back towards normal, one step: stop → restrict → proposed → ended by a second person."""
    with connected() as there:
        pauses = there.get("pause")["items"]
        if not id:
            _list(pauses, json)
            return
        found = next((p for p in pauses if p["id"] == id), None)
        if found is None:
            raise BadInput(f"no pause {id} is in force", hint="handrail resume lists them.")
        reason = talk.wanted(reason, "Why", "--reason")
        step = "ease" if found["degree"] == "stop" else "resume"
        result = there.post(f"pause/{id}/{step}", {"reason": reason})
    if json:
        talk.print_json(result)
    elif step == "ease":
        talk.say(f"Eased to restrict: {_where(result)}. Everything in scope needs a person.")
    elif result["waits_for_second"]:
        talk.say(f"Proposed. A second person must agree: handrail resume {id}")
    else:
        talk.say(f"Resumed: {_where(result)}.")


def away(
    until: Annotated[
        str, typer.Option("--until", help="Until then: a span (4h, 2d) or a time (RFC 3339).")
    ] = "",
    begins: Annotated[str, typer.Option("--from", help="From then on; by default now.")] = "",
    delegate: Annotated[
        str, typer.Option("--delegate", help="Who stands in: a name, an e-mail address or an id.")
    ] = "",
    back: Annotated[bool, typer.Option("--back", help="You are here again.")] = False,
    json: Json = False,
) -> None:
    """Say that you are away, so that what would ask you passes on at once."""
    if back == bool(until):
        raise BadInput("say until when, or --back", hint="Such as: handrail away --until 4h")
    with connected() as there:
        body: dict[str, str | None] = {"until": None if back else rfc3339(_instant(until))}
        if begins:
            body["since"] = rfc3339(_instant(begins))
        if delegate:
            body["delegate"] = _person(there.get("people")["items"], delegate)
        result = there.post("availability", body)
    if json:
        talk.print_json(result)
        return
    since = f" from {talk.when(result['away_from'])}" if result["away_from"] else ""
    talk.say("Welcome back." if back else f"Away{since} until {talk.when(result['away_until'])}.")
    lent = result["delegation"]
    if lent and lent["state"] == "lent":
        talk.say(f"Lent until then: {', '.join(lent['roles'])}.")
    elif lent:
        talk.say("Your roles are lent once a second person has agreed (console: Availability).")


def _person(people: list[dict[str, Any]], wanted: str) -> str:
    """The id of the one person whom *wanted* names."""
    said = wanted.strip().casefold()
    found = [
        p["id"]
        for p in people
        if p["active"] and said in {p["id"].casefold(), p["email"], p["name"].casefold()}
    ]
    if len(found) != 1:
        raise BadInput(f"{len(found)} people are {wanted!r}", hint="Use the e-mail address.")
    return str(found[0])


def _instant(text: str) -> datetime:
    span = _SPAN.fullmatch(text.strip())
    if span is not None:
        return datetime.now(UTC) + timedelta(**{_UNITS[span[2]]: int(span[1])})
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise BadInput(
            f"{text!r} is no time", hint="Such as 4h, 2d or 2026-11-02T09:00Z."
        ) from None
    return found.astimezone(UTC)


def _where(pause: dict[str, Any]) -> str:
    return "everything" if pause["scope"] == "all" else f"{pause['scope']} {pause['ref']}"


def _list(pauses: list[dict[str, Any]], json: bool) -> None:
    if json:
        talk.print_json(pauses)
    elif not pauses:
        talk.say("Nothing is paused.")
    else:
        talk.table(
            [
                (
                    p["id"], p["degree"], _where(p), p["by_name"], talk.when(p["at"]),
                    p["reason"],
                )
                for p in pauses
            ],
            ("PAUSE", "DEGREE", "WHAT", "BY", "SINCE", "WHY"),
        )  # fmt: skip


def register(app: typer.Typer) -> None:
    """Put these commands beside the others of *app*."""
    for command in (pause, resume, away):
        app.command()(command)
