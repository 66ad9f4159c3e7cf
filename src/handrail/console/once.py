"""A form that is sent twice is answered once.

Each form carries a key drawn when its page was made. The same key from the same person to the
same place, sent again (a double click, a reload), gets the first answer and does nothing.

It is kept in memory: what must hold over a restart or between replicas (answers, reversals,
notices) is idempotent in the services themselves.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.responses import RedirectResponse, Response

from handrail.errors import Closed

KEPT = 4096  # forms


@dataclass(slots=True)
class _Sent:
    """One form: where its answer led, once it has one."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    done: bool = False
    location: str = ""


class Once:
    """Remembers the forms that were sent lately."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._sent: OrderedDict[tuple[str, ...], _Sent] = OrderedDict()

    def run(self, key: tuple[str, ...], work: Callable[[], Response]) -> Response:
        """Do *work* for *key*, at most once. What raises, or answers that it
        was not done, may be sent again.

        Raises `Closed` when the first answer was a page of its own, such as a new key: that is
        shown once and never again.
        """
        with self._lock:
            sent = self._sent.setdefault(key, _Sent())
            while len(self._sent) > self._kept:
                self._sent.popitem(last=False)
        with sent.lock:
            if not sent.done:
                response = work()
                if response.status_code >= 400:
                    return response
                sent.done = True
                sent.location = response.headers.get("location", "")
                return response
        if not sent.location:
            raise Closed("this form was sent already", hint="Look at the page again.")
        return RedirectResponse(sent.location, status_code=303)
