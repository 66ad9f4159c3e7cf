"""The policy that a new installation begins with: files beside the code, written by `init`."""

from importlib.resources import files
from importlib.resources.abc import Traversable


def starter() -> dict[str, str]:
    """The files of the starter policy."""
    found: dict[str, str] = {}

    def walk(here: Traversable, prefix: str) -> None:
        for item in sorted(here.iterdir(), key=lambda i: i.name):
            if item.is_dir():
                walk(item, f"{prefix}{item.name}/")
            else:
                found[prefix + item.name] = item.read_text("utf-8")

    walk(files("handrail.core") / "starter", "")
    return found
