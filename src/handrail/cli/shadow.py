"""`handrail shadow`: where calls pass ungoverned, what enforcing would mean, and enforcing."""

from collections.abc import Callable, Mapping
from time import sleep
from typing import Annotated, Any

import typer

from handrail.cli import talk
from handrail.cli.remote import Remote, connected
from handrail.core import shadow

Json = Annotated[bool, typer.Option("--json", help="Machine-readable result.")]
Id = Annotated[str, typer.Argument(metavar="SCOPE", help="shd_…")]

shadows = typer.Typer(
    help="Let calls pass, recorded with what they would have met.", cls=talk.Commands
)


@shadows.command("list")
def listed(json: Json = False) -> None:
    """Every shadow scope, newest first."""
    with connected() as there:
        found = there.get("shadow")["items"]
    if json:
        talk.print_json(found)
        return
    rows = [
        [s["id"], s["state"], s["connection"], s["agent_name"] or "all", s["client_name"] or "all",
         talk.when(s["ended_at"] or s["ends"])]
        for s in found
    ]  # fmt: skip
    talk.table(rows, ["id", "state", "connection", "agent", "client", "until"])


@shadows.command()
def start(
    connection: Annotated[str, typer.Argument(help="The connection's name.")],
    agent: Annotated[str, typer.Option("--agent", help="Only this agent: its id.")] = "",
    client: Annotated[str, typer.Option("--client", help="Only this client: its id.")] = "",
    days: Annotated[int, typer.Option("--days", min=1, max=30, help="How long.")] = 14,
    reason: Annotated[str, typer.Option("--reason", help="A sentence.")] = "",
    json: Json = False,
) -> None:
    """Put a connection into shadow; where it was enforced, propose it to a second person."""
    with connected() as there:
        reason = talk.wanted(reason, "Why", "--reason")
        body = {"connection": connection, "agent": agent, "client": client, "days": days,
                "reason": reason}  # fmt: skip
        found = there.post("shadow", body)
    if json:
        talk.print_json(found)
    elif found["waits_for_second"]:
        talk.say(f"Proposed. A second person must agree: handrail shadow agree {found['id']}")
    else:
        talk.say(
            f"In shadow until {talk.when(found['ends'])}: handrail shadow report {found['id']}"
        )


@shadows.command()
def agree(id: Id) -> None:
    """Agree, as the second person, to a scope or to its later end."""
    with connected() as there:
        found = there.post(f"shadow/{id}/agreement")
    talk.say(f"{found['connection']} is in shadow until {talk.when(found['ends'])}.")


@shadows.command()
def extend(id: Id, days: Annotated[int, typer.Option("--days", min=1, max=30)]) -> None:
    """Propose a later end, so many days from now."""
    with connected() as there:
        there.post(f"shadow/{id}/extension", {"days": days})
    talk.say(f"Proposed. A second person must agree: handrail shadow agree {id}")


@shadows.command()
def end(id: Id) -> None:
    """Enforce now."""
    with connected() as there:
        found = there.post(f"shadow/{id}/end")
    talk.say(f"{found['connection']} is enforced. Going back to shadow takes two people.")


@shadows.command()
def report(id: Id, json: Json = False) -> None:
    """What enforcing the scope would have meant for the calls that passed."""
    with connected() as there:
        found = there.get(f"shadow/{id}/report")
    if json:
        talk.print_json(found)
        return
    for line in shadow.lines(found):
        talk.say(line)


@shadows.command()
def watch(
    id: Id,
    calls: Annotated[
        int, typer.Option("--calls", min=0, help="Stop after so many; by default never.")
    ] = 0,
) -> None:
    """Each call as it passes, and what it would have met."""
    with connected() as there:
        follow(there, id, calls)


def follow(there: Remote, id: str, calls: int = 0, wait: Callable[[float], None] = sleep) -> None:
    """Tell each call of the scope as it passes, until *calls* were told or the scope ends."""
    scope = there.get("shadow/" + id)
    known, told = {c["id"] for c in _passed(there, scope)}, 0
    while scope["state"] == "live" and (not calls or told < calls):
        wait(1.0)
        for call in reversed([c for c in _passed(there, scope) if c["id"] not in known]):
            known.add(call["id"])
            told += 1
            _tell(there.get("actions/" + call["id"]))
        scope = there.get("shadow/" + id)
    if scope["state"] != "live":
        talk.say(f"The scope is {scope['state']}; its calls are governed.")


def _passed(there: Remote, scope: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = there.get("actions", state="passed in shadow", since=scope["begins"], limit=200)
    return [c for c in found["items"] if c["connection"] == scope["connection"]]


def _tell(call: Mapping[str, Any]) -> None:
    talk.say(f"{call['title']}  ({call['type']})")
    talk.say(f"  {call['outcome'] or 'under way'}")
    talk.say(f"  enforced now it would have been tier {call['tier']}:")
    for reason in call["classification"]["reasons"]:
        if reason["binding"]:
            talk.say(f"  - {reason['text']}")


def register(app: typer.Typer) -> None:
    """Put the commands beside the others of *app*."""
    app.add_typer(shadows, name="shadow")
