"""What agents have done already: tier 2 with its buttons, tier 1 to look at (UX 4.3)."""

from collections.abc import Sequence
from typing import Any, cast

from starlette.responses import Response

from handrail.console.door import Pages, Visit
from handrail.service.shapes import ActionPage, FeedCard

TABS = {
    "look": "Needs a look",
    "all": "All of tier 2",
    "reversed": "Reversed",
    "alone": "Ran alone",
}
CARDS, ROWS = 10, 40  # a page
_ENDING = 10 * 60  # seconds before its window ends in which a card comes first


def feed(visit: Visit) -> Response:
    """One tab. What needs attention comes first, with the reason in words."""
    _, tab, before = visit.person, visit.choice("tab", TABS), visit.query("before") or None
    read = visit.services.read
    alone = read.actions(tiers=(1,), before=before, limit=ROWS) if tab == "alone" else []
    cards = cast("Sequence[FeedCard]", read.feed(tab, before=before) if tab != "alone" else [])
    shown = [(card, _why(card)) for card in cards]
    urgent = [pair for pair in shown if pair[1]] if tab == "look" and before is None else []
    plain = [pair for pair in shown if pair not in urgent]
    found = read.action(done) if (done := visit.query("reversed")) else None
    return visit.page(
        "feed.html",
        tab=tab,
        tabs=TABS,
        looks=len(read.feed("look")) if tab != "look" or before else len(cards),
        cards=urgent + plain[:CARDS],
        actions=alone,
        older=_older(alone, ROWS) or _older([card for card, _ in plain], CARDS),
        reversed=cast("ActionPage | None", found),
    )


def _older(items: Sequence[Any], size: int) -> str:
    """The id after which the next page goes on, empty when this one holds everything."""
    return str(items[size - 1]["id"]) if len(items) >= size else ""


def _why(card: FeedCard) -> str:
    """Why a card needs attention, in words; empty when it does not."""
    beside = [card["action_state"], *(m["action_state"] for m in card["members"])]
    if "failed" in beside:
        return "It failed" if card["action_state"] == "failed" else "One of them failed"
    if "unknown" in beside:
        return "Nobody knows whether it happened"
    if card["state"] == "undelivered":
        return "Nobody could be told"
    if card["state"] == "escalated":
        return "Nobody looked at it in time"
    if card["reversible"] and card["reversible_seconds"] < _ENDING:
        return "It can soon not be reversed any more"
    return ""


def acknowledge(visit: Visit) -> Response:
    """Looks right, or was wrong."""
    tab = visit.said("tab", "look")
    visit.back = f"/feed?tab={tab}"
    visit.services.notices.acknowledge(
        visit.person, visit.arg("id"), visit.said("verdict"), visit.said("text")
    )
    return visit.go(visit.back)


def reverse(visit: Visit) -> Response:
    """One click, no dialog: it begins at once."""
    action, tab = visit.arg("id"), visit.said("tab")
    visit.back = f"/actions/{action}"
    chosen = sorted(int(k[5:]) for k in visit.form if k.startswith("item-") and k[5:].isdigit())
    found = visit.services.reversals.reverse(
        visit.person, action, visit.said("reason"), items=chosen or None, wait=False
    )
    if found["state"] == "proposed":
        return visit.go(f"/proposals/{found['proposal']}")
    return visit.go(f"/feed?tab={tab}&reversed={action}" if tab in TABS else f"/actions/{action}")


PAGES: Pages = (
    ("/feed", ("GET",), feed),
    ("/notices/{id}/acknowledgement", ("POST",), acknowledge),
    ("/actions/{id}/reversal", ("POST",), reverse),
)
