"""The policy's folder, watched while Handrail serves: hot reload that never drops a good policy.

* What does not load, or has errors, changes nothing: the policy in force goes on, and what is wrong
  is shown until it is put right.
* What certainly lowers nothing is published as it stands: the folder is what people reviewed.
* What can lower oversight waits for two people, who publish it; it is shown with the difference
  (I27). A file on a disk is nobody's act, so a folder never lowers anything.
* A folder is taken up only when it looked the same twice: an editor writes one file after another.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import structlog

from handrail.core.policy_difference import Comparison
from handrail.errors import Conflict, HandrailError, NotFound, Problem
from handrail.service.policies import Policies

log = structlog.get_logger(__name__)

EVERY = 2.0  # seconds between two looks

State = Literal["in force", "changing", "wrong", "waits for two people", "unreadable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the last look at the folder found."""

    state: State
    text: str  #: the same in a sentence
    problems: tuple[Problem, ...] = ()
    difference: Comparison | None = None


class Folder:
    """Looks at a policy's folder and takes up what may be taken up."""

    def __init__(
        self,
        policies: Policies,
        read: Callable[[], Mapping[str, str]],
        *,
        every: float = EVERY,
    ) -> None:
        self._policies = policies
        self._read = read
        self._every = every
        self._last: Mapping[str, str] | None = None
        self._judged: tuple[Mapping[str, str], str] | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self.seen: Seen | None = None

    def start(self) -> None:
        """Go on looking until `stop`."""
        self._thread = threading.Thread(target=self._run, name="policy-folder", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def look(self, *, settled: bool = False) -> Seen:
        """Look once. With *settled*, take it as it stands instead of looking twice. Raises
        nothing: what goes wrong is what was seen."""
        with self._lock:
            before = self.seen
            self.seen = self._look(settled=settled)
            moved = before is None or before.text != self.seen.text
            if moved and self.seen.state != "changing":
                log.info("policy folder", state=self.seen.state, found=self.seen.text)
            return self.seen

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            self.look()

    def _look(self, *, settled: bool) -> Seen:
        try:
            files = dict(self._read())
        except (HandrailError, OSError) as error:
            self._last = None
            return Seen(state="unreadable", text=f"The folder can't be read: {error}")
        same, self._last = files == self._last, files
        try:
            in_force = self._policies.current().digest
        except NotFound:
            in_force = ""
        if self.seen is not None and self._judged == (files, in_force):
            return self.seen  # nothing moved since it was judged
        if not (same or settled):
            return Seen(state="changing", text="The folder is being changed")
        found = self._judge(files)
        try:
            in_force = self._policies.current().digest
        except NotFound:
            in_force = ""
        self._judged = (files, in_force)
        return found

    def _judge(self, files: Mapping[str, str]) -> Seen:
        looked = self._policies.look(files, people=False)
        if looked.errors or looked.policy is None or looked.difference is None:
            first, many = looked.errors[0], len(looked.errors)
            return Seen(
                state="wrong",
                text=f"{many} error{'s keep' if many > 1 else ' keeps'} it out; the policy in force "
                f"goes on. First: {first.file}:{first.line}: {first.message}",
                problems=looked.problems,
            )
        difference, digest = looked.difference, looked.policy.digest
        said = Seen(
            state="in force",
            text=f"{digest[:16]}, in force",
            problems=looked.problems,
        )
        try:
            if digest == self._policies.current().digest:
                return said
            if difference.laxer:
                return Seen(
                    state="waits for two people",
                    text="It differs from the policy in force, which goes on: "
                    f"{difference.sentence} Two signed-in people publish it "
                    "(POST /v1/policy/versions)",
                    problems=looked.problems,
                    difference=difference,
                )
        except NotFound:
            pass  # the first policy of this installation
        try:
            self._policies.publish(None, files, folder=True)
        except Conflict as conflict:
            # Somebody else published meanwhile: the next look compares with theirs.
            return Seen(state="changing", text=conflict.message)
        return said
