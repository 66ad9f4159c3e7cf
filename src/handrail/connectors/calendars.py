"""Calendars behind URLs: fetched now and then, kept on disk, never a way into the own network.

* The last copy that could be read is kept, over restarts too, with the time at which it was read; a
  source that is down, or answers something else, changes nothing but what is said about it.
* Only https, without redirects; every address of the host must be a public one, and the one that
  was looked at is the one that is connected to. Hosts that the operator lists may be elsewhere, and
  may speak http.
* How old a copy may be is the policy's to say (`service.freezes`), not this file's.
"""

import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx2
import orjson
import structlog

from handrail import outward
from handrail.clock import Clock, from_us, to_us
from handrail.core.calendars import MAX_BYTES, Calendar, CalendarError, calendar
from handrail.errors import HandrailError, NotSent

log = structlog.get_logger(__name__)

EVERY = 600.0  # seconds between two rounds
TIMEOUT = 15.0  # seconds for each step of one fetch

Fetch = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Copy:
    """The last readable copy of a calendar, and when it was read."""

    calendar: Calendar
    at: datetime


@dataclass(frozen=True, slots=True)
class Source:
    """What is known of one URL: when its copy was read, if ever, and why the last try failed."""

    url: str
    at: datetime | None
    trouble: str


class Calendars:
    """Keeps copies of the calendars that are wanted."""

    def __init__(
        self, folder: Path, clock: Clock, fetch: Fetch, wanted: Callable[[], Iterable[str]]
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._fetch = fetch
        self._wanted = wanted
        self._lock = threading.Lock()
        self._copies: dict[str, Copy] = {}
        self._looked: set[str] = set()
        self._trouble: dict[str, str] = {}
        self._wake = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Fetch what is wanted until `stop`."""
        self._thread = threading.Thread(target=self._run, name="calendars", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def copy(self, url: str) -> Copy | None:
        """The last copy of *url*; None where there never was one. Waits for nothing: one that is
        asked for the first time is fetched soon."""
        with self._lock:
            found = self._copies.get(url)
            if found is None and url not in self._looked:
                self._looked.add(url)
                found = self._load(url)
                self._wake.set()
        return found

    def sources(self) -> list[Source]:
        """Every calendar that is wanted, and how it stands."""
        found = []
        for url in dict.fromkeys(self._wanted()):
            copy = self.copy(url)
            found.append(Source(url, copy.at if copy else None, self._trouble.get(url, "")))
        return found

    def refresh(self) -> None:
        """Fetch every wanted calendar once. Raises nothing: what failed is said by `sources`."""
        for url in dict.fromkeys(self._wanted()):
            if self._stopped:
                return
            try:
                text = self._fetch(url)
                copy = Copy(calendar(text), self._clock.now())
                self._save(url, text, copy.at)
            except (HandrailError, OSError) as error:
                self._trouble[url] = str(error)
                log.warning("calendar not read", url=url, why=str(error))
                continue
            with self._lock:
                self._copies[url] = copy
                self._trouble.pop(url, None)

    def _run(self) -> None:
        while not self._stopped:
            self.refresh()
            self._wake.wait(EVERY)
            self._wake.clear()

    def _path(self, url: str) -> Path:
        return self._folder / f"{hashlib.sha256(url.encode()).hexdigest()}.json"

    def _save(self, url: str, text: str, at: datetime) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._path(url)
        new = path.with_suffix(".new")
        new.write_bytes(orjson.dumps({"url": url, "at": to_us(at), "text": text}))
        os.replace(new, path)  # noqa: PTH105 - whole or not at all

    def _load(self, url: str) -> Copy | None:
        """The copy of an earlier process. The lock is held."""
        try:
            kept = orjson.loads(self._path(url).read_bytes())
            copy = Copy(calendar(kept["text"]), from_us(int(kept["at"])))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, CalendarError) as error:
            self._trouble[url] = f"its copy on disk can't be read: {error}"
            return None
        self._copies[url] = copy
        return copy


def fetcher(allowed: Iterable[str] = ()) -> Fetch:
    """A fetch that goes where `outward` allows, and to the hosts *allowed* wherever they are."""
    free = outward.hosts(",".join(allowed))

    def fetch(url: str) -> str:
        return _get(url, outward.aim(url, free, "HANDRAIL_CALENDAR_HOSTS"))

    return fetch


def _get(url: str, to: outward.Aim) -> str:
    """The text at *url*: what was looked at is what is connected to."""
    headers: Mapping[str, str] = {"host": to.host, "accept": "text/calendar"}
    read = bytearray()
    try:
        with (
            httpx2.Client(timeout=TIMEOUT, trust_env=False, follow_redirects=False) as client,
            client.stream(
                "GET", to.url, headers=headers, extensions=dict(to.extensions)
            ) as response,
        ):
            if response.is_redirect:
                elsewhere = response.headers.get("location", "another place")
                raise NotSent(
                    f"{url} redirects to {elsewhere}", hint="Write that URL, if it is right."
                )
            if response.status_code != 200:
                raise NotSent(f"{url} answers {response.status_code}", hint="Is the URL right?")
            for piece in response.iter_bytes():
                read += piece
                if len(read) > MAX_BYTES:
                    raise NotSent(f"{url} is over {MAX_BYTES} bytes", hint="Export fewer events.")
    except httpx2.HTTPError as error:
        raise NotSent(f"{url} can't be reached: {type(error).__name__}: {error}") from error
    return read.decode(errors="replace")
