"""The decision package, and a person's answer to it (UX 4.2).

* An answer carries the digest of the version that was on screen, whole: another one is refused,
  nothing is decided, and the difference is shown above the new version (I10).
* What is required is required here, not by the browser: the risk, a note where evidence is
  missing, a reason for a denial.
* Looking changes nothing. That a package was opened is recorded by a POST: from the live page, or
  together with the answer.
"""

from typing import Any, cast

import orjson
from starlette.responses import Response

from handrail.console.door import Pages, Visit, status_of, wrong
from handrail.errors import BadInput, HandrailError, NotFound, NotSignedIn, Stale, StepUpNeeded
from handrail.service.shapes import PackagePage

#: Longest argument text that can be edited into a changed version here.
MAX_EDITED = 3900  # characters; a package keeps 4,000 and marks nothing


def package(visit: Visit) -> Response:
    """What is proposed, why, what could go wrong, and the forms of the answer."""
    _ = visit.person
    return _show(visit, _read(visit, visit.query("version")))


def compare(visit: Visit) -> Response:
    """What differs between two versions."""
    _ = visit.person
    one, other = visit.query("from", "1"), visit.query("to", "2")
    if not (one.isdecimal() and other.isdecimal()):
        raise BadInput("versions are numbers", hint="Such as ?from=1&to=2.")
    lines = visit.services.read.compare(visit.arg("id"), int(one), int(other))
    return visit.page(
        "compare.html", id=visit.arg("id"), lines=lines, one=int(one), other=int(other)
    )


def answer(visit: Visit) -> Response:
    """Take the answer that a form carries."""
    person, proposal = visit.person, visit.arg("id")
    try:
        _complete(visit)
        if visit.said("opened") != "1":
            _opened(visit)
        visit.services.answers.give(
            person,
            proposal,
            visit.said("answer"),
            visit.said("package_digest"),
            reason=visit.said("reason"),
            note=visit.said("note").strip(),
            to=visit.said("to"),
            arguments=_arguments(visit),
            key=visit.said("key"),
        )
    except (StepUpNeeded, NotFound, NotSignedIn):
        raise
    except HandrailError as error:
        return _not_done(visit, error)
    return visit.go(f"/proposals/{proposal}")


def revoke(visit: Visit) -> Response:
    """Undo an approval before it begins."""
    proposal = visit.arg("id")
    try:
        visit.services.answers.revoke(visit.person, proposal, visit.said("reason"))
    except (NotFound, NotSignedIn):
        raise
    except HandrailError as error:
        return _not_done(visit, error)
    return visit.go(f"/proposals/{proposal}")


def opened(visit: Visit) -> Response:
    """The live page says that it was on screen: part of the story, of no effect on anything."""
    _ = visit.person
    _opened(visit)
    return Response(status_code=204)


def _opened(visit: Visit) -> None:
    version = visit.said("version")
    if version.isdecimal():
        visit.services.answers.opened(visit.person, visit.arg("id"), int(version))


def _read(visit: Visit, version: str = "") -> PackagePage:
    number = int(version) if version.isdecimal() else None
    found = visit.services.read.package(visit.arg("id"), number, visit.who)
    return cast("PackagePage", found)


def _show(
    visit: Visit, found: PackagePage, *, error: HandrailError | None = None, status: int = 200
) -> Response:
    settings = visit.services.policies.current().settings
    # What the form held is kept where it belongs, whatever went wrong with it.
    kept = visit.said("answer") if error is not None else ""
    return visit.page(
        "package.html",
        status=status,
        p=found,
        d=found["document"],
        error=error,
        difference=error.difference if isinstance(error, Stale) else (),
        kept=kept,
        note=visit.said("note") if kept else "",
        reason=visit.said("reason") if kept else "",
        note_needed=_note_needed(found["document"]),
        editable=_editable(found["document"]),
        step_up=visit.clock.now() - visit.person.signed_in_at > settings.step_up_age,
        following=next((r for r in visit.inboxes["mine"] if r["id"] != found["id"]), None),
    )


def _not_done(visit: Visit, error: HandrailError) -> Response:
    """The package again, as it is now, with what was entered kept."""
    try:
        return _show(visit, _read(visit), error=error, status=status_of(error))
    except HandrailError:
        return wrong(visit, error)


def _complete(visit: Visit) -> None:
    """Raise `BadInput` unless an approval says what this very version asks it to say."""
    if visit.said("answer") not in {"approve", "approve_modified"}:
        return
    document = _read(visit)["document"]
    if document["top_risk"] and visit.said("risk") != "1":
        raise BadInput(
            "accept the risk first, or deny", hint="Tick the box above the button if you do."
        )
    if _note_needed(document) and not visit.said("note").strip():
        raise BadInput(
            "the agent named no evidence: say in the note what you checked",
            hint="A few words are enough.",
        )


def _note_needed(document: dict[str, Any]) -> bool:
    return bool(document["evidence_missing"])


def _editable(document: dict[str, Any]) -> str:
    """The arguments as text to change, empty where the package does not hold them whole."""
    text = document["arguments"]
    try:
        value = orjson.loads(text) if len(text) <= MAX_EDITED else None
    except orjson.JSONDecodeError:
        return ""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() if value else ""


def _arguments(visit: Visit) -> dict[str, Any] | None:
    if visit.said("answer") != "approve_modified":
        return None
    try:
        value = orjson.loads(visit.said("arguments"))
    except orjson.JSONDecodeError as error:
        raise BadInput(f"the changed arguments are no JSON: {error}") from error
    if not isinstance(value, dict):
        raise BadInput("the changed arguments are no object", hint='Such as {"hours": 2}.')
    return value


PAGES: Pages = (
    ("/proposals/{id}", ("GET",), package),
    ("/proposals/{id}/compare", ("GET",), compare),
    ("/proposals/{id}/answers", ("POST",), answer),
    ("/proposals/{id}/revocation", ("POST",), revoke),
    ("/proposals/{id}/opened", ("POST",), opened),
)
