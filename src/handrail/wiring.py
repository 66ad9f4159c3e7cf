"""The composition root and entry point: the only file that chooses implementations."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from handrail import outward
from handrail.channels import mail
from handrail.channels.console import ConsoleChannel
from handrail.channels.contract import Channel
from handrail.channels.incoming import Incoming
from handrail.channels.incoming import sources as hook_sources
from handrail.channels.maildir import Maildir
from handrail.channels.slack import Slack, users
from handrail.channels.smtp import Smtp, server
from handrail.channels.teams import Teams, webhooks
from handrail.channels.webhook import Webhook, secrets
from handrail.clock import Clock, SystemClock
from handrail.config import Settings
from handrail.connectors import directory
from handrail.connectors.calendars import Calendars, fetcher
from handrail.connectors.callables import Callables
from handrail.connectors.catalogue import Catalogue as Upstreams
from handrail.connectors.executor import Executor
from handrail.connectors.host import Host
from handrail.errors import BadInput, NotFound, Unavailable
from handrail.identity import groups
from handrail.identity.identity import Identity
from handrail.identity.oidc import Provider, Registration
from handrail.identity.passkeys import Passkeys, possible
from handrail.identity.single_sign_on import BACK, SingleSignOn, Terms
from handrail.identity.ways import Ways
from handrail.ledger import custody
from handrail.ledger.signer import Signer
from handrail.onlyone import OnlyOne
from handrail.privacy.detect import Detectors, installed
from handrail.privacy.marks import Marks, open_marks
from handrail.privacy.seal import Sealer, open_sealer
from handrail.service import Services, ground
from handrail.service.answer import Answers
from handrail.service.ask import Ask
from handrail.service.availability import Availability
from handrail.service.backtest import Backtest
from handrail.service.begin import Begin
from handrail.service.bell import Bell
from handrail.service.breakers import Breakers
from handrail.service.catalogue import Catalogue
from handrail.service.checks import Checks
from handrail.service.clients import Clients
from handrail.service.delivery import Delivery
from handrail.service.drafts import Drafts
from handrail.service.draw import Draw
from handrail.service.duty import Duty, sources
from handrail.service.evidence import Evidence
from handrail.service.findings import Findings
from handrail.service.folder import Folder, Seen
from handrail.service.follower import Follower
from handrail.service.freezes import Copies, Freezes
from handrail.service.govern import Govern
from handrail.service.incident import Incidents
from handrail.service.known import Keeper
from handrail.service.limits import Limits
from handrail.service.notices import Notices
from handrail.service.pause import Pauses
from handrail.service.people import Directory
from handrail.service.policies import Policies
from handrail.service.post import Post
from handrail.service.reading import Read
from handrail.service.reading.team import Team
from handrail.service.record import Record
from handrail.service.rehearse import Rehearsals
from handrail.service.release import Release
from handrail.service.reopen import Reopen
from handrail.service.resolve import Resolver
from handrail.service.reverse import Reversals
from handrail.service.reviews import Reviews
from handrail.service.ring import Ring
from handrail.service.shadow import Shadows
from handrail.service.standing import Standings
from handrail.service.starting import Starting
from handrail.service.sweep import Sweep
from handrail.service.telling import Telling
from handrail.service.versions import Versions
from handrail.store.contract import Store
from handrail.store.database import open_store

#: File of the data folder that says how far the webhook followed the record.
PLACE = "webhook.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Middle:
    """The services and what moves them: everything between the doors and the store."""

    services: Services
    begin: Begin
    release: Release
    sweep: Sweep
    keeper: Keeper


def middle(
    *,
    store: Store,
    executor: Executor,
    upstreams: Upstreams,
    sealer: Sealer,
    marks: Marks,
    clock: Clock,
    channels: Sequence[Channel],
    signer: Signer,
    published: Path,
    calendars: Copies | None = None,
    here: Mapping[str, str] | None = None,
) -> Middle:
    """Put the services together over the given implementations."""
    draw, bell, keeper = Draw(clock), Bell(), Keeper(store)
    policies = Policies(store, keeper)
    detectors = Detectors(installed())
    begin = Begin(store, executor, sealer, clock, bell, detectors)
    resolver = Resolver(begin.observe, detectors, Freezes(calendars).facts if calendars else None)
    begin.on_change(resolver.changed)
    store.on_commit(resolver.moved)
    duty = Duty(calendars, keeper.current)
    ask = Ask(store, begin, resolver, keeper, policies.current, clock, draw, duty, marks)
    versions = Versions(store, ask, keeper, sealer, clock, draw, bell, duty)
    release = Release(store, ask, begin, versions, keeper, sealer, clock, bell)
    catalogue = Catalogue(store, upstreams, sealer, keeper)
    telling = Telling(channels)
    findings = Findings(store, sealer, keeper, telling)
    begin.on_finding(findings.tell)
    # An open console shows that somebody is there; it carries no code to read.
    words = [c for c in channels if not isinstance(c, ConsoleChannel)]
    ring = Ring(store, Telling(words), policies, keeper, clock)
    post = Post(store, words, keeper, clock, ring)
    checks = Checks(store, begin.observe, policies, sealer, clock, bell)
    reversals = Reversals(
        store, begin, ask, versions, policies, keeper, sealer=sealer, draw=draw, bell=bell
    )
    rehearsals = Rehearsals(store, begin, ask, policies, sealer=sealer, clock=clock, draw=draw)
    evidence = Evidence(store, policies, keeper, clock, draw)
    reviews = Reviews(store, policies, keeper, clock, duty)
    delivery = Delivery(store, telling, policies, keeper, clock)
    sweep = Sweep(
        store,
        release,
        policies,
        keeper,
        clock,
        bell,
        duty,
        post=post,
        checks=checks,
        delivery=delivery,
        rehearsals=rehearsals,
        evidence=evidence,
        reviews=reviews,
    )
    shadows = Shadows(store, keeper, clock, draw)
    record = Record(store, signer, published, clock, policies.heartbeat)
    begin.held_by(lambda: record.held)
    services = Services(
        govern=Govern(
            store,
            ask,
            begin,
            versions,
            sealer,
            clock,
            draw,
            bell,
            full=Limits(store, keeper, telling, clock),
            shadows=shadows,
        ),
        answers=Answers(store, versions, policies, clock, bell, ring),
        reversals=reversals,
        rehearsals=rehearsals,
        notices=Notices(store, draw),
        pauses=Pauses(store, draw),
        standings=Standings(store, policies, keeper, telling, evidence),
        breakers=Breakers(store, evidence),
        reviews=reviews,
        evidence=evidence,
        incidents=Incidents(store, draw),
        findings=findings,
        clients=Clients(store, begin.observe, policies.current),
        catalogue=catalogue,
        policies=policies,
        backtest=Backtest(store, policies, sealer),
        drafts=Drafts(store, policies, keeper, draw),
        read=Read(store, policies, catalogue, keeper, sealer, clock),
        record=record,
        reopen=Reopen(store, record),
        directory=Directory(store, clock, draw.id),
        ring=ring,
        starting=Starting(store, policies, keeper, clock, here or {}),
        shadows=shadows,
        availability=Availability(store, policies, clock, draw.id),
        team=Team(store, policies, keeper, duty, clock),
    )
    return Middle(services=services, begin=begin, release=release, sweep=sweep, keeper=keeper)


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """A whole Handrail in one process, ready for its doors."""

    settings: Settings
    lock: OnlyOne
    clock: Clock
    store: Store
    host: Host
    console: ConsoleChannel
    identity: Identity
    ways: Ways
    middle: Middle
    calendars: Calendars
    follower: Follower | None  #: None without a webhook
    slack: Slack | None  #: None without a Slack app
    incoming: Incoming | None  #: None without a ticket system that reports harm

    @property
    def services(self) -> Services:
        return self.middle.services

    @property
    def organisation(self) -> str:
        """The organisation's name, as its policy gives it."""
        try:
            return self.services.policies.current().organisation
        except NotFound:
            return ""

    def watch(self, read: Callable[[], Mapping[str, str]]) -> Seen:
        """Take up the policy's folder as it stands, and whenever it changes; return what was
        seen. What it may not lower by itself waits for people (`service.folder`)."""
        folder = self.services.policies.watched = Folder(self.services.policies, read)
        seen = folder.look(settled=True)
        folder.start()
        return seen

    def start(self) -> int:
        """Recover what an earlier process left, then move. Returns how many actions were found
        begun without an outcome; they are *unknown* now.

        Raises `Unavailable` when another process serves this data folder or database: what that one has
        begun must not be taken for lost.
        """
        self.lock.take()
        try:
            self.store.alone()
        except Unavailable:
            self.lock.leave()  # nothing of this process has begun: nothing is to be stopped
            raise
        self.host.start()
        self.host.on_changed(self.services.catalogue.refresh)
        self.services.catalogue.start()
        found = self.middle.begin.recover()
        self.services.record.sign()  # before anything begins: is this the newest copy?
        self.services.evidence.start()  # what tripped before the last end restricts again
        self.middle.sweep.start()
        self.services.record.start()
        self.calendars.start()
        if self.follower is not None:
            self.follower.start()
        return found

    def close(self) -> None:
        """Finish what is in hand, sign the record, let go of everything."""
        if self.services.policies.watched is not None:
            self.services.policies.watched.stop()
        if self.lock.held:
            if self.follower is not None:
                self.follower.stop()
            self.calendars.stop()
            self.middle.sweep.stop()
            self.services.evidence.stop()
            self.services.reversals.close()
            self.host.close()
            self.services.record.stop()
        self.store.close()
        self.lock.leave()


def build(
    settings: Settings,
    *,
    clock: Clock | None = None,
    callables: Callables | None = None,
    channels: Sequence[Channel] = (),
) -> House:
    """Put a whole Handrail together for *settings*. Starts nothing yet.

    The data folder is made, mode 0700, with the database, the keys, the signer's memory and the
    published record in it.
    """
    clock = clock or SystemClock()
    data = settings.data
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = open_store(settings.database, clock, settings.origin)
    callables = callables or Callables()
    directory.register(callables, data / "directory")
    host = Host(clock, callables)
    console = ConsoleChannel(clock)
    slack = slack_of(settings)
    chat: list[Channel] = [slack] if slack else []
    if settings.teams_file is not None:
        known = webhooks(_secret(settings.teams_file, "HANDRAIL_TEAMS_FILE"))
        free = outward.hosts(settings.teams_hosts)
        chat.append(Teams(known, url=settings.url, free=free))
    reached: list[Channel] = [console, *channels, *chat, mail_of(settings, clock)]
    made: list[Policies] = []
    calendars = calendars_of(settings, clock, lambda: made[0] if made else None)
    together = middle(
        store=store,
        executor=host,
        upstreams=host,
        sealer=open_sealer(data / "keys"),
        marks=open_marks(data / "keys"),
        clock=clock,
        channels=reached,
        signer=_signer(data, store),
        published=data / "ledger",
        calendars=calendars,
        here=ground.here(data, settings.url),
    )
    made.append(together.services.policies)
    together.services.policies.sources = calendars.sources
    identity = Identity(store, clock, with_passwords=settings.passwords)
    return House(
        settings=settings,
        lock=OnlyOne(data),
        clock=clock,
        store=store,
        host=host,
        console=console,
        identity=identity,
        ways=ways_of(settings, clock, store, identity),
        middle=together,
        calendars=calendars,
        follower=follower_of(settings, clock, store),
        slack=slack,
        incoming=incoming_of(settings),
    )


def mail_of(settings: Settings, clock: Clock) -> Smtp | Maildir:
    """The mail server of *settings*; without one, local mail. Never both: a file that nobody
    fetches would count as a person reached.

    Raises `BadInput` naming what can't be used."""
    if not settings.smtp:
        return Maildir(settings.data / "mail", settings.url, clock)
    password = _secret(settings.smtp_password_file, "HANDRAIL_SMTP_PASSWORD_FILE")
    sender = mail.sender(settings.mail_from)
    return Smtp(server(settings.smtp, password), sender=sender, url=settings.url, clock=clock)


def slack_of(settings: Settings) -> Slack | None:
    """The Slack app of *settings*; None without one. Raises `BadInput`."""
    if settings.slack_token_file is None:
        return None
    return Slack(
        token=_secret(settings.slack_token_file, "HANDRAIL_SLACK_TOKEN_FILE"),
        secret=_secret(settings.slack_secret_file, "HANDRAIL_SLACK_SECRET_FILE"),
        users=users(_secret(settings.slack_users_file, "HANDRAIL_SLACK_USERS_FILE")),
        url=settings.url,
        api=settings.slack_api,
        free=outward.hosts(settings.slack_hosts),
    )


def incoming_of(settings: Settings) -> Incoming | None:
    """What other systems' reports of harm are believed by; None without. Raises `BadInput`."""
    if settings.incidents_file is None:
        return None
    text = _secret(settings.incidents_file, "HANDRAIL_INCIDENTS_FILE")
    return Incoming(hook_sources(text))


def follower_of(settings: Settings, clock: Clock, store: Store) -> Follower | None:
    """What follows the record for the webhook of *settings*; None without one.

    Raises `BadInput` naming what can't be used."""
    webhook = webhook_of(settings)
    if webhook is None:
        return None
    return Follower(store, webhook, clock, settings.data / PLACE, settings.origin)


def webhook_of(settings: Settings) -> Webhook | None:
    """The webhook of *settings*; None without one. Raises `BadInput`."""
    if not settings.webhook:
        return None
    keys = secrets(_secret(settings.webhook_secret_file, "HANDRAIL_WEBHOOK_SECRET_FILE"))
    return Webhook(settings.webhook, keys, outward.hosts(settings.webhook_hosts))


def ways_of(settings: Settings, clock: Clock, store: Store, identity: Identity) -> Ways:
    """The ways to sign in that *settings* offer. Raises `BadInput` naming what can't be used."""
    passkeys = Passkeys(identity, store, clock, settings.url) if possible(settings.url) else None
    if not settings.oidc_issuer:
        if not settings.passwords:
            raise BadInput("nobody could sign in", hint="HANDRAIL_PASSWORDS=off needs a provider.")
        return Ways(passkeys=passkeys)
    if not settings.oidc_client_id:
        raise BadInput("HANDRAIL_OIDC_CLIENT_ID is empty", hint="The provider gave you one.")
    registration = Registration(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        secret=_secret(settings.oidc_client_secret_file, "HANDRAIL_OIDC_CLIENT_SECRET_FILE"),
        redirect=settings.url + BACK,
        scope=settings.oidc_scope,
    )
    terms = Terms(
        groups=groups.load(_secret(settings.oidc_groups_file, "HANDRAIL_OIDC_GROUPS_FILE")),
        groups_claim=settings.oidc_groups_claim,
        age=timedelta(hours=settings.oidc_groups_hours),
        trust_email=settings.oidc_trust_email,
        name=settings.oidc_name,
    )
    provider = Provider(registration, clock)
    single = SingleSignOn(identity, store, clock, provider, terms)
    return Ways(provider=single, passkeys=passkeys)


def _secret(path: Path | None, name: str) -> str:
    """What the file at *path* holds; empty without a file."""
    if path is None:
        return ""
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{name} can't be read: {error}") from error


def calendars_of(
    settings: Settings, clock: Clock, policies: Callable[[], Policies | None]
) -> Calendars:
    """The calendars behind URLs that the policy in force names: of freezes, on-call roles and
    holidays."""

    def wanted() -> list[str]:
        known = policies()
        try:
            policy = known.current() if known else None
        except NotFound:
            policy = None
        if policy is None:
            return []
        found = [f.url for f in policy.freezes] + [s.url for s in sources(policy).values()]
        return [url for url in found if url]

    fetch = fetcher(settings.calendar_hosts.split(","))
    return Calendars(settings.data / "calendars", clock, fetch, wanted)


def _signer(data: Path, store: Store) -> Signer:
    """The signer of the log that *store* holds."""
    with store.read() as reader:
        head = reader.head()
    fresh = int(head["size"]) <= 1  # its first entry starts the log
    return custody.signer_of(data / "signer", str(head["origin"]), fresh=fresh)
