"""`handrail doctor`: is what Handrail rests on really there? Looks, changes nothing, and decides
nothing; each finding says what to do."""

import stat
from collections.abc import Iterator
from datetime import timedelta

from handrail import doctor_cover
from handrail.channels.maildir import Maildir
from handrail.cli.programs import Finding
from handrail.clock import Clock, SystemClock, from_us
from handrail.config import Settings
from handrail.core.defaults import Settings as Defaults
from handrail.core.policy import Policy
from handrail.errors import HandrailError, NotFound
from handrail.ledger import anchor, custody
from handrail.ledger.checkpoint import SignerKey
from handrail.ledger.errors import LedgerError
from handrail.ledger.verify import verify
from handrail.service import ground
from handrail.service.agreement import compare
from handrail.service.duty import Duty
from handrail.service.follower import place_at
from handrail.service.freezes import fresh
from handrail.service.known import Keeper, Known
from handrail.service.policies import Policies
from handrail.service.record import NEWEST
from handrail.service.reviews import overdue
from handrail.store.contract import Store
from handrail.store.database import open_store
from handrail.wiring import PLACE, calendars_of, mail_of, webhook_of

_FUTURE = timedelta(seconds=5)


def findings(settings: Settings) -> Iterator[Finding]:
    """Look at everything, in the order in which trouble would come."""
    yield _folder(settings)
    clock = SystemClock()
    try:
        store = open_store(settings.database, clock, settings.origin)
    except HandrailError as error:
        yield Finding(name="database", ok=False, text=error.message, hint=error.hint)
        return
    try:
        trouble = store.check()
        yield Finding(
            name="database",
            ok=not trouble,
            text="; ".join(trouble) or "whole, and every commit is flushed to disk",
            hint="Restore a verified backup." if trouble else "",
        )
        with store.read() as reader:
            head = from_us(int(reader.head()["at"]))
        behind = head - clock.now()
        yield Finding(
            name="clock",
            ok=behind <= _FUTURE,
            text="not behind the record" if behind <= _FUTURE else f"{behind} behind the record",
            hint="" if behind <= _FUTURE else "Put this host's clock right; nothing begins until.",
        )
        yield _record(settings, store)
        yield _tables(store, clock)
        yield from _organisation(settings, store)
        yield _reviews(store, clock)
    finally:
        store.close()
    yield _mail(settings, clock)
    if settings.webhook:
        yield _webhook(settings)


def _reviews(store: Store, clock: Clock) -> Finding:
    """Whether a governance review is overdue (SPEC 8)."""
    with store.read() as reader:
        late = [r["id"] for r in reader.reviews() if r["state"] == "open" and overdue(r, clock)]
    return Finding(
        name="reviews",
        ok=not late,
        text=f"overdue: {', '.join(late)}" if late else "none is overdue",
        hint="Answer its items and sign it: handrail review." if late else "",
    )


def _mail(settings: Settings, clock: Clock) -> Finding:
    """Who carries the mail, asked whether it would; nothing is sent."""
    name = "channels"
    try:
        way = mail_of(settings, clock)
        if isinstance(way, Maildir):
            return Finding(
                name=name,
                ok=True,
                text=f"console, {Maildir.name} in {settings.data / 'mail'}",
                hint="Local mail stays on this computer; HANDRAIL_SMTP names a mail server.",
            )
        return Finding(name=name, ok=True, text=f"console, mail by {way.check()}")
    except HandrailError as error:
        return Finding(name=name, ok=False, text=error.message, hint=error.hint)


def _webhook(settings: Settings) -> Finding:
    """Whether the webhook may be gone to and takes what is sent; nothing is sent."""
    name = "webhook"
    try:
        webhook = webhook_of(settings)
        if webhook is not None:
            webhook.look()
        place = place_at(settings.data / PLACE)
    except HandrailError as error:
        return Finding(name=name, ok=False, text=error.message, hint=error.hint)
    if place is None:
        return Finding(name=name, ok=True, text="nothing was sent yet")
    text = place.trouble or f"follows the record, next is entry {place.next}"
    if place.missed:
        text += f"; {place.missed} events were passed over"
    hint = "It is tried again by itself; look at the receiver." if place.trouble else ""
    return Finding(name=name, ok=not place.trouble and not place.missed, text=text, hint=hint)


def _folder(settings: Settings) -> Finding:
    data = settings.data
    if not data.exists():
        return Finding(
            name="data folder",
            ok=False,
            text=f"{data} is not there",
            hint="`handrail serve` makes it at its first start.",
        )
    mode = stat.S_IMODE(data.stat().st_mode)
    private = mode & 0o077 == 0
    return Finding(
        name="data folder",
        ok=private,
        text=f"{data}, mode {mode:04o}",
        hint="" if private else f"Others can read it: chmod 700 {data}",
    )


def _record(settings: Settings, store: Store) -> Finding:
    """The published record verifies, and the signer remembers no more than the store has."""
    with store.read() as reader:
        head = reader.head()
    origin, stored = str(head["origin"]), int(head["size"])
    place = custody.folder_of(settings.data / "signer", origin)
    try:
        key = SignerKey.parse((place / "key").read_text())
        size, _ = custody.last_of(settings.data / "signer", origin)
        if stored < size:
            return Finding(
                name="record",
                ok=False,
                text=f"the database holds {stored} entries, but {size} were signed",
                hint="It was put back to an older copy: find the newer one. If there is none, two "
                "people go on from here: handrail ledger reopen.",
            )
        if not (settings.data / "ledger" / "checkpoint").exists():
            return Finding(name="record", ok=True, text="nothing is published yet")
        if (place / "key.next").exists():
            return Finding(
                name="record",
                ok=False,
                text="a new key was made and does not sign yet",
                hint="Finish it: handrail ledger rotate-key.",
            )
        witnesses = anchor.read(settings.data / "signer" / "witnesses")
        keys = [str(w.key) for w in witnesses]
        report = verify(settings.data / "ledger", str(key.verifier), witnesses=keys)
    except (LedgerError, OSError) as error:
        return Finding(
            name="record",
            ok=False,
            text=str(error),
            hint="Keep a copy of the data folder, then look at where it says.",
        )
    return Finding(
        name="record",
        ok=True,
        text=f"{report.entries} entries verify; {report.level}",
        hint="" if witnesses else "Anchor it: have a witness, or keep a checkpoint elsewhere.",
    )


def _tables(store: Store, clock: Clock) -> Finding:
    """What pages and the gate read is what the newest of the record says."""
    found = compare(store, clock.now(), Defaults().heartbeat, NEWEST)
    return Finding(
        name="tables",
        ok=not found.found,
        text="; ".join([str(found), *found.told[:3]]),
        hint="" if found.holds else "A row was changed past Handrail. Keep a copy; find out how.",
    )


def _organisation(settings: Settings, store: Store) -> Iterator[Finding]:
    known = Keeper(store).current()
    yield Finding(
        name="people",
        ok=bool(known.people),
        text=f"{len(known.people)} people",
        hint="" if known.people else "Start the server and open its set-up link.",
    )
    policies = Policies(store)
    try:
        policy = policies.current()
    except NotFound as error:
        yield Finding(name="policy", ok=False, text=error.message, hint=error.hint)
        return
    unsigned = sum(not r.signed for r in policy.matrix())
    yield Finding(
        name="policy",
        ok=True,
        text=f"{policy.digest[:16]}, {len(policy.rows)} rows, {unsigned} of them not signed",
    )
    clock = SystemClock()
    calendars = calendars_of(settings, clock, lambda: policies)
    yield from doctor_cover.findings(policy, known, Duty(calendars, lambda: known), clock)
    yield from _calendars(settings, policies)
    yield _own_ground(settings, policy, known)
    for name in sorted(known.connections):
        withheld = sum(
            c == name and t["state"] in {"new", "changed"} for (c, _, _), t in known.tools.items()
        )
        yield Finding(
            name=f"connection {name}",
            ok=withheld == 0,
            text=f"{withheld} definitions are withheld" if withheld else "nothing is withheld",
            hint="Look at them in the console: Settings, Connections." if withheld else "",
        )


def _calendars(settings: Settings, policies: Policies) -> Iterator[Finding]:
    """Every calendar behind a URL was read lately enough for its freeze."""
    clock = SystemClock()
    calendars = calendars_of(settings, clock, lambda: policies)
    for freeze in policies.current().freezes:
        if not freeze.url:
            continue
        copy = calendars.copy(freeze.url)
        ok = copy is not None and fresh(freeze, copy.at, clock.now())
        text = f"{freeze.url}, read {copy.at:%Y-%m-%d %H:%M} UTC" if copy else "it was never read"
        yield Finding(
            name=f"freeze {freeze.name}",
            ok=ok,
            text=text,
            hint="" if ok else "Its changes wait for a person; the server's log says why.",
        )


def _own_ground(settings: Settings, policy: Policy, known: Known) -> Finding:
    """Whether the policy covers what Handrail is known to rest on, and what to add."""
    names = ground.here(settings.data, settings.url)
    names |= ground.people(p.email for p in known.people.values() if p.active)
    missing = ground.uncovered(policy, names)
    text = f"{len(policy.own_ground)} patterns are declared"
    if missing:
        text += f"; not covered: {', '.join(missing)}"
    added = "\n".join(ground.lines(missing))
    return Finding(
        name="own ground",
        ok=not missing,
        text=text,
        hint=f"Add to own_ground of handrail.yaml:\n{added}" if missing else "",
    )
