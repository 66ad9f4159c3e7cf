"""Local mail: each person's messages land in a Maildir that any mail reader opens.

For one machine without a mail server, and for the practice MSP.
"""

import mailbox
from pathlib import Path

from handrail.channels.contract import Message
from handrail.channels.mail import compose
from handrail.clock import Clock
from handrail.core.model import Person
from handrail.errors import NotSent

_SENDER = "Handrail <handrail@localhost>"


class Maildir:
    """Delivers into `FOLDER/<e-mail address>/`."""

    name = "local mail"

    def __init__(self, folder: Path, url: str, clock: Clock) -> None:
        self._folder = folder
        self._url = url
        self._clock = clock

    def deliver(self, person: Person, message: Message) -> bool:
        """Write *message* durably into the person's Maildir; False without an address."""
        if not person.email or "/" in person.email or person.email.startswith("."):
            return False
        mail = compose(person, message, sender=_SENDER, url=self._url, at=self._clock.now())
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            box = mailbox.Maildir(self._folder / person.email, create=True)
            try:
                box.add(mail)
            finally:
                box.close()
        except OSError as error:
            raise NotSent(f"the local mail folder cannot be written: {error}") from error
        return True
