"""Mail over SMTP: handed to the organisation's mail server, encrypted on the way.

* `smtps://` is TLS from the first byte, `smtp+starttls://` asks for it and goes no further without.
  `smtp://` is plain and only for this computer, where a relay may listen; a password never is.
* Delivered means that the server took it for this person. Whether it reached them is what the
  ring-me test shows.
* A server that is down costs one short wait and not one for each person: until a date has passed
  it isn't asked again.
"""

import smtplib
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import unquote, urlsplit

from handrail.channels.contract import Message
from handrail.channels.mail import compose
from handrail.clock import Clock
from handrail.core.model import Person
from handrail.errors import BadInput, NotSent

TIMEOUT = 10.0  # seconds for each step
_REST = timedelta(seconds=15)  #: how long a server that could not be reached is left alone
_PORTS = {"smtps": 465, "smtp+starttls": 587, "smtp": 25}
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Server:
    """Which mail server, and as whom. ``how`` is the scheme of its URL."""

    how: str
    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)


def server(url: str, password: str = "") -> Server:
    """The server that *url* names, such as `smtp+starttls://handrail@mail.example:587`.

    Raises `BadInput` naming what can't be used."""
    parts = urlsplit(url)
    hint = "Such as smtp+starttls://user@mail.example:587 or smtps://mail.example."
    try:
        port = parts.port or _PORTS[parts.scheme]
    except (KeyError, ValueError) as error:
        raise BadInput("HANDRAIL_SMTP can't be used", hint=hint) from error
    host = parts.hostname or ""
    if not host or parts.path.strip("/") or parts.query or parts.fragment:
        raise BadInput("HANDRAIL_SMTP names no server", hint=hint)
    if parts.password is not None:
        raise BadInput(
            "HANDRAIL_SMTP holds a password", hint="Put it in HANDRAIL_SMTP_PASSWORD_FILE."
        )
    user = unquote(parts.username or "")
    if bool(user) != bool(password):
        raise BadInput(
            "a mail server takes a user and a password, or neither",
            hint="The user stands in HANDRAIL_SMTP, the password in HANDRAIL_SMTP_PASSWORD_FILE.",
        )
    if parts.scheme == "smtp" and (host not in _HERE or user):
        raise BadInput("smtp:// is not encrypted", hint="Use smtps:// or smtp+starttls://.")
    return Server(parts.scheme, host, port, user, password)


class Smtp:
    """Delivers by handing mail to one server."""

    name = "mail"

    def __init__(
        self,
        server: Server,
        *,
        sender: str,
        url: str,
        clock: Clock,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._server = server
        self._sender = sender
        self._url = url
        self._clock = clock
        self._tls = tls or ssl.create_default_context()
        self._lock = threading.Lock()
        self._rests_until: datetime | None = None
        self._why = ""

    def deliver(self, person: Person, message: Message) -> bool:
        """Whether the server took *message* for *person*; False without an address.

        Raises `NotSent` when the server can't be reached or refuses it."""
        if not person.email:
            return False
        now = self._clock.now()
        mail = compose(person, message, sender=self._sender, url=self._url, at=now)
        with self._lock:
            if self._rests_until is not None and now < self._rests_until:
                raise NotSent(f"{self._why}; asked again at {self._rests_until:%H:%M:%S} UTC")
        with self._session() as session:
            try:
                session.send_message(mail)
            except smtplib.SMTPRecipientsRefused as error:
                code, text = next(iter(error.recipients.values()))
                raise NotSent(
                    f"the mail server refused the recipient: {_said(code, text)}"
                ) from error
            except smtplib.SMTPResponseException as error:
                said = _said(error.smtp_code, error.smtp_error)
                raise NotSent(f"the mail server refused the mail: {said}") from error
            except (smtplib.SMTPException, OSError) as error:
                raise NotSent(f"the mail server took no mail: {error}") from error
        return True

    def check(self) -> str:
        """Say how the server stands, sending nothing. Raises `NotSent` when it can't be used."""
        with self._session() as session:
            session.noop()
        return f"{self._server.how}://{self._server.host}:{self._server.port}"

    @contextmanager
    def _session(self) -> Iterator[smtplib.SMTP]:
        try:
            session = self._connect()
        except (smtplib.SMTPException, OSError) as error:
            why = f"the mail server {self._server.host} can't be used: {_why(error)}"
            with self._lock:
                self._why, self._rests_until = why, self._clock.now() + _REST
            raise NotSent(
                why, hint="Look at HANDRAIL_SMTP, its password and its certificate."
            ) from (error)
        with self._lock:
            self._rests_until = None
        try:
            yield session
        finally:
            try:
                session.quit()
            except (smtplib.SMTPException, OSError):
                session.close()  # what was taken was taken; how it says goodbye matters to nobody

    def _connect(self) -> smtplib.SMTP:
        at = self._server
        if at.how == "smtps":
            session: smtplib.SMTP = smtplib.SMTP_SSL(
                at.host, at.port, "localhost", timeout=TIMEOUT, context=self._tls
            )
        else:
            session = smtplib.SMTP(at.host, at.port, "localhost", timeout=TIMEOUT)
        try:
            if at.how == "smtp+starttls":
                session.starttls(context=self._tls)
            if at.user:
                session.login(at.user, at.password)
        except (smtplib.SMTPException, OSError):
            session.close()
            raise
        return session


def _said(code: int, text: bytes | str) -> str:
    """What the server answered, on one line; it is foreign text and kept short."""
    words = text.decode(errors="replace") if isinstance(text, bytes) else text
    return f"{code} {' '.join(words.split())[:200]}"


def _why(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return _said(error.smtp_code, error.smtp_error)
    return f"{type(error).__name__}: {error}"
