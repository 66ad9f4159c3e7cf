"""The command line: a door for people at a terminal, and the way to start the program."""

from handrail.cli.app import build
from handrail.cli.programs import NotHeld, Programs

__all__ = ["NotHeld", "Programs", "build"]
