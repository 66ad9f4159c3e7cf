"""Drafts of the policy: written, looked at, signed by groups, published (UX 4.4)."""

from starlette.responses import Response

from handrail.console.door import Pages, Visit
from handrail.core.policy import SIGNERS
from handrail.service.policies import OWNERS

#: Actions that a backtest looks at while somebody waits; `handrail backtest` looks at all.
REPLAYED = 5_000
HOME = "/settings/policy"


def start(visit: Visit) -> Response:
    """Begin a draft: a copy of the policy in force."""
    visit.back = HOME
    done = visit.services.drafts.start(visit.person, visit.said("why"))
    return visit.go(f"{HOME}/drafts/{done['id']}")


def draft(visit: Visit) -> Response:
    """One draft: what it changes, what is wrong with it, its files, its rows to sign."""
    who = visit.person
    found = visit.services.drafts.show(visit.arg("id"))
    path = visit.query("file")
    known = {p["id"]: p for p in visit.services.read.people()}
    mine = {r["role"] for r in known[who.person]["roles"] if not r["client"]}
    replayed = None
    if visit.query("backtest") == "1" and found["publishable"]:
        replayed = visit.services.backtest.run(found["files"], most=REPLAYED)
    return visit.page(
        "draft.html",
        backtest=replayed,
        d=found,
        file=path if path in found["files"] else "",
        new=visit.query("new") == "1",
        text=found["files"].get(path, ""),
        signs=sorted(mine & SIGNERS),
        owner=bool(mine & set(OWNERS)),
        proposed_by_me=found["proposed_by"] == who.person,
    )


def write(visit: Visit) -> Response:
    """Save one file of a draft, or remove it."""
    id, path = visit.arg("id"), visit.said("path").strip()
    visit.back = f"{HOME}/drafts/{id}"
    removed = visit.said("remove") == "1"
    text = None if removed else visit.said("text")
    visit.services.drafts.write(visit.person, id, path, text, visit.said("digest"))
    return visit.go(visit.back if removed else f"{visit.back}?file={path}#file")


def sign(visit: Visit) -> Response:
    """Sign the rows of one file, as oneself."""
    id = visit.arg("id")
    visit.back = f"{HOME}/drafts/{id}"
    visit.services.drafts.sign(
        visit.person,
        id,
        visit.said("path"),
        visit.said("role"),
        visit.said("why"),
        visit.said("digest"),
    )
    return visit.go(f"{visit.back}#sign")


def publish(visit: Visit) -> Response:
    """Put a draft in force, or propose it to a second person."""
    id = visit.arg("id")
    visit.back = f"{HOME}/drafts/{id}"
    done = visit.services.drafts.publish(visit.person, id, visit.said("digest"))
    return visit.go(HOME if done["published"] else visit.back)


def withdraw(visit: Visit) -> Response:
    """End a draft unpublished."""
    visit.back = f"{HOME}/drafts/{visit.arg('id')}"
    visit.services.drafts.withdraw(visit.person, visit.arg("id"))
    return visit.go(HOME)


PAGES: Pages = (
    (f"{HOME}/drafts", ("POST",), start),
    (f"{HOME}/drafts/{{id}}", ("GET",), draft),
    (f"{HOME}/drafts/{{id}}/files", ("POST",), write),
    (f"{HOME}/drafts/{{id}}/signatures", ("POST",), sign),
    (f"{HOME}/drafts/{{id}}/publication", ("POST",), publish),
    (f"{HOME}/drafts/{{id}}/withdrawal", ("POST",), withdraw),
)
