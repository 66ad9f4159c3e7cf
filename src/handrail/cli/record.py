"""What people decide about the record itself: `ledger reopen`, `ledger rotate-key`."""

from typing import Annotated

import typer

from handrail.cli import talk
from handrail.cli.remote import connected

Json = Annotated[bool, typer.Option("--json", help="Machine-readable result.")]
Reason = Annotated[str, typer.Option("--reason", help="A sentence.")]


def reopen(reason: Reason = "", json: Json = False) -> None:
    """Go on after a restore or failover: two people accept the signed entries that are missing."""
    with connected() as there:
        found = there.post("ledger/reopening", {"reason": talk.wanted(reason, "Why", "--reason")})
    if json:
        talk.print_json(found)
        return
    talk.say(f"{str(found['missing']).capitalize()} signed entries are missing here.")
    if found["state"] == "proposed":
        talk.say("You accept it. A second person with authority does the same within a day.")
    else:
        talk.say(f"Reopened as {found['origin']}.")
        talk.say(f"What was published before lies in {found['kept']}.")
        talk.say("Readers need the new public key: it is on the Audit page. Witnesses, too.")


def rotate_key(
    reason: Reason = "",
    stolen: Annotated[
        bool, typer.Option("--stolen", help="The key that signs now signs no more.")
    ] = False,
    json: Json = False,
) -> None:
    """Let a new key sign the record; the former one signs beside it until the next rotation."""
    with connected() as there:
        sent = {"reason": talk.wanted(reason, "Why", "--reason"), "stolen": stolen}
        found = there.post("ledger/key", sent)
    if json:
        talk.print_json(found)
        return
    talk.say(f"new     {found['new']}")
    talk.say(f"former  {found['old']}{' (signs no more)' if stolen else ''}")


def register(app: typer.Typer) -> None:
    """Add the group to *app*."""
    group = typer.Typer(help="What people decide about the record itself.", no_args_is_help=True)
    group.command("reopen")(reopen)
    group.command("rotate-key")(rotate_key)
    app.add_typer(group, name="ledger")
