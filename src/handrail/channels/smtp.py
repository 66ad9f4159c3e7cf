"""E-mail: one link to read, never a link that decides (UX 6.3)."""

import smtplib
import ssl
from dataclasses import dataclass

from handrail.channels.contract import Message
from handrail.channels.mail import compose
from handrail.core.model import Person
from handrail.errors import NoAnswer, NotSent

_TIMEOUT = 10.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Smtp:
    """Sends by an SMTP server; with TLS when the server offers it, always before credentials."""

    host: str
    port: int
    sender: str
    url: str  #: where the console is
    user: str = ""
    password: str = ""

    @property
    def name(self) -> str:
        return "e-mail"

    def deliver(self, person: Person, message: Message) -> bool:
        """Send *message*; True once the server took it. False without an address."""
        if not person.email:
            return False
        mail = compose(person, message, sender=self.sender, url=self.url)
        try:
            with smtplib.SMTP(self.host, self.port, timeout=_TIMEOUT) as server:
                server.ehlo()
                if server.has_extn("starttls"):
                    server.starttls(context=ssl.create_default_context())
                    server.ehlo()
                if self.user:
                    server.login(self.user, self.password)
                server.send_message(mail)
        except OSError as error:
            raise NotSent(f"the mail server could not be reached: {error}") from error
        except smtplib.SMTPException as error:
            raise NoAnswer(f"the mail server refused the message: {error}") from error
        return True
