"""Governance reviews: `review` lists them, shows one, answers an item, signs."""

from typing import Annotated, Any

import typer

from handrail.cli import talk
from handrail.cli.remote import connected
from handrail.errors import BadInput


def review(
    id: Annotated[str, typer.Argument(metavar="REVIEW", help="rvw_…; without it: a list.")] = "",
    item: Annotated[str, typer.Option("--item", help="Answer this item: its key.")] = "",
    decision: Annotated[str, typer.Option("--decision", help="keep, reclassify or action.")] = "",
    text: Annotated[str, typer.Option("--text", help="What was found, and what follows.")] = "",
    owner: Annotated[str, typer.Option("--owner", help="Who does it: a person's id.")] = "",
    due: Annotated[str, typer.Option("--due", help="Until when: a date.")] = "",
    sign: Annotated[str, typer.Option("--sign", help="Sign it, with this summary.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Machine-readable result.")] = False,
) -> None:
    """Look at governance reviews, answer their items, sign them."""
    if (item or sign) and not id:
        raise BadInput("name the review", hint="handrail review lists them.")
    with connected() as there:
        if not id:
            found: Any = there.get("reviews")["items"]
        elif item:
            decision = talk.wanted(decision, "keep, reclassify or action", "--decision")
            body = {"item": item, "decision": decision, "owner": owner, "due": due}
            body["text"] = talk.wanted(text, "What follows", "--text")
            found = there.post(f"reviews/{id}/findings", body)
        elif sign:
            agenda = there.get(f"reviews/{id}")["agenda"]
            found = there.post(f"reviews/{id}/sign-off", {"summary": sign, "agenda": agenda})
        else:
            found = there.get(f"reviews/{id}")
    if json:
        talk.print_json(found)
    elif not id:
        _list(found)
    elif item:
        talk.say(f"Recorded: {found['decision']}.")
    elif sign:
        talk.say(f"Signed. Minute {found['minute']}")
    else:
        _show(found)


def _list(found: list[dict[str, Any]]) -> None:
    if not found:
        talk.say("No month of the record has ended yet.")
        return
    rows = [
        (r["id"], "overdue" if r["overdue"] else r["state"], talk.when(r["due_at"]),
         r["signed_by_name"])
        for r in found
    ]  # fmt: skip
    talk.table(rows, ("REVIEW", "STATE", "DUE", "SIGNED BY"))


def _show(found: dict[str, Any]) -> None:
    for section in found["sections"]:
        talk.say(section["title"])
        for one in section["items"]:
            said = one["answer"]
            mark = "" if one["figure"] else f"[{said['decision'] if said else 'no answer'}] "
            talk.say(f"  {mark}{one['text']}")
            if not one["figure"] and not said:
                talk.say(f"    --item '{one['key']}'")
    talk.say(f"{found['left']} items without an answer.")


def register(app: typer.Typer) -> None:
    """Put this command beside the others of *app*."""
    app.command()(review)
