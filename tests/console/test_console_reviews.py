"""A governance review, as whoever holds it sees it: answers, a signature, and a banner when late."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from .conftest import FILES, Consoled, Person


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[Consoled]:
    made = Consoled(tmp_path, files=FILES)
    made.house.upstream.fault = lambda order: "failed"
    made.house.act("restart_service")  # the one item of January's agenda
    made.house.sweep(days=40)
    try:
        yield made
    finally:
        made.close()


def test_a_late_review_is_a_banner_until_its_items_are_answered_and_it_is_signed(
    doors: Consoled, http: TestClient
) -> None:
    desk = Person(http, doors, "per_dan")
    assert "A governance review is overdue" in desk.get("/inbox").text
    assert "Overdue" in desk.get("/reviews").text
    page = desk.get("/reviews/rvw_2026-01").text
    assert "up.restart_service ran 1 times alone; 1 did not go as specified." in page
    assert "Once every item has an answer." in page
    (item,) = re.findall(r'name="item" value="([^"]+)"', page)
    form = {"item": item, "decision": "action", "text": "mend it", "owner": "", "due": ""}
    assert desk.post("/reviews/rvw_2026-01/findings", form).status_code == 422
    form |= {"owner": "per_ben", "due": "2026-02-20"}
    assert desk.post("/reviews/rvw_2026-01/findings", form).status_code == 303
    page = desk.get("/reviews/rvw_2026-01").text
    assert "mend it" in page
    (agenda,) = re.findall(r'name="agenda" value="([0-9a-f]{64})"', page)
    signed = {"summary": "Dan and Ben.", "agenda": agenda}
    assert desk.post("/reviews/rvw_2026-01/sign-off", signed).status_code == 303
    page = desk.get("/reviews/rvw_2026-01").text
    assert "Signed by Dan" in page
    assert "Dan and Ben." in page
    assert "A governance review is overdue" not in desk.get("/inbox").text
    assert desk.post("/reviews/rvw_2026-01/findings", form).status_code == 409


def test_agents_answer_and_sign_nothing(doors: Consoled, http: TestClient) -> None:
    key = {"Authorization": f"Bearer {doors.key()}"}
    body = {"item": "x", "decision": "keep", "text": "x"}
    answer = http.post("/v1/reviews/rvw_2026-01/findings", json=body, headers=key)
    assert answer.status_code == 403
    body = {"summary": "x", "agenda": "0" * 64}
    assert http.post("/v1/reviews/rvw_2026-01/sign-off", json=body, headers=key).status_code == 403
