"""The commands, put together."""

from importlib.metadata import version
from typing import Annotated

import typer

from handrail.cli import (
    client_map,
    connect,
    decide,
    earned,
    gateway,
    importing,
    incidents,
    lookback,
    policy,
    reconcile,
    record,
    rehearse,
    review,
    run,
    shadow,
    sign_in,
    stop,
    watch,
)
from handrail.cli.programs import Programs
from handrail.cli.talk import Commands

ABOUT = """A control plane for AI agents that act inside the environments of an MSP's clients.

Commands by which people decide go through the server at HANDRAIL_URL (by default this computer)
as whoever ran `handrail login`.

Exit codes: 0 done, 1 refused or not held, 2 usage, 3 the server does not answer, 4 not signed in.
"""


def build(programs: Programs) -> typer.Typer:
    """Return the command line over *programs*."""
    app = typer.Typer(
        name="handrail", help=ABOUT, cls=Commands, no_args_is_help=True, add_completion=False,
        pretty_exceptions_enable=False, rich_markup_mode=None,
    )  # fmt: skip

    @app.callback()
    def about(
        ctx: typer.Context,
        shown: Annotated[
            bool,
            typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
        ] = False,
    ) -> None:
        ctx.obj = programs

    run.register(app)
    sign_in.register(app)
    decide.register(app)
    rehearse.register(app)
    stop.register(app)
    earned.register(app)
    review.register(app)
    incidents.register(app)
    policy.register(app)
    importing.register(app)
    lookback.register(app)
    gateway.register(app)
    connect.register(app)
    shadow.register(app)
    client_map.register(app)
    watch.register(app)
    record.register(app)
    reconcile.register(app)
    return app


def _version(shown: bool) -> None:
    if shown:
        typer.echo(f"handrail {version('handrail')}")
        raise typer.Exit
