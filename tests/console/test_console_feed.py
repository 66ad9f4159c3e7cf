"""The feed at a real browser: cards with counts, buttons that stay under the pointer while twenty
cards a second arrive, reversal with its progress, partial failure, siblings (UX 4.3)."""

import os
import re
import threading
from pathlib import Path
from typing import Any

import orjson
import pytest
from playwright.sync_api import Page, expect

from support.house import row
from support.upstream import TOOLS, tool

pytestmark = pytest.mark.browser

AXE = (Path(__file__).parents[1] / "vendor" / "axe.min.js").read_text()
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
    "device_scale_factor": 2,
}
DEVICES = pytest.mark.parametrize("device", [{}, PHONE], ids=["desktop", "phone"])
MANY = {
    "targets": '"args.users"',
    "rollback": (
        "{class: exact, each: args.users, text: Takes it from each again, within: 24h,"
        " calls: [{call: up.remove_licence, arguments: {n: item, sku: args.sku}}]}"
    ),
}


@pytest.fixture
def lists(doors: Any) -> Any:
    """A row whose actions are about a list."""
    house = doors.house
    house.upstream.tools = (*TOOLS, tool("assign_many"))
    with house.store.read() as reader:
        files = orjson.loads(reader.policy()["files"])
    files["matrix/lists.yaml"] = (
        files["matrix/all.yaml"].partition("rows:")[0]
        + "rows:\n"
        + row("up.assign_many", 2, **MANY)
    )
    house.s.policies.publish(house.who("per_dan"), files, second=house.who("per_anna"))
    house.s.catalogue.refresh("up")
    house.s.catalogue.accept(house.who("per_anna"), "up", "tool", "assign_many")
    house.middle.keeper.forget()
    return doors


def clean(page: Page) -> list[str]:
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [f"{v['id']}: {v['nodes'][0]['html'][:120]}" for v in found["violations"]]


def shot(page: Page, name: str) -> None:
    """A picture to look at, where somebody asks for them."""
    folder = os.environ.get("HANDRAIL_SHOTS")
    if folder:
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


@DEVICES
def test_what_is_alike_is_one_card_with_a_count_and_each_has_its_reverse(
    doors: Any, seen: Any, device: dict[str, Any]
) -> None:
    for _ in range(8):
        doors.house.act("assign_licence", sku="E3")
    doors.house.sweep()
    page = seen.page(**device)
    page.goto("/feed")

    expect(page.get_by_role("article")).to_have_count(1)
    expect(page.get_by_text("8 alike")).to_be_visible()
    page.get_by_text("7 more like it").click()
    expect(page.get_by_role("button", name=re.compile("^Reverse"))).to_have_count(8)
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    assert clean(page) == []
    shot(page, f"feed-{'phone' if device else 'desktop'}")
    page.get_by_role("button", name=re.compile("^Looks right")).click()
    expect(page.get_by_text("No tier 2 actions need a look.")).to_be_visible()


def test_buttons_never_move_under_the_pointer_while_twenty_cards_a_second_arrive(
    doors: Any, seen: Any
) -> None:
    house = doors.house
    house.act("assign_licence", sku="E3")
    house.sweep()
    page = seen.page()
    page.goto("/feed")
    expect(page.locator("#is-live")).to_be_visible()
    button = page.get_by_role("button", name=re.compile("^Reverse"))
    button.hover()
    before = button.bounding_box()
    stop = threading.Event()

    def arrive() -> None:
        for n in range(60):
            house.act("assign_licence", sku="E3", n=f"new{n}", client=("acme", "harbor")[n % 2])
            if stop.wait(0.05):
                return

    arriving = threading.Thread(target=arrive)
    arriving.start()
    expect(page.locator("#newcards")).to_be_visible()  # they collect, while they still arrive
    for _ in range(20):
        assert button.bounding_box() == before
    expect(page.get_by_role("article")).to_have_count(1)
    stop.set()
    arriving.join()
    button.click()  # and what is clicked is what was under the pointer
    expect(page.get_by_text("A read afterwards saw the state as it was before")).to_be_visible()
    assert [a["n"] for name, a in house.upstream.acts if name == "remove_licence"] == ["n1"]


@DEVICES
def test_a_list_shows_its_progress_and_what_needs_a_hand(
    lists: Any, seen: Any, device: dict[str, Any]
) -> None:
    house = lists.house
    users = [f"u{n}" for n in range(6)]
    acted = house.act("assign_many", users=users, sku="E3")
    house.sweep()
    gate, half = threading.Event(), threading.Event()

    def slow(order: Any) -> str | None:
        name = order.params["arguments"].get("n")
        if order.params["name"] == "remove_licence" and name == "u3":
            half.set()
            gate.wait(20)
            return "failed"
        return None

    house.upstream.fault = slow
    page = seen.page(**device)
    page.goto("/feed?tab=all")
    page.get_by_role("button", name=re.compile("^Reverse")).click()
    assert half.wait(20)
    expect(page.get_by_text(re.compile("Reversing, 3 of 6"))).to_be_visible()
    assert clean(page) == []
    shot(page, f"reversing-{'phone' if device else 'desktop'}")
    gate.set()
    house.s.reversals.close()
    page.goto("/feed?tab=all")
    expect(page.get_by_text("Restored 5 of 6. 1 need a hand")).to_be_visible()
    page.goto(f"/actions/{acted.id}")
    expect(page.get_by_text("Restored 5 of 6. 1 needs a hand: u3.").first).to_be_visible()
    assert clean(page) == []
    shot(page, f"partial-{'phone' if device else 'desktop'}")


def test_a_wrong_action_shows_its_siblings_each_with_its_reverse(doors: Any, seen: Any) -> None:
    house = doors.house
    wrong = house.act("assign_licence", sku="E3")
    other = house.act("assign_licence", sku="E5")
    house.s.reversals.reverse(house.who("per_ben"), wrong.id)
    page = seen.page()
    page.goto(f"/actions/{wrong.id}")

    expect(page.get_by_role("heading", name="Others of the same cause")).to_be_visible()
    assert clean(page) == []
    shot(page, "siblings")
    page.get_by_role("button", name=re.compile("^Reverse")).click()
    expect(page).to_have_url(re.compile(f"/actions/{other.id}"))
    assert house.state(other.id) == "reversed"
