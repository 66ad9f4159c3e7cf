"""Templates, and the frame that every page stands in."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from handrail.clock import Clock, rfc3339
from handrail.console.static import Assets
from handrail.service import Services

if TYPE_CHECKING:
    from handrail.console.door import Visit

_TEMPLATES = Path(__file__).parent / "templates"


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
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals["asset"] = assets.url
        self._organisation = organisation
        self._environment.filters |= {
            "clock": clock_time,
            "day": day,
            "percent": percent,
            "left": left,
            "human": human,
        }

    def page(self, template: str, visit: "Visit", values: Mapping[str, Any]) -> str:
        """Render *template* in the frame."""
        frame: dict[str, Any] = {"status": None, "waiting": 0}
        if visit.who is not None:
            frame["status"] = self._services.read.status()
            frame["waiting"] = len(self._services.read.inbox(visit.who, "mine"))
        found = self._environment.get_template(template)
        return found.render(
            who=visit.who,
            csrf=visit.who.csrf if visit.who else "",
            path=visit.request.url.path,
            now=rfc3339(self._clock.now()),
            organisation=self._organisation(),
            **frame,
            **values,
        )


def clock_time(text: str | None) -> str:
    """An RFC 3339 time as people read it: time of day, with the date when it is not today's."""
    if not text:
        return ""
    at = datetime.fromisoformat(text).astimezone()
    today = datetime.now(UTC).astimezone().date()
    return at.strftime("%H:%M") if at.date() == today else at.strftime("%-d %b, %H:%M")


def day(text: str | None) -> str:
    return datetime.fromisoformat(text).astimezone().strftime("%-d %b %Y") if text else ""


def percent(value: float | None) -> str:
    return "not given" if value is None else f"{value * 100:.0f}%"


def left(seconds: int) -> str:
    """Seconds as time left: 08:42, or 2 h 45 min."""
    hours, rest = divmod(max(0, int(seconds)), 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes:02d}:{seconds:02d}"


def human(word: str) -> str:
    """`service-desk-manager` as people say it."""
    return str(word).replace("-", " ").replace("_", " ")
