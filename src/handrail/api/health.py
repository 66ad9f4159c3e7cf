"""`/healthz`, `/readyz`, `/metrics`: for whoever keeps the process alive. No names in them."""

from fastapi import APIRouter, Response

from handrail.api.answers import answer
from handrail.api.door import TheDoor
from handrail.core.action import State
from handrail.errors import HandrailError

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="The process answers")
async def healthz() -> Response:
    """200 while the process runs, whatever state it is in."""
    return answer({"status": "ok"})


@router.get(
    "/readyz",
    summary="Handrail can decide",
    responses={503: {"description": "It cannot; `problems` says why"}},
)
def readyz(door: TheDoor) -> Response:
    """200 when the database answers, a policy is in force and the record is being signed."""
    problems: list[str] = []
    try:
        door.services.read.status()
        door.services.policies.current()
    except HandrailError as error:
        problems.append(error.message)
    else:
        trouble = door.services.record.status()["trouble"]
        if trouble:
            problems.append(f"the record is not signed: {trouble}")
    return answer(
        {"status": "not ready" if problems else "ready", "problems": problems},
        503 if problems else 200,
    )


@router.get(
    "/metrics",
    summary="Counts for monitoring",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
)
def metrics(door: TheDoor) -> Response:
    """Prometheus text: counts and states, without a client's, person's or agent's name."""
    status, record = door.services.read.status(), door.services.record.status()
    counts = status["counts"]
    lines = [
        "# HELP handrail_actions_last_day Actions of the last 24 hours by state.",
        "# TYPE handrail_actions_last_day gauge",
        *(
            f'handrail_actions_last_day{{state="{s.value}"}} {counts.get(s.value, 0)}'
            for s in State
            if s is not State.WAITING
        ),
        *_gauge("proposals_waiting", "Proposals that wait for people.", status["waiting"]),
        *_gauge("pauses", "Pauses in force.", len(status["pauses"])),
        *_gauge("ledger_entries", "Entries of the ledger.", record["size"]),
        *_gauge("ledger_unsigned", "Entries not yet under a signed head.", record["behind"]),
        *_gauge(
            "ledger_trouble", "1 while the record can't be signed.", int(bool(record["trouble"]))
        ),
        *_gauge(
            "connections_down",
            "Connections that can't be reached.",
            sum(h.startswith("down") for h in status["connections"].values()),
        ),
    ]
    text = "\n".join(lines) + "\n"
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


def _gauge(name: str, help: str, value: int) -> list[str]:
    return [
        f"# HELP handrail_{name} {help}",
        f"# TYPE handrail_{name} gauge",
        f"handrail_{name} {value}",
    ]
