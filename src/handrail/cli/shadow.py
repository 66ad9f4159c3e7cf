"""`handrail shadow`: where calls pass ungoverned, what enforcing would mean, and enforcing."""

from typing import Annotated

import typer

from handrail.cli import talk
from handrail.cli.remote import connected
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


def register(app: typer.Typer) -> None:
    """Put the commands beside the others of *app*."""
    app.add_typer(shadows, name="shadow")
