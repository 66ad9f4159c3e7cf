"""The words of this field, as data: what verbs do, what nouns are about, what qualifiers add.

Used to draft rows, to see what hides inside a call, and to recognise by a tool's name what a
floor covers. A word here can never lower what a person has signed. No server or tool is named:
these are the words that any of them is made of, and a few technologies that everybody means as a
common noun.

* `VERBS` tell the `Act`; `VERB_OR_NOUN` are words that are verbs only when no other word is one.
* `AREAS` are kinds of things, with the tier that each act on them is drafted at.
* The nouns of each area stand in `nouns`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class Act(StrEnum):
    """What a verb does to its object, mildest first."""

    READ = "read"
    NOTE = "note"  #: adds words to a record
    CREATE = "create"
    UPDATE = "update"
    RESOLVE = "resolve"  #: closes a piece of work
    RESET = "reset"
    POWER = "power"  #: starts or restarts something that comes back by itself
    PROTECT = "protect"  #: blocks, isolates, holds back; undone by its inverse
    INSTALL = "install"
    SEND = "send"
    SWITCH = "switch"  #: on or off
    RELEASE = "release"  #: lifts a protection
    GRANT = "grant"
    RESTORE = "restore"
    MERGE = "merge"  #: makes one of several, which is hard to take apart
    DELETE = "delete"
    EXECUTE = "execute"  #: runs what its arguments say
    ERASE = "erase"  #: beyond recovery

    @property
    def severity(self) -> int:
        """Its place from mildest to gravest."""
        return _SEVERITY[self]


_SEVERITY: Mapping[Act, int] = {act: n for n, act in enumerate(Act)}


def _words(**by_act: str) -> Mapping[str, Act]:
    return MappingProxyType(
        {word: Act(act) for act, words in by_act.items() for word in words.split()}
    )


VERBS: Mapping[str, Act] = _words(
    read="get list view search find fetch read show describe lookup inspect explain compare "
    "summarize summarise preview retrieve discover browse whoami ping traceroute download "
    "export tail parse extract analyze analyse detect verify locate diff enumerate history",
    note="annotate acknowledge ack",
    create="create add new register upload import insert make generate provision build clone copy "
    "duplicate upsert submit open onboard append subscribe",
    update="update edit set modify configure rename move adjust assign reassign attach sync refresh "
    "replace convert sort link relabel rotate renew extend scale patch apply adopt publish "
    "unpublish rollout promote demote customize customise pin unpin "
    "reschedule categorize categorise escalate prioritize prioritise triage enrich",
    resolve="resolve close reopen complete finish dismiss snooze",
    reset="reset unlock",
    power="restart reboot start wake resync retry rerun recycle",
    protect="isolate block quarantine contain lockout disconnect unauthorize suspend lock",
    install="install upgrade downgrade reinstall deploy",
    send="send forward notify broadcast dispatch",
    switch="enable disable activate deactivate toggle pause resume stop shutdown poweroff arm "
    "disarm mute unmute suppress kill terminate",
    release="release unblock unquarantine unisolate unsuspend allow authorize whitelist allowlist "
    "exempt ignore exclude",
    grant="grant revoke invite approve reject delegate elevate impersonate share unshare "
    "deprovision offboard enroll enrol unenroll consent join",
    restore="restore rollback recover failover failback undo undelete revert",
    merge="merge unmerge split combine",
    delete="delete remove clear cancel uninstall unassign unlink detach drop empty evict archive "
    "unarchive unregister unset forget retire cleanup prune expire cordon drain",
    execute="run execute exec invoke eval call trigger inject",
    erase="wipe purge destroy erase shred format factory nuke truncate",
)

#: Verbs only when nothing plainer is: the same words are names of things.
VERB_OR_NOUN: Mapping[str, Act] = _words(
    read="check query status test count",
    create="log",
    note="note comment reply reaction",
    update="schedule tag label change",
    power="power scan",
    protect="hold",
    send="mail message email",
    execute="command script job runbook playbook shell ssh powershell generic raw batch proxy "
    "console terminal",
)


@dataclass(frozen=True, slots=True)
class Area:
    """A kind of thing. ``tiers`` is the tier that each act on it is drafted at; what is not there
    is tier 3. ``ground`` names the floor that changing it falls under, empty where none."""

    category: str
    target_kind: str
    about: str
    tiers: Mapping[Act, int] = field(default_factory=dict)
    read: int = 1
    classes: tuple[str, ...] = ()
    ground: str = ""


def _tiers(one: str = "", two: str = "") -> Mapping[Act, int]:
    return {Act(a): 1 for a in one.split()} | {Act(a): 2 for a in two.split()}


AREAS: Mapping[str, Area] = MappingProxyType(
    {
        "ticket": Area(
            "ticketing",
            "ticket",
            "tickets and what stands on them",
            _tiers("note create update resolve send", "switch merge delete reset release"),
            classes=("identifier",),
        ),
        "incident": Area(
            "ticketing",
            "ticket",
            "incidents",
            _tiers("note create update", "resolve"),
            classes=("identifier",),
        ),
        "alert": Area(
            "ticketing",
            "other",
            "alerts",
            _tiers("note", "resolve reset update"),
        ),
        "task": Area(
            "ticketing",
            "other",
            "tasks and time entries",
            _tiers("note", "create update resolve"),
            classes=("identifier",),
        ),
        "calendar": Area(
            "communication",
            "other",
            "calendars",
            _tiers("", "create update"),
            classes=("identifier",),
        ),
        "document": Area(
            "documentation",
            "other",
            "documentation",
            _tiers("note", "create update resolve"),
        ),
        "record": Area(
            "billing",
            "client",
            "business records",
            _tiers("note", "create update"),
            classes=("identifier",),
        ),
        "money": Area("billing", "client", "money and contracts", _tiers("note", "create update")),
        "draft": Area(
            "communication",
            "mailbox",
            "drafts that nobody has received",
            _tiers("", "create update note"),
            read=3,
            classes=("personal",),
        ),
        "absence": Area(
            "communication",
            "mailbox",
            "absence notes",
            _tiers("", "update create switch"),
            classes=("identifier",),
        ),
        "channel": Area(
            "communication",
            "other",
            "channels",
            _tiers("", "send note"),
        ),
        "chat": Area(
            "communication",
            "other",
            "chat messages",
            _tiers("", "send note create"),
            read=3,
            classes=("personal",),
        ),
        "mail": Area(
            "communication",
            "mailbox",
            "mail",
            _tiers("", "protect"),
            read=3,
            classes=("personal",),
        ),
        "mailbox": Area(
            "communication",
            "mailbox",
            "mailbox settings",
            classes=("identifier",),
        ),
        "file": Area("data", "other", "files", classes=("identifier",)),
        "content": Area("data", "other", "contents of files", read=3, classes=("personal",)),
        "people": Area(
            "data",
            "user",
            "staff, patients and pay",
            read=3,
            classes=("personal",),
        ),
        "health": Area("data", "other", "health data", read=3, classes=("health",)),
        "secret": Area(
            "access",
            "user",
            "passwords, keys and other secrets",
            read=3,
            classes=("secret",),
            ground="access",
        ),
        "password": Area(
            "identity",
            "user",
            "a user's password or lock",
            _tiers("reset", ""),
            read=3,
            classes=("secret",),
        ),
        "user": Area(
            "access",
            "user",
            "user accounts",
            classes=("identifier",),
            ground="access",
        ),
        "contact": Area(
            "ticketing",
            "user",
            "contacts",
            _tiers("note", "create update"),
            classes=("identifier",),
        ),
        "access": Area("access", "group", "who may do what", ground="access"),
        "application": Area("access", "other", "applications and sign-in pages"),
        "licence": Area(
            "licensing",
            "licence",
            "licences",
            _tiers("", "update create"),
            classes=("identifier",),
        ),
        "security": Area("security", "rule", "security policy", ground="security"),
        "threat": Area("security", "other", "threats and detections", _tiers("note", "protect")),
        "network": Area("network", "device", "network settings", ground="network"),
        "server": Area("server", "device", "servers and what runs on them", ground="server"),
        "backup": Area("backup", "other", "backup and recovery", ground="backup"),
        "monitor": Area("security", "other", "monitoring", _tiers("note", "create")),
        "camera": Area(
            "security",
            "device",
            "cameras and recordings",
            read=3,
            classes=("personal",),
        ),
        "door": Area("security", "other", "doors and locks", ground="access"),
        "device": Area(
            "workstation",
            "device",
            "devices",
            _tiers("note", "power protect install update create"),
            classes=("identifier",),
        ),
        "service": Area("workstation", "device", "services on a device", _tiers("power", "")),
        "software": Area(
            "workstation",
            "device",
            "software on a device",
            _tiers("", "install update delete"),
        ),
        "runbook": Area(
            "workstation",
            "device",
            "runbooks and scripts",
            _tiers("", "execute power update install"),
        ),
        "leftover": Area(
            "workstation",
            "device",
            "temporary files",
            _tiers("", "delete update"),
        ),
        "query": Area("data", "other", "free-form queries", read=3, classes=("personal",)),
        "report": Area("documentation", "other", "reports", _tiers("note", "create send")),
        "plain": Area("other", "other", "states, types and lists"),
        "tenant": Area("other", "client", "a whole client", ground="security"),
    }
)


#: Beside these, the content of a sensitive area is not what is read.
ABOUT_ONLY = frozenset(
    "setting status type template category count stat statistic schema domain version folder "
    "label queue priority tip capability language zone emoji supported field option metadata "
    "format health quota filter override customization permission rule policy tab configuration".split()
)

#: The same for secrets: a *version* or a *label* of a secret may well be the secret.
ABOUT_SECRETS = frozenset("policy rule setting status count statistic stat schema".split())
#: Verbs that read what is in a file, not that it is there.
CONTENT_VERBS = frozenset("read download export tail extract parse open".split())
#: Words that change nothing about what a name says: between others, or which of a kind it is.
NEUTRAL = frozenset(
    "to of for by a an the in on with from id and or then as at per via it its my this new first "
    "initial second last next latest current default main standard specific single online scheduled "
    "item entry out custom relevant requested trending approved known issue quick simple excel onenote outlook word powerpoint odf "
    "office team web".split()
)
#: Verbs that read what is in a mailbox, not how it is set.
MAILBOX_VERBS = CONTENT_VERBS | {"search", "find"}
#: What stands on a ticket: setting it is triage, not a change of the desk's own lists.
ON_A_TICKET = frozenset("priority status state stage summary queue category subcategory".split())
#: Words at the end of a name that say nothing about its head.
TRAILING = frozenset("list detail info by id all".split())

#: Qualifiers of a name, and what they say about how far it reaches.
MANY = frozenset("all bulk mass every global everyone batch multiple entire".split())
PERMANENT = frozenset(
    "permanent permanently irreversible irreversibly destructive unrecoverable force".split()
)
MACHINE_OF_ONE = frozenset("workstation laptop desktop endpoint pc".split())
JOINING = frozenset("and or then".split())
#: Names of arguments whose text is written for people: a name in it is a mention, not a target.
PROSE = frozenset(
    "note notes body text description message summary subject comment comments reason title "
    "details content reasoning justification internalnotes summarynotes".split()
)
#: Arguments that say which client a call is for.
CLIENT_ARGUMENTS = frozenset(
    "client clientid customer customerid company companyid tenant tenantid tenantfilter "
    "organization organizationid organisation organisationid org orgid site siteid account "
    "accountid".split()
)
#: What an agent says about itself; it proves nothing and is no content (SPEC 2).
SELF_SAID = frozenset(
    "confirm confirmed force dryrun approvedby reason justification idempotencykey requestid "
    "correlationid".split()
)

#: Pairs of verbs that undo each other, for proposing a rollback.
INVERSES: Mapping[str, str] = MappingProxyType(
    {
        a: b
        for left, right in (
            ("enable", "disable"), ("activate", "deactivate"), ("add", "remove"),
            ("assign", "unassign"), ("block", "unblock"), ("lock", "unlock"),
            ("isolate", "release"), ("quarantine", "release"), ("start", "stop"),
            ("create", "delete"), ("install", "uninstall"), ("suspend", "unsuspend"),
            ("pause", "resume"), ("archive", "unarchive"), ("grant", "revoke"),
            ("arm", "disarm"), ("mute", "unmute"), ("open", "close"), ("close", "reopen"),
            ("delete", "restore"), ("link", "unlink"), ("pin", "unpin"), ("share", "unshare"),
            ("subscribe", "unsubscribe"), ("publish", "unpublish"), ("attach", "detach"),
        )
        for a, b in ((left, right), (right, left))
    }
)  # fmt: skip
