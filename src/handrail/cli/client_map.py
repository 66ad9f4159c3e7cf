"""`handrail clients`: who the clients are, and which places of a connection are theirs."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from handrail.cli import talk
from handrail.cli.remote import connected
from handrail.errors import BadInput

MOST = 900_000  # bytes of a file


class Do(StrEnum):
    """What to do about clients."""

    IMPORT = "import"
    MATCH = "match"
    TELL = "tell"


def clients(
    do: Annotated[
        Do,
        typer.Argument(
            help="import FILE: clients from an export. match CONNECTION: its tenants and sites. "
            "tell CONNECTION ID=CLIENT…: what only a person knows."
        ),
    ],
    what: Annotated[str, typer.Argument(metavar="FILE|CONNECTION")],
    told: Annotated[list[str] | None, typer.Argument(metavar="ID=CLIENT")] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="match: its tenants or sites, CSV, JSON or YAML.")
    ] = None,
    read: Annotated[
        str, typer.Option("--read", metavar="TYPE", help="match: ask it by this signed read.")
    ] = "",
    companies: Annotated[
        Path | None, typer.Option("--companies", help="match: further names and ids of clients.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Machine-readable result.")] = False,
) -> None:
    """Import clients, and match tenants, sites and organisations of connections to them."""
    body: dict[str, Any]
    if do is Do.TELL:
        mapping = dict(_pair(text) for text in told or ())
        with connected() as there:
            result = there.post(f"connections/{what}/places", {"client_map": mapping})
        if json:
            talk.print_json(result)
        else:
            talk.say(f"{what}: {len(result['client_map'])} places are told.")
        return
    if do is Do.IMPORT:
        path, body = "clients/import", _file(Path(what))
    else:
        path, body = f"connections/{what}/matching", {"read": read}
        if file is not None:
            body["file"] = _file(file)
        if companies is not None:
            body["companies"] = _file(companies)
    with connected() as there:
        result = there.post(path, {**body, "apply": False})
        if not json:
            _show(do, result)
        if _something(do, result) and _agreed(yes):
            result = there.post(path, {**body, "apply": True})
    if json:
        talk.print_json(result)
    elif result["applied"]:
        talk.say("Done.")


def _something(do: Do, result: dict[str, Any]) -> bool:
    return bool(result["matched"] if do is Do.MATCH else result["added"] or result["changed"])


def _agreed(yes: bool) -> bool:
    if yes:
        return True
    if not talk.interactive():
        talk.note("Nothing was changed. Add --yes to do it.")
        return False
    return typer.confirm("Go on?")


def _show(do: Do, result: dict[str, Any]) -> None:
    if do is Do.MATCH:
        for match in result["matched"]:
            talk.say(f"{match['place']}  is  {match['client']}  ({match['how']})")
    else:
        talk.say(
            f"{len(result['added'])} new, {len(result['changed'])} changed, "
            f"{result['unchanged']} as they are."
        )
    for question in result["questions"]:
        near = ", ".join(question["candidates"])
        talk.say(f"?  {question['about']}: {question['why']}" + (f" ({near})" if near else ""))


def _pair(text: str) -> tuple[str, str]:
    place, mark, client = text.rpartition("=")
    if not (mark and place and client):
        raise BadInput(f"{text!r} is no ID=CLIENT", hint="Such as: acme.onmicrosoft.com=acme")
    return place, client


def _file(path: Path) -> dict[str, str]:
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path} is not UTF-8", hint="Export it as UTF-8.") from None
    if len(text.encode()) > MOST:
        raise BadInput(f"{path} is larger than {MOST} bytes", hint="Split it.")
    return {"name": path.name, "text": text}


def register(app: typer.Typer) -> None:
    """Put the command beside the others of *app*."""
    app.command()(clients)
