"""Incidents: `incidents` lists them; `incident` records one, shows one and deals with it."""

from typing import Annotated, Any

import typer

from handrail.cli import talk
from handrail.cli.remote import Remote, connected
from handrail.errors import BadInput

Json = Annotated[bool, typer.Option("--json", help="Machine-readable result.")]


def incidents(
    state: Annotated[str | None, typer.Option("--state", help="open or closed.")] = None,
    severity: Annotated[str | None, typer.Option("--severity")] = None,
    client: Annotated[str | None, typer.Option("--client", help="A client's id.")] = None,
    action: Annotated[str | None, typer.Option("--action", help="act_…")] = None,
    follow_ups: Annotated[
        bool, typer.Option("--follow-ups", help="What is to be done after them instead.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500)] = 50,
    json: Json = False,
) -> None:
    """List recorded harms, or what is to be done after them."""
    with connected() as there:
        if follow_ups:
            found = there.get("incidents/follow-ups")["items"]
        else:
            asked = {"state": state, "severity": severity, "client": client, "action": action}
            found = there.get("incidents", limit=limit, **asked)["items"]
    if json:
        talk.print_json(found)
    elif follow_ups:
        rows = [(f["id"], f["state"], f["due"][:10], f["owner_name"], f["text"]) for f in found]
        talk.table(rows, ("FOLLOW-UP", "STATE", "DUE", "OWNER", "WHAT"))
    else:
        listed = [
            (i["id"], i["state"], i["severity"], talk.when(i["at"]), i["client_name"], i["title"])
            for i in found
        ]
        talk.table(listed, ("INCIDENT", "STATE", "SEVERITY", "AT", "CLIENT", "WHAT"))


def incident(  # noqa: PLR0917 - options, each by its name
    title: Annotated[
        str,
        typer.Argument(
            metavar="TITLE|INCIDENT", help="What went wrong, in one line; or inc_… to show one."
        ),
    ] = "",
    severity: Annotated[
        str, typer.Option("--severity", help="minor, significant or major.")
    ] = "significant",
    action: Annotated[str | None, typer.Option("--action", help="act_…")] = None,
    client: Annotated[str, typer.Option("--client")] = "",
    hit: Annotated[
        bool | None, typer.Option("--client-hit/--client-not-hit", help="Was the client hit?")
    ] = None,
    text: Annotated[str, typer.Option("--text", help="What is known so far.")] = "",
    close: Annotated[bool, typer.Option("--close", help="Close inc_…")] = False,
    cause: Annotated[str, typer.Option("--cause", help="What caused it.")] = "",
    remedy: Annotated[str, typer.Option("--remedy", help="What helps.")] = "",
    link: Annotated[str, typer.Option("--link", help="act_… belongs to inc_… too.")] = "",
    unlink: Annotated[str, typer.Option("--unlink", help="act_… does not belong to it.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why.")] = "",
    follow_up: Annotated[str, typer.Option("--follow-up", help="What is to be done.")] = "",
    owner: Annotated[str, typer.Option("--owner", help="Who does it: a person's id.")] = "",
    due: Annotated[str, typer.Option("--due", help="By when, such as 2026-12-01.")] = "",
    done: Annotated[str, typer.Option("--done", help="The follow-up fol_… was done.")] = "",
    note: Annotated[str, typer.Option("--note", help="What was done.")] = "",
    json: Json = False,
) -> None:
    """Record a harm; or, with inc_…, show it, close it, link actions, set follow-ups."""
    if not title.startswith("inc_"):
        title = talk.wanted(title, "What went wrong, in one line", "a TITLE")
        body = {
            "title": title, "severity": severity, "action": action, "client": client,
            "text": text, "hit": hit,
        }  # fmt: skip
        with connected() as there:
            result = there.post("incidents", body)
        said = f"Recorded as {result['id']}, {result['severity']}."
        talk.print_json(result) if json else talk.say(said)
        return
    if sum(map(bool, (close, link, unlink, follow_up, done))) > 1:
        raise BadInput("one thing at a time", hint="--close, --link, --unlink, --follow-up, --done")
    here = f"incidents/{title}"
    with connected() as there:
        if close:
            cause = talk.wanted(cause, "What caused it", "--cause")
            remedy = talk.wanted(remedy, "What helps", "--remedy")
            result = there.post(f"{here}/closing", {"cause": cause, "remedy": remedy})
        elif link or unlink:
            reason = talk.wanted(reason, "Why", "--reason")
            path = "links" if link else "unlinking"
            result = there.post(f"{here}/{path}", {"action": link or unlink, "reason": reason})
        elif follow_up:
            owner = talk.wanted(owner, "Who does it (a person's id)", "--owner")
            due = talk.wanted(due, "By when", "--due")
            body = {"text": follow_up, "owner": owner, "due": due}
            result = there.post(f"{here}/follow-ups", body)
        elif done:
            note = talk.wanted(note, "What was done", "--note")
            result = there.post(f"incidents/follow-ups/{done}/done", {"note": note})
        else:
            result = _shown(there, here, json)
            return
    talk.print_json(result) if json else talk.say(f"Recorded as entry {result['entry']}.")


def _shown(there: Remote, path: str, json: bool) -> Any:
    found = there.get(path)
    if json:
        talk.print_json(found)
        return found
    hit = {True: ", client hit", False: ", client not hit", None: ""}[found["hit"]]
    talk.say(f"{found['title']} ({found['state']}, {found['severity']}{hit})")
    if found["cause"]:
        talk.say(f"  cause: {found['cause']}")
        talk.say(f"  remedy: {found['remedy']}")
    for one in found["actions"]:
        talk.say(f"  {one['id']}  {one['title']}  {one['state']}")
    for one in found["follow_ups"]:
        talk.say(f"  {one['state']}: {one['text']}, {one['owner_name']}, due {one['due'][:10]}")
    for one in found["timeline"]:
        talk.say(f"  {talk.when(one['at'])}  {one['text']}")
    return found


def register(app: typer.Typer) -> None:
    """Put these commands beside the others of *app*."""
    for command in (incidents, incident):
        app.command()(command)
