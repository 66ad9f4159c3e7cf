"""A mail scanner opens every link it finds, signed in or not, and decides nothing (SPEC 5)."""

import re
from typing import Any
from urllib.parse import urldefrag

import pytest

_LINK = re.compile(r'href="(/[^"]*)"')
_MOST = 60  # pages that a scanner follows


def _waiting(doors: Any) -> tuple[str, str]:
    """A proposal that waits, and the path that its message carries."""
    proposal = doors.propose(port=1)
    paths = {m.path for _, m in doors.house.mail.got if m.ref == proposal}
    assert paths == {f"/proposals/{proposal}"}
    return proposal, paths.pop()


def _only_looked(doors: Any, since: int) -> None:
    """Nothing came into the record since then but that a package was opened."""
    types = {e["type"].rpartition(":")[2] for e in doors.house.entries()[since:]}
    assert types <= {"opened"}


@pytest.mark.parametrize("who", [None, "per_anna", "per_ben"])
def test_links_opened_with_get_and_head_decide_nothing(
    doors: Any, http: Any, who: str | None
) -> None:
    proposal, path = _waiting(doors)
    if who is not None:
        http.cookies.set("handrail", doors.session(who))
    since = len(doors.house.entries())
    todo, seen = [path, f"{path}?approve=1&answer=approve", f"{path}/answers"], set()
    while todo and len(seen) < _MOST:
        link = urldefrag(todo.pop(0)).url
        if link in seen or link.startswith("/static") or link == "/events":
            continue
        seen.add(link)
        http.head(link, follow_redirects=False)
        got = http.get(link, follow_redirects=True)
        todo += _LINK.findall(got.text)
    assert len(seen) >= (3 if who is None else 20)
    _only_looked(doors, since)
    assert doors.state(proposal) == "waiting"


@pytest.mark.browser
def test_a_scanner_in_a_signed_in_browser_that_runs_scripts_decides_nothing(
    doors: Any, seen: Any
) -> None:
    """Scripts run for 30 seconds on the page of the message and on the pages that it leads to."""
    proposal, path = _waiting(doors)
    page = seen.page("per_anna")
    since = len(doors.house.entries())  # after the sign-in
    sent: list[str] = []
    page.on("request", lambda r: r.method not in {"GET", "HEAD"} and sent.append(r.url))
    page.clock.install()
    links = [path]
    for link in links:
        page.goto(link, wait_until="load")
        page.clock.run_for(30_000)
        if link == path:
            found = page.eval_on_selector_all("main a[href^='/']", "a => a.map(e => e.href)")
            links += sorted({urldefrag(f).url for f in found} - {page.url})[:4]
    assert len(links) > 1
    assert all(url.endswith("/opened") for url in sent)  # that it was looked at, no answer
    _only_looked(doors, since)
    assert doors.state(proposal) == "waiting"
