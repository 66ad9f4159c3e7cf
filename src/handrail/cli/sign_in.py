"""`handrail login` and `logout`."""

from typing import Annotated

import typer

from handrail.cli import remote, talk
from handrail.errors import NotSignedIn

Url = Annotated[
    str | None, typer.Option("--url", help="The server; by default HANDRAIL_URL or this computer.")
]


def login(url: Url = None) -> None:
    """Sign in to a server from this terminal: confirm the code in a browser."""
    with remote.connected(url) as there:
        name = remote.sign_in(there)
        talk.say(f"Signed in to {there.url} as {name}.")


def logout(url: Url = None) -> None:
    """Sign out here: the session ends on the server too."""
    with remote.connected(url) as there:
        try:
            there.delete("session")
        except talk.Told as told:
            if told.status != 401:
                raise
        except NotSignedIn:
            talk.say("You were not signed in.")
            return
        there.sessions.forget(there.url)
        talk.say(f"Signed out of {there.url}.")


def register(app: typer.Typer) -> None:
    """Put these commands beside the others of *app*."""
    for command in (login, logout):
        app.command()(command)
