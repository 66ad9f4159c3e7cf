"""A message as a mail: plain text, complete by itself, one link to read (UX 6.3)."""

from email.message import EmailMessage

from handrail.channels.contract import Message
from handrail.core.model import Person


def compose(person: Person, message: Message, *, sender: str, url: str) -> EmailMessage:
    """The mail that tells *person* of *message*. Never a link that decides."""
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = person.email
    mail["Subject"] = " ".join(f"{message.title} ({message.ref})".split())[:200]
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(
        "\n".join(
            [
                message.title,
                "",
                *(f"  {line}" for line in message.lines),
                "",
                "Read and decide:",
                f"  {url}{message.path}",
                "",
                "This link only opens the page. Opening it decides nothing.",
                "If you do not answer, the question goes to the next person, never to the agent.",
            ]
        )
    )
    return mail
