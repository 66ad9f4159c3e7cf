"""What happens to the practice world: trouble, and the tickets that report it.

The n-th arrival is drawn from (seed, n) and from the state it meets: first the trouble is made
true (an account is locked, a service stops), then the ticket is opened in a person's words. The
queue of new tickets is filled whenever someone looks at it, so that work never runs out and the
same calls meet the same tickets.
"""

from typing import Final, NamedTuple

from handrail.practice.reports import REPORTS
from handrail.practice.scenes import SCENES, Cast
from handrail.practice.world import Book, Row, chance

_FIRST_NUMBER: Final = 1001


class Arrival(NamedTuple):
    """A ticket that came in, and what the world knows about it that the ticket does not say."""

    ticket: str
    kind: str  #: of the scene
    category: str  #: where it should stand
    cast: Cast


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


def arrive(book: Book, kind: str = "") -> Arrival:
    """Let the next arrival happen, of that *kind* of scene where one is named."""
    number = int(book.setting("arrived")) + 1
    book.set("arrived", number)
    draw = chance(book.setting("seed"), "arrival", number)
    while True:
        # A scene that finds nobody to happen to gives way to another draw.
        some = [s for s in SCENES if kind in {"", s.kind}]
        scene = draw.choices(some, [s.weight for s in some])[0]
        cast = scene.stage(book, draw)
        if cast is None:
            continue
        subject, description = draw.choice(REPORTS[scene.kind])
        client = book.one("client", "SELECT * FROM client WHERE id = ?", cast["client"])
        # Half of the mail that comes in has no right category yet.
        category = scene.category if draw.random() < 0.5 else "question"
        ticket = open_ticket(
            book,
            client,
            subject=subject.format(**cast),
            description=description.format(**cast),
            category=category,
            requester=cast.get("requester", cast.get("user")),
            device=cast.get("device"),
            priority="high" if scene.kind in {"malware", "server-service"} else "normal",
        )
        return Arrival(ticket, scene.kind, scene.category, cast)
