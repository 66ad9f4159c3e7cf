"""What happens to the practice world: trouble, and the tickets that report it.

The n-th arrival is drawn from (seed, n) and from the state it meets: first the trouble is made
true (an account is locked, a service stops), then the ticket is opened in a person's words. The
queue of new tickets is filled whenever someone looks at it, so that work never runs out and the
same calls meet the same tickets.
"""

from typing import Final

from handrail.practice.reports import REPORTS
from handrail.practice.scenes import SCENES
from handrail.practice.world import Book, Row, chance

_FIRST_NUMBER: Final = 1001


def open_ticket(
    book: Book,
    client: Row,
    *,
    subject: str,
    description: str,
    category: str,
    requester: str | None = None,
    device: str | None = None,
    priority: str = "normal",
) -> str:
    """Open a ticket and return its id, such as ``HDG-1001``."""
    number = book.count("SELECT count(*) FROM ticket") + _FIRST_NUMBER
    ticket = f"{client['code']}-{number}"
    book.run(
        "INSERT INTO ticket VALUES (?, ?, ?, ?, ?, ?, 'new', ?, ?, '', '', ?)",
        ticket,
        client["id"],
        subject,
        description,
        category,
        priority,
        requester,
        device,
        book.now,
    )
    return ticket


def fill_queue(book: Book) -> None:
    """Let tickets arrive until the queue holds as many new ones as ``meta.queue`` says."""
    wanted = int(book.setting("queue"))
    while book.count("SELECT count(*) FROM ticket WHERE status = 'new'") < wanted:
        arrive(book)


def arrive(book: Book) -> str:
    """Let the next arrival happen; the ticket's id."""
    number = int(book.setting("arrived")) + 1
    book.set("arrived", number)
    draw = chance(book.setting("seed"), "arrival", number)
    while True:
        # A scene that finds nobody to happen to gives way to another draw.
        scene = draw.choices(SCENES, [s.weight for s in SCENES])[0]
        cast = scene.stage(book, draw)
        if cast is None:
            continue
        subject, description = draw.choice(REPORTS[scene.kind])
        client = book.one("client", "SELECT * FROM client WHERE id = ?", cast["client"])
        # Half of the mail that comes in has no right category yet.
        category = scene.category if draw.random() < 0.5 else "question"
        return open_ticket(
            book,
            client,
            subject=subject.format(**cast),
            description=description.format(**cast),
            category=category,
            requester=cast.get("requester", cast.get("user")),
            device=cast.get("device"),
            priority="high" if scene.kind in {"malware", "server-service"} else "normal",
        )
