"""Where a person's session is kept on this computer: one file, theirs alone (mode 0600).

It holds a token per server. A file that others may read is refused, as ssh refuses such a key.
"""

import os
import stat
from pathlib import Path

import orjson

from handrail.errors import NotSignedIn

FILE = "session.json"


def folder() -> Path:
    """The person's configuration folder for Handrail."""
    home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(home) / "handrail"


class Sessions:
    """The tokens kept in *path*, by the URL of their server."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def token(self, url: str) -> str:
        """The token for *url*. Raises `NotSignedIn` when there is none, or others could read it."""
        found = self._read().get(url, "")
        if not found:
            raise NotSignedIn(f"you are not signed in to {url}", hint="Run: handrail login")
        return found

    def keep(self, url: str, token: str) -> None:
        """Keep *token* for *url*, replacing an older one."""
        self._write({**self._read(), url: token})

    def forget(self, url: str) -> None:
        """Drop the token for *url*."""
        self._write({u: t for u, t in self._read().items() if u != url})

    def _read(self) -> dict[str, str]:
        try:
            with self._path.open("rb") as file:
                if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                    raise NotSignedIn(
                        f"{self._path} can be read by others",
                        hint=f"Run: chmod 600 {self._path} && handrail login",
                    )
                found = orjson.loads(file.read())
        except FileNotFoundError:
            return {}
        except orjson.JSONDecodeError:
            raise NotSignedIn(
                f"{self._path} is damaged", hint=f"Run: rm {self._path} && handrail login"
            ) from None
        if not isinstance(found, dict):
            return {}
        return {str(u): str(t) for u, t in found.items()}

    def _write(self, tokens: dict[str, str]) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._path.with_name(f"{FILE}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(orjson.dumps(tokens))
        draft.replace(self._path)
