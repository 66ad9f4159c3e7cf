"""Static files under names that change with their content, cached for ever."""

import hashlib
import mimetypes
import re
from pathlib import Path

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

FOLDER = Path(__file__).parent / "static"
_SERVED = (".js", ".css", ".svg", ".woff2", ".webmanifest")
_TYPES = {".woff2": "font/woff2", ".webmanifest": "application/manifest+json"}


class Assets:
    """An ASGI application for the files, and their addresses for templates."""

    def __init__(self) -> None:
        self._files = {
            p.name: p.read_bytes() for p in sorted(FOLDER.iterdir()) if p.suffix in _SERVED
        }
        self._marks = {n: hashlib.sha256(b).hexdigest()[:12] for n, b in self._files.items()}
        css = self._files["console.css"].decode()
        font = "inter-latin-wght-normal.woff2"
        css = css.replace(f'url("{font}")', f'url("{self.url(font)}")')
        self._files["console.css"] = compact(css).encode()

    def url(self, name: str) -> str:
        """The address of a file, with the mark of its content."""
        return f"/static/{name}?v={self._marks[name]}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["path"].rsplit("/", 1)[-1]
        body = self._files.get(name)
        if body is None or scope["method"] not in {"GET", "HEAD"}:
            await Response("no such file", status_code=404)(scope, receive, send)
            return
        suffix = Path(name).suffix
        kind = _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        # Only the address that names this very content may be kept for ever.
        marked = scope["query_string"] == f"v={self._marks[name]}".encode()
        headers = {
            "cache-control": "public, max-age=31536000, immutable" if marked else "no-cache",
            "x-content-type-options": "nosniff",
        }
        await Response(body, media_type=kind, headers=headers)(scope, receive, send)


def compact(css: str) -> str:
    """*css* without its comments and the spaces around its marks, which no browser reads."""
    bare = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    return re.sub(r"\s*([{};,])\s*", r"\1", bare).replace(";}", "}").strip()
