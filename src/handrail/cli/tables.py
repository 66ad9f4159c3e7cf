"""The record as a table: JSON Lines or CSV, a line an entry. For machines and spreadsheets; what
proves it lies beside it."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

COLUMNS = ("seq", "at", "type", "who", "action", "clients", "text")
#: What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write(path: Path, entries: Iterable[Mapping[str, Any]]) -> Path:
    """Write *entries* into the file *path*, as its ending says (`jsonl` or `csv`); return it."""
    if path.suffix == ".jsonl":
        with path.open("wb") as lines:
            for entry in entries:
                lines.write(orjson.dumps(dict(entry)) + b"\n")
        return path
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        table.writerows([_cell(entry[column]) for column in COLUMNS] for entry in entries)
    return path


def _cell(value: Any) -> str:
    text = " ".join(value) if isinstance(value, list) else str("" if value is None else value)
    return f"'{text}" if text.startswith(_FORMULA) else text
