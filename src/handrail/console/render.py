"""Templates, and the frame that every page stands in."""

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

from handrail.clock import Clock, rfc3339
from handrail.console.static import Assets
from handrail.service import Services

if TYPE_CHECKING:
    from handrail.console.door import Visit

_TEMPLATES = Path(__file__).parent / "templates"
THEMES = ("auto", "light", "dark")
THEME_COOKIE, KEYS_COOKIE = "handrail-theme", "handrail-keys"
#: How a state is coloured; the word always stands beside the colour.
_CHIPS: Mapping[str, str] = {
    "done": "ok", "approved": "ok", "begun": "info", "waiting": "warn", "unknown": "warn",
    "escalated": "warn", "passed in shadow": "warn", "failed": "danger", "refused": "danger", "reversed": "danger",
    "revoked": "danger", "undelivered": "danger", "open": "danger", "closed": "ok",
}  # fmt: skip
_SCORES = 4


class Renderer:
    """Renders pages. Everything is escaped; what is missing is an error, not a blank."""

    def __init__(
        self,
        services: Services,
        clock: Clock,
        assets: Assets,
        *,
        organisation: Callable[[], str],
    ) -> None:
        self._services = services
        self._clock = clock
        self._organisation = organisation
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.do"],
        )
        self._environment.globals |= {
            "asset": assets.url,
            "new_key": lambda: secrets.token_urlsafe(12),
            "chip": lambda state: _CHIPS.get(state, ""),
        }
        self._environment.filters |= {
            "clock": self._time,
            "day": day,
            "percent": percent,
            "left": left,
            "human": human,
            "sentence": sentence,
            "says": says,
            "cap": cap,
        }

    def page(self, template: str, visit: "Visit", values: Mapping[str, Any]) -> str:
        """Render *template* in the frame."""
        frame: dict[str, Any] = {
            "status": None,
            "shadows": (),
            "overdue": (),
            "inbox_count": 0,
            "my_roles": (),
        }
        if visit.who is not None:
            me = visit.who.person
            frame["status"] = self._services.read.status()
            frame["shadows"] = self._services.shadows.live()
            frame["overdue"] = self._services.reviews.overdue()
            frame["inbox_count"] = len(visit.inboxes["mine"])
            frame["my_roles"] = next(
                (p["roles"] for p in self._services.read.people() if p["id"] == me), ()
            )
        theme = visit.request.cookies.get(THEME_COOKIE, "")
        return self._environment.get_template(template).render(
            who=visit.who,
            csrf=visit.who.csrf if visit.who else "",
            path=visit.request.url.path,
            here=visit.shown_at or _address(visit),
            ways=visit.ways,
            passwords=visit.identity.with_passwords,
            theme=theme if theme in THEMES[1:] else "",
            letters=visit.request.cookies.get(KEYS_COOKIE) != "off",
            now=rfc3339(self._clock.now()),
            after=visit.after,
            organisation=self._organisation(),
            **frame,
            **values,
        )

    def bare(self, template: str, values: Mapping[str, Any]) -> str:
        """Render *template* without asking anything of the services, which may be what failed."""
        return self._environment.get_template(template).render(**values)

    def _time(self, text: str | None) -> str:
        """An RFC 3339 time as people read it: the time of day, with the date when not today."""
        if not text:
            return ""
        at, now = datetime.fromisoformat(text).astimezone(), self._clock.now().astimezone()
        return at.strftime("%H:%M" if at.date() == now.date() else "%-d %b, %H:%M")


def _address(visit: "Visit") -> str:
    url = visit.request.url
    return url.path + (f"?{url.query}" if url.query else "")


def day(text: str | None) -> str:
    """The date of an RFC 3339 time."""
    return datetime.fromisoformat(text).astimezone().strftime("%-d %b %Y") if text else ""


def percent(value: float | None) -> str:
    """A share as people read it."""
    return "not given" if value is None else f"{value * 100:.0f}%"


def left(seconds: int) -> str:
    """Seconds as time left: 08:42, or 2 h 45 min."""
    hours, rest = divmod(max(0, int(seconds)), 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes:02d}:{seconds:02d}"


def human(word: str) -> str:
    """`service-desk-manager` as people say it."""
    return str(word).replace("-", " ").replace("_", " ")


def sentence(text: str) -> str:
    """With a capital and a full stop, as a sentence stands on a page."""
    text = str(text).strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?", "…")) else ".")


def says(template: str) -> Markup:
    """A row's own words, its places marked: `Reset the password of {args.user_id}`."""
    parts = template.replace("}", "{").split("{")
    return Markup("").join(
        Markup("<i>{}</i>").format(human(part.removeprefix("args."))) if n % 2 else part
        for n, part in enumerate(parts)
    )


def cap(text: str, limit: int = 4000) -> str:
    """Text that others wrote, no longer than a box takes."""
    text = str(text)
    return text if len(text) <= limit else text[:limit] + "… (cut)"
