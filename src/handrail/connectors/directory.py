"""Directory files: who people and devices are, from files that an organisation keeps itself.

Each CSV, JSON or YAML file of the data folder's `directory/` is one read of the callable set
`directory`, named as the file: `users.csv` is `users(id)`. It answers the one record whose `id`
(or any column ending in `_id`, `email` or `upn`) is that value, without regard to case, with
`as_of`: when the file was last written, which is how old its facts are (`service.resolve`).

No record, or two, is a failure: nothing is guessed. A file is read again when it changed.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from handrail.connectors.callables import Callables
from handrail.core.words import fold, key_of

SET = "directory"
MAX_BYTES = 50_000_000
_ENDINGS = (".csv", ".json", ".yaml", ".yml")


class DirectoryFileError(ValueError):
    """A directory file that can't answer: damaged, too large, or without exactly one record."""


class DirectoryFile:
    """One file. Called from many threads: what was read is replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[tuple[int, int], Mapping[str, list[Mapping[str, Any]]]] | None = None

    def find(self, id: str) -> dict[str, Any]:
        """The record of *id*, with `as_of`. Raises `DirectoryFileError`."""
        try:
            stat = self._path.stat()
            mark = (stat.st_mtime_ns, stat.st_size)
            if self._read is None or self._read[0] != mark:
                self._read = (mark, self._records(stat.st_size))
        except OSError as error:
            raise DirectoryFileError(f"{self._path.name}: {error.strerror}") from None
        found = self._read[1].get(fold(str(id)).strip(), [])
        if len(found) != 1:
            said = "no record" if not found else f"{len(found)} records"
            raise DirectoryFileError(f"{self._path.name} has {said} of that id")
        as_of = datetime.fromtimestamp(mark[0] / 1e9, UTC)
        return {**found[0], "as_of": as_of.isoformat()}

    def _records(self, size: int) -> Mapping[str, list[Mapping[str, Any]]]:
        if size > MAX_BYTES:
            raise DirectoryFileError(f"{self._path.name} is larger than {MAX_BYTES} bytes")
        by_id: dict[str, list[Mapping[str, Any]]] = {}
        for record in _listed(self._path.name, self._path.read_bytes()):
            ids = {
                fold(str(value)).strip()
                for column, value in record.items()
                if _names(str(column)) and value not in {None, ""}
            }
            for id in ids:
                by_id.setdefault(id, []).append(record)
        return by_id


def register(callables: Callables, folder: Path) -> None:
    """Make every directory file of *folder* callable, as the set `directory`."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.suffix in _ENDINGS and path.is_file() and path.stem.isidentifier():
            callables.register(SET, path.stem, _tool(path))


def _tool(path: Path) -> Callable[..., Any]:
    file = DirectoryFile(path)

    def find(id: str) -> dict[str, Any]:
        return file.find(id)

    find.__doc__ = f"The record of one id in the directory file {path.name}."
    return find


def _names(column: str) -> bool:
    key = key_of(column)
    return key == "id" or fold(column).endswith(("_id", "email", "upn")) or key.endswith("mail")


def _listed(name: str, raw: bytes) -> list[Mapping[str, Any]]:
    try:
        text = raw.decode("utf-8-sig")
        if name.endswith(".csv"):
            found: Any = list(csv.DictReader(io.StringIO(text)))
        elif name.endswith(".json"):
            found = json.loads(text)
        else:
            found = yaml.safe_load(text)
    except (ValueError, RecursionError, csv.Error, yaml.YAMLError) as error:
        raise DirectoryFileError(f"{name} cannot be read: {str(error)[:120]}") from None
    if isinstance(found, dict):
        found = [{"id": k, **v} for k, v in found.items() if isinstance(v, dict)]
    if not isinstance(found, list):
        raise DirectoryFileError(f"{name} holds no list of records")
    return [record for record in found if isinstance(record, dict)]
