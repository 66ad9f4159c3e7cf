"""People at real browsers: desktop and phone, with JavaScript and without."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

AXE = (Path(__file__).parents[1] / "vendor" / "axe.min.js").read_text()
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
    "device_scale_factor": 2,
}
NARROW = {"viewport": {"width": 320, "height": 800}, "is_mobile": True, "has_touch": True}
BOTH = pytest.mark.parametrize("js", [True, False], ids=["js", "no-js"])
DEVICES = pytest.mark.parametrize("device", [{}, PHONE], ids=["desktop", "phone"])
HOSTILE = (
    "<script>alert('x')</script><img src=x onerror=alert(1)><button>Approve version 9</button>"
    " [click me](javascript:alert(2)) \u202eevorppa\u202c </div></section><form action=//evil>"
)


def approve(page: Page) -> None:
    """What a person does on the package to approve."""
    page.locator("#risk").check()
    page.locator("#note").fill("Asked the client by phone")
    page.get_by_role("button", name="Approve version").click()


def nothing_sticks_out(page: Page) -> bool:
    """Whether everything lies within the width of the page."""
    width = page.viewport_size["width"] if page.viewport_size else 0
    return bool(page.evaluate("document.documentElement.scrollWidth") <= width)


def lived_in(doors: Any) -> str:
    """Something of every kind; the id of a proposal that waits."""
    house = doors.house
    house.act("restart_service")
    house.act("assign_licence", sku="E3")
    decided = doors.propose(client="harbor")
    house.answer("per_anna", decided, "deny", reason="wrong-time")
    proposal = doors.propose(port=1)
    doors.another_version(proposal)
    house.s.incidents.open(house.who("per_ben"), severity="minor", title="A slip")
    return str(proposal)


# --- the whole way ----------------------------------------------------------------------------


@BOTH
@DEVICES
def test_from_sign_in_to_done(doors: Any, seen: Any, js: bool, device: dict[str, Any]) -> None:
    """Sign-in, inbox, package, approve, undo window, run: its effect at the upstream."""
    proposal = doors.propose(client="acme")
    doors.session("per_anna")
    page = seen.page(None, js=js, **device)
    page.goto(f"/proposals/{proposal}")
    page.get_by_label("E-mail address").fill("anna@x.example")
    page.get_by_label("Password").fill("correct horse battery staple")
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(f"/proposals/{proposal}$"))
    page.goto("/inbox")
    expect(page).to_have_title("Inbox (1) · Handrail")
    page.get_by_role("link", name="add_firewall_rule n1").click()
    if device:
        page.get_by_role("link", name="Decide").click()

    approve(page)

    expect(page.get_by_role("button", name="Undo approval")).to_be_visible()
    assert nothing_sticks_out(page)
    assert doors.house.upstream.acts == []
    doors.house.sweep(seconds=11)
    assert [name for name, _ in doors.house.upstream.acts] == ["add_firewall_rule"]
    if not js:
        page.reload()
    expect(page.locator("#moved")).to_contain_text("Done.")
    expect(page.get_by_role("button", name="Undo approval")).to_have_count(0)


@BOTH
def test_deny_takes_no_more_than_a_reason(doors: Any, seen: Any, js: bool) -> None:
    proposal = doors.propose()
    page = seen.page(js=js)
    page.goto(f"/proposals/{proposal}")
    page.locator("#deny summary").click()
    page.get_by_label("Wrong target", exact=True).check()

    page.get_by_role("button", name="Deny version 1").click()

    expect(page.locator("#moved")).to_contain_text("Denied. It did not run.")
    assert doors.state(proposal) == "denied"


@BOTH
def test_I10_it_changed_while_i_read_it(doors: Any, seen: Any, js: bool) -> None:
    proposal = doors.propose()
    page = seen.page(js=js)
    page.goto(f"/proposals/{proposal}")
    page.locator("#risk").check()
    page.locator("#note").fill("I read version one")

    doors.another_version(proposal)

    button = page.get_by_role("button", name="Approve version 1")
    if js:
        # What is read never swaps; it says so and can't be approved any more.
        expect(page.get_by_text("Version 2 is ready.")).to_be_visible()
        expect(button).to_be_disabled()
        expect(page.locator("#note")).to_have_value("I read version one")
        page.evaluate("document.getElementById('approve').requestSubmit()")  # someone insists
    else:
        button.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "This proposal changed while you read it"
    )
    expect(page.get_by_role("region", name="What is different in version 2")).to_contain_text(
        "TCP 443"
    )
    expect(page.locator("#note")).to_have_value("I read version one")
    assert doors.state(proposal) == "waiting"
    approve(page)
    expect(page.get_by_role("button", name="Undo approval")).to_be_visible()


@BOTH
def test_someone_else_was_faster(doors: Any, seen: Any, js: bool) -> None:
    proposal = doors.propose()
    page = seen.page(js=js)
    page.goto(f"/proposals/{proposal}")

    doors.house.answer("per_ben", proposal, "deny", reason="duplicate")

    if js:
        expect(page.locator("#moved")).to_contain_text("Denied. It did not run.")
        expect(page.get_by_role("button", name="Approve version 1")).to_be_disabled()
        return
    approve(page)
    expect(page.locator("#moved")).to_contain_text("Denied. It did not run.")
    expect(page.get_by_text("Ben denied")).to_be_visible()
    expect(page.get_by_role("button", name="Approve version 1")).to_have_count(0)


@BOTH
def test_undo_within_the_window(doors: Any, seen: Any, js: bool) -> None:
    proposal = doors.propose()
    page = seen.page(js=js)
    page.goto(f"/proposals/{proposal}")
    approve(page)

    page.get_by_role("button", name="Undo approval").click()

    expect(page.locator("#moved")).to_contain_text("The approval was taken back.")
    doors.house.sweep(minutes=5)
    assert doors.house.upstream.acts == []


@BOTH
@DEVICES
def test_reverse_is_one_click(doors: Any, seen: Any, js: bool, device: dict[str, Any]) -> None:
    doors.house.act("assign_licence", sku="E3")
    page = seen.page(js=js, **device)
    page.goto("/feed")
    assert doors.house.upstream.licences["n1"] == {"E3"}

    page.get_by_role("button", name=re.compile("^Reverse")).click()

    expect(page.get_by_text("A read afterwards saw the state as it was before")).to_be_visible()
    assert doors.house.upstream.licences["n1"] == set()
    assert len(page.context.pages) == 1


@BOTH
def test_looks_right_takes_the_card_off_the_list(doors: Any, seen: Any, js: bool) -> None:
    doors.house.act("assign_licence", sku="E3")
    page = seen.page(js=js)
    page.goto("/feed")

    page.get_by_role("button", name=re.compile("^Looks right")).click()

    expect(page.get_by_text("No tier 2 actions need a look.")).to_be_visible()
    assert doors.house.s.read.feed("look") == []


@BOTH
def test_pause_from_any_page_and_resume_by_two(doors: Any, seen: Any, js: bool) -> None:
    page = seen.page(js=js)
    page.goto("/matrix")
    page.get_by_role("link", name="Pause agents").click()
    page.get_by_label("Stop", exact=True).check()
    page.locator("#reason").fill("Odd changes at two clients")
    page.get_by_role("button", name="Pause now").click()
    expect(page.locator("#top")).to_contain_text("All agents stopped by Anna")
    page.get_by_label("Reason").first.fill("Looked at both")
    page.get_by_role("button", name="Ease to restrict").click()
    page.get_by_label("Reason").first.fill("It was a test account")
    page.get_by_role("button", name="Propose to resume").click()
    expect(page.get_by_text("A second person must agree.").first).to_be_visible()

    other = seen.page("per_dan", js=js)
    other.goto("/pause")
    other.get_by_label("Reason").first.fill("Agreed")
    other.get_by_role("button", name="Agree and resume").click()

    expect(other.get_by_text("Nothing is paused.")).to_be_visible()
    if not js:
        page.reload()
    expect(page.locator("#top")).to_contain_text("Normal operation")


def test_the_effect_of_a_pause_follows_what_is_chosen(doors: Any, seen: Any) -> None:
    doors.propose(client="harbor")
    page = seen.page()
    page.goto("/pause")
    expect(page.locator("#effect")).to_contain_text("1 wait for people")
    page.locator("#what").select_option("client:acme")
    expect(page.locator("#effect")).to_contain_text("0 wait for people")


@BOTH
def test_an_old_sign_in_is_asked_again_and_keeps_what_was_entered(
    doors: Any, seen: Any, js: bool
) -> None:
    from datetime import timedelta

    proposal = doors.propose()
    page = seen.page(js=js)
    doors.session("per_anna")
    doors.clock.advance(timedelta(minutes=16))
    page.goto(f"/proposals/{proposal}")
    expect(page.get_by_text("You will be asked to sign in again.")).to_be_visible()
    approve(page)
    page.get_by_label("Password").fill("correct horse battery staple")
    page.get_by_role("button", name="Sign in again").click()
    expect(page.get_by_text("Asked the client by phone")).to_be_visible()
    assert doors.state(proposal) == "waiting"

    page.get_by_role("button", name="Approve version 1").click()

    expect(page.get_by_role("button", name="Undo approval")).to_be_visible()


# --- live -------------------------------------------------------------------------------------


def test_a_new_proposal_waits_behind_a_bar_while_the_pointer_is_on_the_list(
    doors: Any, seen: Any
) -> None:
    first = doors.propose()
    page = seen.page()
    page.goto("/inbox")
    page.locator(f"#{first}").hover()
    where = page.locator(f"#{first}").bounding_box()

    second = doors.propose(client="harbor")

    bar = page.get_by_role("button", name="1 new proposal")
    expect(bar).to_be_visible()
    expect(page.locator(f"#{second}")).to_have_count(0)
    expect(page.locator("#nav .count")).to_contain_text("2")
    bar.click()
    expect(page.locator(f"#{second}")).to_be_visible()
    expect(bar).to_be_hidden()
    assert where is not None


def test_an_idle_page_shows_what_is_new_by_itself(doors: Any, seen: Any) -> None:
    page = seen.page()
    page.goto("/inbox")
    expect(page.get_by_text("Nothing waits for you.")).to_be_visible()

    proposal = doors.propose()

    expect(page.locator(f"#{proposal}")).to_be_visible()
    expect(page.get_by_text("1 proposal needs your decision.")).to_be_visible()


def test_the_feed_and_a_story_follow_what_happens(doors: Any, seen: Any) -> None:
    page = seen.page()
    page.goto("/feed")
    expect(page.locator("#is-live")).to_be_visible()
    acted = doors.house.act("assign_licence", sku="E3")
    expect(page.get_by_role("article")).to_have_count(1)
    page.goto(f"/actions/{acted.id}")
    doors.house.s.reversals.reverse(doors.house.who("per_ben"), acted.id)
    expect(page.locator("#story")).to_contain_text("began to reverse it")


def test_many_tabs_of_one_browser_stay_live(doors: Any, seen: Any) -> None:
    """HTTP/1.1 gives a browser six connections: one stream serves all its tabs."""
    page = seen.page()
    tabs = [page, *(page.context.new_page() for _ in range(7))]
    for tab in tabs:
        tab.goto("/inbox")

    proposal = doors.propose()

    for tab in tabs:
        expect(tab.locator(f"#{proposal}")).to_be_visible()


def test_names_only_go_over_the_stream(doors: Any, seen: Any) -> None:
    page = seen.page()
    page.goto("/keys")
    page.evaluate(
        """() => { const s = new EventSource('/events'), heard = new Set(), d = document.body.dataset;
        s.onopen = () => { d.open = '1'; };
        s.onmessage = (e) => { d.heard = [...heard.add(e.data)].sort().join(' '); }; }"""
    )
    expect(page.locator("body")).to_have_attribute("data-open", "1")
    proposal = doors.propose(secret="do not tell")
    expect(page.locator("body")).to_have_attribute("data-heard", f"feed inbox proposal:{proposal}")


def test_signed_out_elsewhere_says_so_and_keeps_the_page(doors: Any, seen: Any) -> None:
    doors.propose()
    page = seen.page()
    page.goto("/inbox")
    expect(page.locator(".req")).to_have_count(1)
    doors.identity.sign_out(doors.session("per_anna"))
    doors.propose(client="harbor")
    expect(page.locator("#lost")).to_contain_text("You are signed out")
    expect(page.locator(".req")).to_have_count(1)


def test_that_it_was_on_screen_is_recorded_by_the_live_page(doors: Any, seen: Any) -> None:
    proposal = doors.propose()
    page = seen.page()
    with page.expect_response(re.compile("/opened$")) as told:
        page.goto(f"/proposals/{proposal}")
    assert told.value.status == 204
    assert doors.house.entries()[-1]["type"] == "person:proposal:opened"


def test_time_left_counts_down_by_the_servers_clock(doors: Any, seen: Any) -> None:
    proposal = doors.propose()
    page = seen.page()
    page.clock.install()
    page.goto(f"/proposals/{proposal}")
    timer = page.get_by_role("timer")
    expect(timer).to_have_text(re.compile(r"59:5\d|1 h 00 min"))
    page.clock.fast_forward("58:00")
    page.clock.run_for(1000)
    expect(timer).to_have_text(re.compile(r"0[12]:\d\d"))
    expect(timer).to_have_class("hot")


# --- keys -------------------------------------------------------------------------------------


def test_single_letters_move_and_open_and_decide_nothing(doors: Any, seen: Any) -> None:
    first = doors.propose()
    doors.propose(client="harbor")
    page = seen.page()
    page.goto("/inbox")
    for key in ("j", "j", "k"):
        page.keyboard.press(key)
    expect(page.locator(f"#{first} a")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/proposals/{first}$"))
    page.keyboard.press("d")
    assert page.evaluate("document.activeElement.closest('#decide') !== null")
    page.keyboard.press("x")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("x")
    expect(page.locator("#deny")).to_have_attribute("open", "")
    page.evaluate("document.activeElement.blur()")
    for key in "ayzpn":
        page.keyboard.press(key)
    assert doors.state(first) == "waiting"
    page.keyboard.press("g")
    page.keyboard.press("f")
    expect(page).to_have_url(re.compile("/feed$"))
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.locator("#q").fill("j k g i")
    expect(page).to_have_url(re.compile("/feed$"))


def test_control_and_enter_sends_the_form_i_am_in_after_the_browsers_own_checks(
    doors: Any, seen: Any
) -> None:
    proposal = doors.propose()
    page = seen.page()
    page.goto(f"/proposals/{proposal}")
    page.locator("#note").fill("Asked")
    page.keyboard.press("Control+Enter")  # the risk is not accepted: nothing is sent
    assert doors.state(proposal) == "waiting"
    page.locator("#risk").check()
    page.locator("#note").focus()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("button", name="Undo approval")).to_be_visible()


def test_letters_can_be_switched_off(doors: Any, seen: Any) -> None:
    page = seen.page()
    page.goto("/settings")
    page.get_by_label("Single letters").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("body")).to_have_attribute("data-letters", "off")
    page.keyboard.press("?")
    expect(page).to_have_url(re.compile("/settings$"))


# --- everybody can use it ---------------------------------------------------------------------

VIEWS = (
    "/inbox", "/inbox?tab=today", "/proposals/{p}", "/proposals/{p}/compare", "/feed",
    "/feed?tab=alone", "/actions", "/actions/{a}", "/matrix", "/matrix/up.add_firewall_rule",
    "/pause", "/audit", "/audit/3", "/audit/attacks", "/incidents", "/settings", "/settings/people?change=per_eve",
    "/settings/agents", "/settings/clients", "/settings/connections", "/settings/connections/up",
    "/settings/policy", "/settings/policy/drafts/{d}?file=matrix/all.yaml",
    "/settings/policy/drafts/{d}?new=1&backtest=1", "/search?q=acme", "/keys", "/device", "/nowhere",
)  # fmt: skip


def views(doors: Any) -> list[str]:
    proposal = lived_in(doors)
    action = doors.house.s.read.actions()[-1]["id"]
    draft = doors.draft()
    return [view.format(p=proposal, a=action, d=draft) for view in VIEWS]


def violations(page: Page) -> list[str]:
    """What axe-core finds: the rule, and the first element that breaks it."""
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [f"{v['id']}: {v['nodes'][0]['html'][:160]}" for v in found["violations"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@DEVICES
def test_no_page_breaks_a_rule_of_accessibility(
    doors: Any, seen: Any, scheme: str, device: dict[str, Any]
) -> None:
    paths = [*views(doors), "@login"]
    page = seen.page(**device)
    page.emulate_media(color_scheme=scheme)
    found: dict[str, list[str]] = {}

    for path in paths:
        if path == "@login":
            page.context.clear_cookies()
        page.goto("/login" if path == "@login" else path)
        for details in page.locator("main details").all():
            details.evaluate("d => d.open = true")
        if broken := violations(page):
            found[path] = broken

    assert found == {}


def test_a_question_stands_on_the_package_until_the_agent_answers(doors: Any, seen: Any) -> None:
    proposal = doors.propose()
    page = seen.page()
    page.goto(f"/proposals/{proposal}")
    page.locator("#ask summary").click()
    page.locator("#question").fill("Which port?")
    page.get_by_role("button", name="Send question").click()
    expect(page.locator("#moved")).to_contain_text("Anna asked the agent")
    expect(page.get_by_role("timer")).to_be_visible()


def test_every_page_reflows_at_320_pixels(doors: Any, seen: Any) -> None:
    paths = views(doors)
    page = seen.page(**NARROW)

    wide = {}
    for path in paths:
        page.goto(path)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 320:
            wide[path] = width

    assert wide == {}


def test_targets_on_a_phone_are_large_enough_for_a_thumb(doors: Any, seen: Any) -> None:
    proposal = doors.propose()
    page = seen.page(**PHONE)
    page.goto(f"/proposals/{proposal}")
    expect(page.locator(".tabbar")).to_be_hidden()  # it gives way to the bar of the decision
    for details in page.locator("#decide details").all():
        details.evaluate("d => d.open = true")
    small = page.evaluate(
        """() => [...document.querySelectorAll('#decide .btn, #decide summary, .decidebar .btn')]
        .filter(e => e.offsetParent && e.getBoundingClientRect().height < 45.5)
        .map(e => e.outerHTML.slice(0, 80))"""
    )
    assert small == []


def test_approve_is_the_only_filled_button_and_deny_is_as_wide(doors: Any, seen: Any) -> None:
    proposal = doors.propose()
    page = seen.page()
    page.goto(f"/proposals/{proposal}")
    assert page.locator("main .btn.primary").count() == 1
    approve_box = page.get_by_role("button", name="Approve version 1").bounding_box()
    deny_box = page.locator("#deny summary").bounding_box()
    assert approve_box is not None
    assert deny_box is not None
    assert abs(approve_box["width"] - deny_box["width"]) < 2
    page.goto("/inbox")
    assert page.get_by_role("button", name=re.compile("Approve", re.IGNORECASE)).count() == 0


# --- words of others --------------------------------------------------------------------------


@BOTH
def test_I31_hostile_words_stay_in_their_box(doors: Any, seen: Any, js: bool) -> None:
    from dataclasses import replace

    house = doors.house
    long = HOSTILE + "A" * 9_000
    request = replace(
        house.request("add_firewall_rule", **{"<b>port</b>": HOSTILE}), reasoning=long
    )
    acted = house.s.govern.act(house.agent(), request)
    page = seen.page(js=js)

    for path in (f"/proposals/{acted.proposal}", f"/actions/{acted.id}", "/inbox", "/actions"):
        page.goto(path)
        assert page.locator("main script, main img, main button:has-text('version 9')").count() == 0
        assert page.locator("form[action*=evil]").count() == 0
        assert page.locator("a[href^=javascript]").count() == 0
    page.goto(f"/proposals/{acted.proposal}")
    box = page.get_by_role("group", name="The agent's words")
    expect(box).to_contain_text("<script>alert('x')</script>")
    expect(box).to_contain_text("(cut)")
    text = page.locator("body").inner_text()
    assert "\u202e" not in text
    assert page.locator("#decide").inner_text().count("alert") == 0
    height = box.bounding_box()
    assert height is not None
    assert height["height"] <= 330


def test_a_megabyte_from_a_tool_stays_in_its_box(doors: Any, seen: Any) -> None:
    acted = doors.house.act("restart_service", filler="<i>x</i>" * 120_000)
    page = seen.page()
    answer = page.goto(f"/actions/{acted.id}")
    assert answer is not None
    assert len(answer.body()) < 64 * 1024
    assert page.locator("main i").count() == 0
