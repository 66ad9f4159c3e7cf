"""Everything at once, in any order: agents ask, people answer, time passes, things break.

One machine over the real store. After each step an independent reader holds the whole record
against the promises, and the record against what the upstream saw (`support.checker`). It shows
I1 to I6, I8 to I10, I18 to I21 together; each alone is shown in `test_tiers`.
"""

import shutil
import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from handrail.clock import FakeClock
from handrail.core.replay import states
from handrail.errors import HandrailError
from handrail.privacy.seal import open_sealer
from handrail.service.agreement import compare
from handrail.store.database import open_store
from support.checker import check, check_world
from support.house import PEOPLE, House, policy_files

TOOLS = ("restart_service", "assign_licence", "add_firewall_rule", "unsigned_thing", "wipe_device")
people = st.sampled_from(sorted(PEOPLE))
FAULTS = (None, None, None, "not sent", "lost", "silent", "failed")


class Everything(RuleBasedStateMachine):
    """Agents, people, time and faults over one house."""

    asked: Bundle[str] = Bundle("asked")
    open: Bundle[str] = Bundle("open")
    pauses: Bundle[str] = Bundle("pauses")

    @initialize()
    def build(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="handrail-machine-"))
        self.clock = FakeClock()
        self.store = open_store(f"sqlite:///{self.folder / 'h.db'}", self.clock, "test.example/log")
        self.sealer = open_sealer(self.folder / "keys")
        self.house = House(self.store, self.sealer, self.clock)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            agreed = compare(self.store, self.house.clock.now(), timedelta(days=365))
            assert agreed.holds, agreed.told
            self.store.close()
            self.sealer.close()
            shutil.rmtree(self.house.folder, ignore_errors=True)
            shutil.rmtree(self.folder, ignore_errors=True)

    # --- agents -----------------------------------------------------------------------------

    @rule(
        target=asked,
        tool=st.sampled_from(TOOLS),
        agent=st.sampled_from(["agt_one", "agt_two"]),
        client=st.sampled_from(["acme", "harbor", "nobody"]),
        fault=st.sampled_from(FAULTS),
    )
    def ask(self, tool: str, agent: str, client: str, fault: str | None) -> Any:
        self.house.upstream.fault = lambda order: (
            None if order.params["name"].startswith("get_") else fault
        )
        try:
            acted = self.house.act(tool, agent=agent, client=client, sku="E3")
        except HandrailError:
            return multiple()
        finally:
            self.house.upstream.fault = lambda order: None
        return acted.id

    @rule(action=asked, agent=st.sampled_from(["agt_one", "agt_two"]))
    def withdraw(self, action: str, agent: str) -> None:
        with suppress(HandrailError):
            self.house.s.govern.withdraw(self.house.agent(agent), action)

    @rule(action=asked, agent=st.sampled_from(["agt_one", "agt_two"]))
    def answer_question(self, action: str, agent: str) -> None:
        with suppress(HandrailError):
            self.house.s.govern.answer_question(self.house.agent(agent), action, "because")

    # --- people -----------------------------------------------------------------------------

    def _proposal(self, action: str) -> Any:
        with self.store.read() as reader:
            row = reader.row("action", action)
            return row and row["proposal"] and reader.proposal(row["proposal"])

    @rule(
        action=asked,
        person=people,
        kind=st.sampled_from(["approve", "approve", "deny", "ask", "abstain", "hand_over"]),
        to=people,
        stale=st.booleans(),
    )
    def answer(self, action: str, person: str, kind: str, to: str, stale: bool) -> None:
        row = self._proposal(action)
        if not row:
            return
        with suppress(HandrailError):
            self.house.answer(
                person,
                row["id"],
                kind,
                digest="ab" * 32 if stale else bytes(row["package_digest"]).hex(),
                reason="would-harm" if kind == "deny" else "",
                note="why?" if kind == "ask" else "",
                to=to if kind == "hand_over" else "",
            )

    @rule(action=asked, person=people)
    def modify(self, action: str, person: str) -> None:
        row = self._proposal(action)
        if not row:
            return
        self.house.n += 1
        arguments = {"n": f"n{self.house.n}", "client": "acme"}
        with suppress(HandrailError):
            self.house.answer(person, row["id"], "approve_modified", arguments=arguments)

    @rule(action=asked, person=people)
    def revoke(self, action: str, person: str) -> None:
        row = self._proposal(action)
        if row:
            with suppress(HandrailError):
                self.house.s.answers.revoke(self.house.who(person), row["id"], "no")

    @rule(action=asked, person=people, fault=st.sampled_from(FAULTS))
    def reverse(self, action: str, person: str, fault: str | None) -> None:
        self.house.upstream.fault = lambda order: fault
        with suppress(HandrailError):
            self.house.s.reversals.reverse(self.house.who(person), action)
        self.house.upstream.fault = lambda order: None

    @rule(
        target=pauses,
        person=people,
        scope=st.sampled_from(["all", "client"]),
        degree=st.sampled_from(["restrict", "stop"]),
    )
    def pause(self, person: str, scope: str, degree: str) -> Any:
        ref = "" if scope == "all" else "acme"
        made = self.house.s.pauses.pause(self.house.who(person), scope, ref, degree, "look")
        return made["id"]

    @rule(pause=consumes(pauses), first=people, second=people)
    def resume(self, pause: str, first: str, second: str) -> None:
        for act, who in (
            (self.house.s.pauses.ease, first),
            (self.house.s.pauses.resume, first),
            (self.house.s.pauses.resume, second),
        ):
            with suppress(HandrailError):
                act(self.house.who(who), pause, "seen")

    @rule(
        person=people,
        role=st.sampled_from(["on-call-senior", "account-engineer"]),
        give=st.booleans(),
    )
    def roles(self, person: str, role: str, give: bool) -> None:
        act = self.house.s.directory.grant_role if give else self.house.s.directory.end_role
        with suppress(HandrailError):
            act(self.house.who("per_dan"), person, role)

    @rule(tier=st.sampled_from([1, 2, 3]))
    def publish(self, tier: int) -> None:
        files = policy_files()
        files["matrix/all.yaml"] = files["matrix/all.yaml"].replace(
            "up.restart_service\n    tier: 1", f"up.restart_service\n    tier: {tier}"
        )
        with suppress(HandrailError):
            self.house.s.policies.publish(
                self.house.who("per_dan"), files, second=self.house.who("per_anna")
            )

    # --- time and faults --------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0, 1, 11, 61, 600, 3700, 90_000]))
    def pass_time(self, seconds: int) -> None:
        self.house.sweep(seconds=seconds)

    @rule(minutes=st.integers(1, 90))
    def correct_the_clock(self, minutes: int) -> None:
        self.clock.advance(timedelta(minutes=-minutes))
        self.house.sweep()
        self.clock.advance(timedelta(minutes=minutes))

    @rule(reachable=st.booleans())
    def channels(self, reachable: bool) -> None:
        self.house.mail.open = reachable

    @rule()
    def restart(self) -> None:
        self.house.start()
        self.house.middle.begin.recover()

    # --- what must always hold --------------------------------------------------------------

    @invariant()
    def promises(self) -> None:
        if not hasattr(self, "house"):
            return
        entries = self.house.entries()
        stories = check(entries)
        by_n = self.house.acted()
        mutating = [a for name, a in self.house.upstream.acts if name != "remove_licence"]
        begun = {a for a, s in stories.items() if s.begins}
        # Versions of one proposal carry the same content: what reached belongs to the begun one.
        reached = [
            next((a for a in by_n[str(c["n"])] if a in begun), by_n[str(c["n"])][-1])
            for c in mutating
        ]
        check_world(stories, reached)
        assert {a["id"]: a["state"] for a in self.house.actions()} == states(entries), "I21"
        undone = [c["n"] for name, c in self.house.upstream.acts if name == "remove_licence"]
        assert len(undone) == len(set(undone)), "I19: a reversal ran twice"


TestEverything = Everything.TestCase
TestEverything.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
