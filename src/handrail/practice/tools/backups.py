"""Backups: jobs, runs, schedules and single files."""

from typing import Final

from handrail.errors import Conflict
from handrail.practice.tools.base import (
    CLIENT,
    IDEMPOTENT,
    READ,
    Said,
    Shelf,
    client,
    number,
    text,
)
from handrail.practice.world import Book, Row

SHELF: Final = Shelf()
_JOB: Final = text("Backup job, such as HDG-FS01-nightly.")
_PATH: Final = text("Path of the file in the backup.")


def _job(book: Book, job_id: str) -> Row:
    return book.one(f"backup job {job_id}", "SELECT * FROM backup_job WHERE id = ?", job_id)


@SHELF.tool("list_backup_jobs", "List a client's backup jobs.", {"client_id": CLIENT}, hints=READ)
def list_backup_jobs(book: Book, args: Row) -> Said:
    client(book, args["client_id"])
    rows = book.all("SELECT * FROM backup_job WHERE client_id = ? ORDER BY id", args["client_id"])
    return Said(f"{len(rows)} jobs.", {"jobs": rows})


@SHELF.tool("get_backup_job", "Read one backup job and its files.", {"job_id": _JOB}, hints=READ)
def get_backup_job(book: Book, args: Row) -> Said:
    row = _job(book, args["job_id"])
    row["files"] = [
        f["path"]
        for f in book.all("SELECT path FROM backup_file WHERE job_id = ? ORDER BY path", row["id"])
    ]
    row["restored"] = [
        f["restored_to"]
        for f in book.all(
            "SELECT restored_to FROM restored_file WHERE job_id = ? ORDER BY restored_to", row["id"]
        )
    ]
    return Said(f"{row['id']}: {row['schedule']}, last run {row['last_result']}.", row)


@SHELF.tool(
    "run_backup_job",
    "Run a backup job once, now.",
    {"job_id": _JOB},
    steps=("snapshot", "copying", "verifying"),
)
def run_backup_job(book: Book, args: Row) -> Said:
    row = _job(book, args["job_id"])
    book.run(
        "UPDATE backup_job SET last_result = 'succeeded', runs = runs + 1 WHERE id = ?", row["id"]
    )
    return Said(f"{row['id']} succeeded.", {"job_id": row["id"], "last_result": "succeeded"})


@SHELF.tool(
    "set_backup_schedule",
    "Change when a backup job runs and how long its copies are kept.",
    {
        "job_id": _JOB,
        "schedule": text("Such as daily 22:00."),
        "retention_days": number("Days that copies are kept.", 1, 3650),
    },
    hints=IDEMPOTENT,
)
def set_backup_schedule(book: Book, args: Row) -> Said:
    row = _job(book, args["job_id"])
    book.run(
        "UPDATE backup_job SET schedule = ?, retention_days = ? WHERE id = ?",
        args["schedule"],
        args["retention_days"],
        row["id"],
    )
    return Said(
        f"{row['id']}: {row['schedule']} to {args['schedule']}, kept {args['retention_days']} days.",
        {
            "job_id": row["id"],
            "schedule": args["schedule"],
            "retention_days": args["retention_days"],
        },
    )


@SHELF.tool(
    "restore_file",
    "Restore one file from a backup beside the original, never over it.",
    {"job_id": _JOB, "path": _PATH},
    steps=("finding the copy", "restoring"),
)
def restore_file(book: Book, args: Row) -> Said:
    row = _job(book, args["job_id"])
    book.one(
        f"{args['path']} in {row['id']}",
        "SELECT 1 FROM backup_file WHERE job_id = ? AND path = ?",
        row["id"],
        args["path"],
    )
    to = f"{args['path']}.restored"
    if not book.run(
        "INSERT OR IGNORE INTO restored_file VALUES (?, ?, ?)", row["id"], args["path"], to
    ):
        raise Conflict(f"{to} is there already")
    return Said(f"Restored as {to}.", {"job_id": row["id"], "restored_to": to})


@SHELF.tool(
    "remove_restored_file",
    "Remove a restored copy again; the original is not touched.",
    {"job_id": _JOB, "restored_to": _PATH},
)
def remove_restored_file(book: Book, args: Row) -> Said:
    row = _job(book, args["job_id"])
    if not book.run(
        "DELETE FROM restored_file WHERE job_id = ? AND restored_to = ?",
        row["id"],
        args["restored_to"],
    ):
        raise Conflict(f"{args['restored_to']} is not there")
    return Said(
        f"{args['restored_to']} is removed.",
        {"job_id": row["id"], "restored_to": args["restored_to"]},
    )
