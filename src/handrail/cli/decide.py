"""What people decide: `proposals`, `show`, `approve`, `deny`, `ask`, `revoke`, `reverse`. Each goes
through the server as the signed-in person, and says what happened.

Approving shows the package first, and needs the digest of what was shown: typed by whoever
looked at it, or given whole by a script that did.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from handrail.cli import show, talk
from handrail.cli.remote import Remote, connected
from handrail.core.approval import DENY_REASONS
from handrail.errors import BadInput

_TYPED = 8  # characters of the digest that a person types; the whole one is what is sent

ProposalId = Annotated[str, typer.Argument(metavar="PROPOSAL", help="prp_…")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable result.")]
Note = Annotated[str, typer.Option("--note", help="A sentence that stays on the record.")]


def proposals(
    tab: Annotated[str, typer.Option("--tab", help="mine, team, asked, today or all.")] = "mine",
    client: Annotated[str | None, typer.Option("--client")] = None,
    json: Json = False,
) -> None:
    """List the proposals that wait for people, soonest due first."""
    with connected() as there:
        found = _all(there, "proposals", tab=tab, client=client)
    if json:
        talk.print_json(found)
        return
    if not found:
        talk.say("Nothing waits for you." if tab == "mine" else "Nothing.")
        return
    talk.table(
        [
            (
                p["id"], talk.left(p["due_at"]), p["urgency"], p["state"],
                p["client_name"], p["asked_role"], p["title"],
            )
            for p in found
        ],
        ("PROPOSAL", "DUE", "URGENCY", "STATE", "CLIENT", "ASKS", "WHAT"),
    )  # fmt: skip


def show_command(
    id: Annotated[str, typer.Argument(metavar="ID", help="prp_… or act_…")],
    version: Annotated[int | None, typer.Option("--version", min=1)] = None,
    json: Json = False,
) -> None:
    """Show a decision package, or an action with its story."""
    with connected() as there:
        if id.startswith("act_"):
            found = there.get(f"actions/{id}")
            story = there.get(f"actions/{id}/story")["items"]
            if json:
                talk.print_json({**found, "story": story})
            else:
                show.action(found, story)
            return
        found = _package(there, id, version)
    if json:
        talk.print_json(found)
    else:
        show.package(found)


def approve(
    proposal: ProposalId,
    digest: Annotated[
        str, typer.Option("--digest", help="The whole package digest that you were shown.")
    ] = "",
    note: Note = "",
    json: Json = False,
) -> None:
    """Approve exactly what is shown, after showing it."""
    with connected() as there:
        found = _package(there, proposal, None)
        if not json:
            show.package(found)
            talk.say()
        shown = str(found["package_digest"])
        if not digest:
            if not talk.interactive():
                raise BadInput(
                    "nobody confirmed what is shown",
                    hint=f"Read it, then add --digest {shown}",
                )
            typed = typer.prompt(f"To approve, type the package's first {_TYPED} characters")
            if str(typed).strip().lower() != shown[:_TYPED]:
                raise BadInput("that is not how the digest begins", hint="Nothing was approved.")
            digest = shown
        result = there.post(
            f"proposals/{proposal}/answers",
            {"answer": "approve", "package_digest": digest.strip().lower(), "note": note},
        )
    if json:
        talk.print_json(result)
    elif result["state"] == "approved":
        talk.say(
            f"Approved. It begins after {talk.when(result['runs_at'])}; "
            f"until then: handrail revoke {proposal}"
        )
    else:
        talk.say(f"Your approval is recorded; it is {result['state']} and needs someone else too.")


def deny(
    proposal: ProposalId,
    reason: Annotated[
        str, typer.Option("--reason", help=f"One of: {', '.join(DENY_REASONS)}.")
    ] = "",
    note: Note = "",
    json: Json = False,
) -> None:
    """Deny a proposal, with a reason."""
    with connected() as there:
        found = _package(there, proposal, None)
        talk.note(f"{found['title']} ({found['client_name']})")
        if not reason and talk.interactive():
            for code, says in DENY_REASONS.items():
                talk.note(f"  {code:<14}{says}")
        reason = talk.wanted(reason, "Why", "--reason")
        result = _answer(there, found, answer="deny", reason=reason, note=note)
    _say(result, f"Denied: {DENY_REASONS.get(reason, reason)}. It does not run.", json)


def ask(
    proposal: ProposalId,
    question: Annotated[str, typer.Argument(help="What the agent should answer.")] = "",
    json: Json = False,
) -> None:
    """Ask the agent a question; its answer makes the next version."""
    with connected() as there:
        found = _package(there, proposal, None)
        question = talk.wanted(question, "Your question", "a QUESTION")
        result = _answer(there, found, answer="ask", note=question)
    _say(result, "Asked. The proposal waits; the agent's answer makes its next version.", json)


def hand_over(
    proposal: ProposalId,
    to: Annotated[str, typer.Option("--to", help="A person's id, name or e-mail address.")] = "",
    json: Json = False,
) -> None:
    """Hand a proposal over to someone else who may decide it."""
    with connected() as there:
        found = _package(there, proposal, None)
        to = talk.wanted(to, "To whom", "--to")
        person = _person(there, to)
        result = _answer(there, found, answer="hand_over", to=person["id"])
    _say(result, f"Handed over to {person['name']}.", json)


def revoke(
    proposal: ProposalId,
    reason: Annotated[str, typer.Option("--reason")] = "",
    json: Json = False,
) -> None:
    """Take an approval back before it begins."""
    with connected() as there:
        result = there.post(f"proposals/{proposal}/revocation", {"reason": reason})
    _say(result, "Revoked: it does not run.", json)


def reverse(
    action: Annotated[str, typer.Argument(metavar="ACTION", help="act_…")],
    reason: Annotated[str, typer.Option("--reason", help="Why it is undone.")] = "",
    item: Annotated[
        list[int] | None,
        typer.Option("--item", min=1, help="Of a list: undo this one; may be repeated."),
    ] = None,
    json: Json = False,
) -> None:
    """Undo an action now, and say what came of it."""
    chosen = {"items": [n - 1 for n in item]} if item else {}
    with connected() as there:
        result = there.post(f"actions/{action}/reversal", {"reason": reason, **chosen})
    _say(result, str(result.get("text") or f"The reversal is {result['state']}."), json)
    if result["state"] == "proposed" and not json:
        talk.say(f"Decide it with: handrail show {result['proposal']}")
    if result["state"] not in {"done", "begun"}:
        raise typer.Exit(talk.NOT_HELD)


def siblings(
    action: Annotated[str, typer.Argument(metavar="ACTION", help="act_…")],
    json: Json = False,
) -> None:
    """From a wrong action, the others of the same cause, and which can be undone."""
    with connected() as there:
        found = there.get(f"actions/{action}/siblings")["items"]
    if json:
        talk.print_json({"items": found})
        return
    if not found:
        talk.say("No other change shares a cause with it.")
        return
    rows = [
        (
            one["id"],
            talk.when(one["at"]),
            one["client_name"],
            one["title"][:60],
            "; ".join(one["why"]),
            "reversible" if one["reversible"] else one["reversal"] or one["state"],
        )
        for one in found
    ]
    talk.table(rows, ("action", "at", "client", "what", "why", ""))
    talk.say("Undo one with: handrail reverse ACTION")


# --- inside ---------------------------------------------------------------------------------------


def _package(there: Remote, proposal: str, version: int | None) -> dict[str, Any]:
    """The package, and a note on the record that it was opened."""
    found: dict[str, Any] = there.get(f"proposals/{proposal}", version=version)
    there.post(f"proposals/{proposal}/openings", {"version": found["version"]})
    return found


def _answer(there: Remote, found: Mapping[str, Any], **answer: str) -> Any:
    body = {**answer, "package_digest": found["package_digest"]}
    return there.post(f"proposals/{found['id']}/answers", body)


def _all(there: Remote, path: str, **query: Any) -> list[dict[str, Any]]:
    """Every page of a list."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = there.get(path, **query, limit=200, cursor=cursor)
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            return found


def _person(there: Remote, text: str) -> dict[str, Any]:
    wanted = text.strip().casefold()
    people = _all(there, "people")
    found = [p for p in people if wanted in {p["id"], p["name"].casefold(), p["email"]}]
    if len(found) != 1:
        raise BadInput(
            f"{'nobody' if not found else 'more than one person'} is called {text!r}",
            hint="Give the e-mail address.",
        )
    return found[0]


def _say(result: Mapping[str, Any], sentence: str, json: bool) -> None:
    if json:
        talk.print_json(result)
    else:
        talk.say(sentence)


def register(app: typer.Typer) -> None:
    """Put these commands beside the others of *app*."""
    for name, command in (
        ("proposals", proposals), ("show", show_command), ("approve", approve), ("deny", deny),
        ("ask", ask), ("hand-over", hand_over), ("revoke", revoke), ("reverse", reverse),
        ("siblings", siblings),
    ):  # fmt: skip
        app.command(name)(command)
