"""The decision package, and a person's answer to it."""

from starlette.responses import Response

from handrail.console.door import Page, Visit
from handrail.errors import BadInput


def package(visit: Visit) -> Response:
    """What is proposed, why, what could go wrong, and the answer's forms."""
    version = visit.query("version")
    found = visit.services.read.package(
        visit.arg("id"), int(version) if version.isdigit() else None, visit.person
    )
    return visit.page("package.html", p=found, d=found["document"])


def compare(visit: Visit) -> Response:
    """What differs between two versions."""
    _ = visit.person
    one, other = visit.query("from", "1"), visit.query("to", "2")
    if not (one.isdigit() and other.isdigit()):
        raise BadInput("versions are numbers")
    lines = visit.services.read.compare(visit.arg("id"), int(one), int(other))
    return visit.page(
        "compare.html", id=visit.arg("id"), lines=lines, one=int(one), other=int(other)
    )


def answer(visit: Visit) -> Response:
    """Take the answer that a form carries: over the digest that was on screen, whole."""
    proposal, form = visit.arg("id"), visit.form
    kind = form.get("answer", "")
    if kind == "approve" and form.get("needs_risk") == "1" and form.get("risk") != "1":
        raise BadInput("say that you accept the risk", hint="Tick the box above the button.")
    visit.services.answers.give(
        visit.person,
        proposal,
        kind,
        form.get("package_digest", ""),
        reason=form.get("reason", ""),
        note=form.get("note", "").strip(),
        to=form.get("to", ""),
        key=form.get("key") or None,
    )
    return visit.go(f"/proposals/{proposal}")


def revoke(visit: Visit) -> Response:
    """Undo an approval before it begins."""
    visit.services.answers.revoke(visit.person, visit.arg("id"), visit.form.get("reason", ""))
    return visit.go(f"/proposals/{visit.arg('id')}")


PAGES: tuple[tuple[str, tuple[str, ...], Page], ...] = (
    ("/proposals/{id}", ("GET",), package),
    ("/proposals/{id}/compare", ("GET",), compare),
    ("/proposals/{id}/answers", ("POST",), answer),
    ("/proposals/{id}/revocation", ("POST",), revoke),
)
