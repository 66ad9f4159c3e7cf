"""Finding things by what people have in hand: an id, a ticket, a client's or an agent's name."""

from starlette.convertors import Convertor, register_url_convertor
from starlette.responses import Response

from handrail.console.door import Pages, Visit
from handrail.errors import NotFound

_PLACES = {"act_": "/actions/", "prp_": "/proposals/"}
_SHOWN = 20
_TRIGGERS = ("ticket", "alert")


class Elsewhere(Convertor[str]):
    """Every path that no other door owns."""

    regex = r"(?!(?:v1|mcp|static|events)(?:/|$)).*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("elsewhere", Elsewhere())


def search(visit: Visit) -> Response:
    """An id leads to its page at once; anything else finds what bears the name."""
    _ = visit.person
    text = visit.query("q").strip()
    if place := _place(text):
        return visit.go(place)
    read, wanted = visit.services.read, text.casefold()
    rows = [
        row
        for kind in _TRIGGERS
        for row in (read.actions(trigger=f"{kind}:{text}", limit=_SHOWN) if text else ())
    ]
    return visit.page(
        "search.html",
        text=text,
        actions=rows,
        clients=[c for c in read.clients() if wanted and wanted in c["name"].casefold()],
        agents=[a for a in read.agents() if wanted and wanted in a["name"].casefold()],
        types=[
            r
            for r in (read.matrix() if wanted else ())
            if wanted in f"{r['says']} {r['type']}".casefold()
        ][:_SHOWN],
        waiting=[r for r in visit.inboxes["all"] if wanted and wanted in r["title"].casefold()],
    )


def keys(visit: Visit) -> Response:
    """All keys."""
    _ = visit.person
    return visit.page("keys.html")


def missing(visit: Visit) -> Response:
    """No such page: a search instead."""
    _ = visit.person
    raise NotFound("there is no such page", hint="Search for it by id, ticket or name.")


def _place(text: str) -> str:
    for prefix, place in _PLACES.items():
        if text.startswith(prefix) and text.replace("_", "").isalnum():
            return f"{place}{text}"
    return f"/audit/{text}" if text.isdecimal() and text.isascii() and len(text) < 16 else ""


PAGES: Pages = (
    ("/search", ("GET",), search),
    ("/keys", ("GET",), keys),
    ("/{path:elsewhere}", ("GET",), missing),
)
