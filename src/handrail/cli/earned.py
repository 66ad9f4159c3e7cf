"""What action types have earned: `evidence`, `promote`, `demote`, `release`, `breakers`."""

from typing import Annotated, Any

import typer

from handrail.cli import talk
from handrail.cli.remote import connected
from handrail.errors import BadInput

_TYPED = 8  # characters of the digest that a person types; the whole one is what is sent

Type = Annotated[str, typer.Argument(metavar="TYPE", help="The action type, connection.tool.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable result.")]
Reason = Annotated[str, typer.Option("--reason", help="A sentence.")]
Client = Annotated[str, typer.Option("--client", help="Only for this client: its id.")]


def evidence(
    type: Annotated[
        str, typer.Argument(metavar="TYPE", help="The action type; without it: what is nominated.")
    ] = "",
    json: Json = False,
) -> None:
    """Show what an action type has earned: each criterion, what is missing first."""
    with connected() as there:
        if type:
            found = there.get(f"matrix/{type}/evidence")
        else:
            nominated = there.get("matrix/nominations")["items"]
    if json:
        talk.print_json(found if type else nominated)
    elif type:
        _say(found)
    elif not nominated:
        talk.say("Nothing is nominated.")
    else:
        rows = [(n["type"], f"tier {n['to']}", n["effect"], talk.when(n["at"])) for n in nominated]
        talk.table(rows, ("TYPE", "TO", "EFFECT", "SINCE"))


def promote(
    type: Type,
    digest: Annotated[
        str, typer.Option("--evidence", help="The whole digest of the evidence that you saw.")
    ] = "",
    rationale: Annotated[str, typer.Option("--rationale", help="Why it is enough.")] = "",
    json: Json = False,
) -> None:
    """Promote an action type one tier, after showing its evidence."""
    with connected() as there:
        found = there.get(f"matrix/{type}/evidence")
        nominated = next((n for n in found["nominations"] if n["state"] == "open"), None)
        if not json:
            _say(found)
        if nominated is None:
            raise BadInput(f"{type} is not nominated", hint="What is missing stands first.")
        shown = str(nominated["evidence"])
        if not digest:
            if not talk.interactive():
                raise BadInput(
                    "nobody confirmed what is shown", hint=f"Read it, then add --evidence {shown}"
                )
            typed = typer.prompt(f"To promote, type the evidence's first {_TYPED} characters")
            if str(typed).strip().lower() != shown[:_TYPED]:
                raise BadInput("that is not how the digest begins", hint="Nothing was promoted.")
            digest = shown
        rationale = talk.wanted(rationale, "Why is this evidence enough", "--rationale")
        body = {"evidence": digest.strip().lower(), "rationale": rationale}
        result = there.post(f"matrix/{type}/promotion", body)
    if json:
        talk.print_json(result)
    elif result["state"] == "promoted":
        talk.say(f"Promoted to tier {result['tier']} for {len(result['clients'])} clients.")
    else:
        talk.say(f"Proposed. A second person must agree: handrail promote {type}")


def demote(type: Type, reason: Reason = "", client: Client = "", json: Json = False) -> None:
    """Raise an action type to tier 3, at once. Anyone may."""
    with connected() as there:
        reason = talk.wanted(reason, "Why", "--reason")
        result = there.post(f"matrix/{type}/demotion", {"reason": reason, "client": client})
    if json:
        talk.print_json(result)
    else:
        talk.say(f"{type} waits for people now{f' at {client}' if client else ''}.")


def release(type: Type, reason: Reason = "", client: Client = "", json: Json = False) -> None:
    """Let a demoted action type go on, from where its row starts, after a review."""
    with connected() as there:
        reason = talk.wanted(reason, "What was looked at, and why it may go on", "--reason")
        result = there.post(f"matrix/{type}/release", {"reason": reason, "client": client})
    if json:
        talk.print_json(result)
    else:
        talk.say(f"{type} goes on at tier {result['tier']}.")


def breakers(
    id: Annotated[str, typer.Argument(metavar="BREAKER", help="brk_…; without it: a list.")] = "",
    cause: Annotated[str, typer.Option("--cause", help="What it was.")] = "",
    remedy: Annotated[str, typer.Option("--remedy", help="What was done about it.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="How its probation went.")] = "",
    json: Json = False,
) -> None:
    """List breakers, or move one on: open → probation → closed."""
    with connected() as there:
        listed = there.get("breakers")["items"]
        if not id:
            points = there.get("breakers/points")["items"]
            _list(listed, points, json)
            return
        found = next((b for b in listed if b["id"] == id), None)
        if found is None:
            raise BadInput(f"no breaker {id} is open", hint="handrail breakers lists them.")
        if found["state"] == "open":
            cause = talk.wanted(cause, "What caused it", "--cause")
            remedy = talk.wanted(remedy, "What was done about it", "--remedy")
            result = there.post(f"breakers/{id}/probation", {"cause": cause, "remedy": remedy})
        else:
            reason = talk.wanted(reason, "How did the probation go", "--reason")
            result = there.post(f"breakers/{id}/close", {"reason": reason})
    if json:
        talk.print_json(result)
    elif result["waits_for_second"]:
        talk.say(f"Proposed. A second person must agree: handrail breakers {id}")
    elif result["state"] == "probation":
        talk.say(
            f"On probation: {found['what']} still waits for people. Close it: the same command."
        )
    else:
        talk.say(f"Closed: {found['what']}.")


def _say(found: dict[str, Any]) -> None:
    """An assessment, in lines."""
    if found["to"] is None:
        talk.say(f"{found['type']} runs at tier {found['now']}; its row allows no less.")
    else:
        talk.say(f"{found['type']}: tier {found['now']} → {found['to']}, {found['cases']} cases")
        for one in found["against"][:10]:
            talk.say(f"  against: {one['action']} {one['why']}")
        for one in found["criteria"]:
            talk.say(f"  {'met    ' if one['met'] else 'MISSING'}  {one['text']}")
        talk.say(f"  {found['effect']}")
    for one in found["standings"]:
        where = one["client_name"] or "everywhere"
        talk.say(f"  stands at tier {one['tier']}, {where}: {one['reason']}")


def _list(listed: list[dict[str, Any]], points: list[dict[str, Any]], json: bool) -> None:
    if json:
        talk.print_json({"breakers": listed, "points": points})
        return
    if not listed:
        talk.say("No breaker is open.")
    else:
        rows = [(b["id"], b["state"], b["what"], talk.when(b["at"]), b["why"]) for b in listed]
        talk.table(rows, ("BREAKER", "STATE", "WHAT", "SINCE", "WHY"))
    for one in points[:10]:
        talk.say(f"{one['points']} of {one['limit']} points: {one['what']}")


def register(app: typer.Typer) -> None:
    """Put these commands beside the others of *app*."""
    for command in (evidence, promote, demote, release, breakers):
        app.command()(command)
