"""`/v1/policy`: the version in force, what the watched folder holds, and publishing the next."""

import functools
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field

from handrail.api import auth, body
from handrail.api.answers import answer
from handrail.api.door import TheDoor
from handrail.core.policy_difference import Comparison
from handrail.errors import PolicyInvalid, Problem

#: Actions that a backtest looks at while somebody waits.
REPLAYED = 20_000

router = APIRouter(prefix="/policy", tags=["policy"], route_class=body.Route)


class Version(body.Body):
    """A policy to publish: its files as text, by path."""

    files: dict[str, str] = Field(min_length=1, max_length=2000)
    why: str = Field(default="Sent by the API.", max_length=1000, description="What it is for.")


@router.get("", summary="The policy in force")
def shown(door: TheDoor, who: auth.Who) -> Response:
    """Its digest, the versions before it, every setting with its value and its reason; and, where a
    folder is watched, whether it is in force, what is wrong in it, or what waits for people;
    where freezes name calendars by URL, when each was last read and what was the trouble."""
    watched = door.services.policies.watched
    seen = watched.seen if watched is not None else None
    folder = None
    if seen is not None:
        folder = {
            "state": seen.state,
            "text": seen.text,
            "problems": problems(seen.problems),
            "difference": difference(seen.difference),
        }
    calendars = [
        {"url": s.url, "read_at": when(s.at), "trouble": s.trouble}
        for s in door.services.policies.sources()
    ]
    return answer({**door.services.read.policy(), "folder": folder, "calendars": calendars})


def when(at: datetime | None) -> str | None:
    """An instant as doors write it."""
    return None if at is None else at.strftime("%Y-%m-%dT%H:%M:%SZ")


@router.post("/versions", summary="Publish a policy")
def publish(
    door: TheDoor,
    who: auth.Who,
    sent: Version,
    dry_run: Annotated[bool, Query(description="Only validate and compare.")] = False,
    backtest: Annotated[
        bool,
        Query(description=f"With a dry run: over the newest {REPLAYED:,} recorded actions."),
    ] = False,
) -> Response:
    """422 with every problem, file and line. A change that can lower oversight takes a second
    person: it is answered 202 with the draft that another person publishes in a session of their
    own, and `laxer` lists the sentences that say why. A dry run also answers with warnings, with
    today's people looked at, and with the difference in words by action type and client."""
    policies = door.services.policies
    if dry_run:
        backtest_of = functools.partial(door.services.backtest.run, most=REPLAYED)
        looked = policies.look(sent.files)
        if looked.policy is None or looked.difference is None:
            raise PolicyInvalid(looked.errors)
        return answer(
            {
                "digest": looked.policy.digest,
                "laxer": list(looked.difference.laxer),
                "problems": problems(looked.problems),
                "difference": difference(looked.difference),
                "published": False,
                "backtest": backtest_of(sent.files) if backtest else None,
            }
        )
    done = door.services.drafts.submit(who, sent.files, sent.why)
    return answer({**done, "draft": done.pop("id")}, status=200 if done["published"] else 202)


def problems(found: Iterable[Problem]) -> list[dict[str, Any]]:
    """Problems as they are shown: place, severity, code, message and hint."""
    return [
        {
            "file": p.file,
            "line": p.line,
            "severity": p.severity,
            "code": p.code,
            "message": p.message,
            "hint": p.hint,
        }
        for p in found
    ]


def difference(found: Comparison | None) -> dict[str, Any] | None:
    """A difference as it is shown. Of a type, `stricter` and `laxer` list clients: null for none,
    empty for all."""
    if found is None:
        return None
    return {
        "sentence": found.sentence,
        "two_people": bool(found.laxer),
        "laxer": list(found.laxer),
        "stricter": list(found.stricter),
        "types": [
            {"type": t.type, "stricter": t.stricter, "laxer": t.laxer, "why": list(t.why)}
            for t in found.types
        ],
    }
