"""Documentation: runbooks, client sheets, network and backup notes."""

from typing import Final

from handrail.practice.tools.base import CLIENT, READ, Said, Shelf, number, text
from handrail.practice.world import Book, Row

SHELF: Final = Shelf()


@SHELF.tool(
    "search_documentation",
    "Search runbooks and client documents by words.",
    {
        "query": text("Words to look for."),
        "client_id": CLIENT,
        "limit": number("At most this many.", 1, 20),
    },
    optional=("client_id", "limit"),
    hints=READ,
)
def search_documentation(book: Book, args: Row) -> Said:
    words = args["query"].lower().split()
    found = []
    for row in book.all(
        "SELECT * FROM document WHERE client_id IS NULL OR client_id = coalesce(?, client_id)"
        " ORDER BY id",
        args.get("client_id"),
    ):
        text_ = f"{row['title']} {row['text']}".lower()
        hits = sum(word in text_ for word in words)
        if hits:
            found.append((-hits, row["id"], row))
    rows = [
        {k: row[k] for k in ("id", "client_id", "kind", "title")}
        for _, _, row in sorted(found, key=lambda f: f[:2])[: args.get("limit", 5)]
    ]
    return Said(f"{len(rows)} documents.", {"documents": rows})


@SHELF.tool("get_document", "Read one document.", {"document_id": text("Document id.")}, hints=READ)
def get_document(book: Book, args: Row) -> Said:
    row = book.one(
        f"document {args['document_id']}",
        "SELECT * FROM document WHERE id = ?",
        args["document_id"],
    )
    return Said(f"{row['title']}: {row['text']}", row)
