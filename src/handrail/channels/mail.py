"""A message as a mail: plain text complete by itself, the same as HTML beside it, one link (UX 6.3).

* The subject is Handrail's own words; nothing an agent wrote is in it (I31).
* Nothing is fetched by opening it: no picture, no style sheet, no tracking.
* One thread per thing: all mails about it answer the same, never sent, first mail.
* Marked as made by a program (RFC 3834), so that an absence notice does not answer it.
"""

from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr
from html import escape
from urllib.parse import urlsplit

from handrail.channels.contract import Message
from handrail.core.model import Person
from handrail.errors import BadInput, NotSent

_SUBJECT = 200  # characters
_OPENS = "This link only opens the page. Opening it decides nothing."
_NO_REPLY = "An answer by mail is not a decision."
_MOVES_ON = "If you do not answer, the question goes to the next person, never to the agent."
_ASKS = frozenset({"ask", "reminder", "alarm"})


def compose(
    person: Person, message: Message, *, sender: str, url: str, at: datetime
) -> EmailMessage:
    """The mail that tells *person* of *message*. Never a link that decides.

    Raises `NotSent` when the person's address is none that a mail can carry."""
    domain = urlsplit(url).hostname or "localhost"
    mail = EmailMessage()
    mail["From"] = _address(*parseaddr(sender))
    mail["To"] = _address(person.name, person.email)
    mail["Subject"] = _line(f"{message.title} ({message.ref})")[:_SUBJECT]
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = make_msgid(domain=domain)
    mail["In-Reply-To"] = mail["References"] = f"<{_word(message.ref)}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"  # what Exchange goes by
    mail.set_content(_plain(message, url))
    mail.add_alternative(_html(message, url), subtype="html")
    return mail


def sender(text: str) -> str:
    """*text* as what mails come from. Raises `BadInput` when it is no address."""
    try:
        _address(*parseaddr(text))
    except NotSent as error:
        raise BadInput(
            f"HANDRAIL_MAIL_FROM is {text!r}", hint="Such as Handrail <handrail@example.com>."
        ) from error
    return text


def _plain(message: Message, url: str) -> str:
    lines = [_line(message.title), ""]
    lines += [f"  {_line(line)}" for line in message.lines]
    return "\n".join(
        [*lines, "", _read(message), f"  {url}{message.path}", "", *_foot(message), ""]
    )


def _html(message: Message, url: str) -> str:
    """The same words. Everything is escaped; there is one link and nothing to load."""
    link = escape(f"{url}{message.path}")
    items = "".join(f"<li>{escape(_line(line))}</li>" for line in message.lines)
    foot = "<br>".join(escape(line) for line in _foot(message))
    title = escape(_line(message.title))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{title}</title></head><body>"
        f"<h1>{title}</h1><ul>{items}</ul>"
        f'<p>{_read(message)}<br><a href="{link}" rel="noreferrer">{link}</a></p>'
        f"<p><small>{foot}</small></p></body></html>\n"
    )


def _read(message: Message) -> str:
    return "Read and decide:" if message.kind in _ASKS else "Read:"


def _foot(message: Message) -> tuple[str, ...]:
    return (_OPENS, _MOVES_ON, _NO_REPLY) if message.kind in _ASKS else (_OPENS, _NO_REPLY)


def _address(name: str, address: str) -> Address:
    try:
        found = Address(display_name=_line(name), addr_spec=address)
    except (MessageError, ValueError, IndexError) as error:
        raise NotSent(f"{address!r} is no mail address: {error}") from error
    if not found.username or not found.domain or not address.isprintable():
        raise NotSent(f"{address!r} is no mail address")
    return found


def _line(text: str) -> str:
    """*text* on one line, without what turns or hides letters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _word(text: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in text)
