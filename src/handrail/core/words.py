"""What a name says, in the words of the lexicon: the act, the kinds of things, how far it reaches.

* A name is split at case changes, digits' edges and punctuation, folded, and put in the singular.
* The first plain verb is the act; a name that joins two verbs is as grave as the graver.
* A name without a verb or a known noun is *not understood*, and whoever asks treats it as grave.

Reading a name is how drafts are made (`drafting`), how a hidden inner call is judged (`unwrap`)
and how a floor recognises its ground whatever a row's category says (`floors`).
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from handrail.core.lexicon import (
    ABOUT_ONLY,
    ABOUT_SECRETS,
    AREAS,
    CONTENT_VERBS,
    JOINING,
    MACHINE_OF_ONE,
    MAILBOX_VERBS,
    MANY,
    NEUTRAL,
    ON_A_TICKET,
    PERMANENT,
    TRAILING,
    VERB_OR_NOUN,
    VERBS,
    Act,
    Area,
)
from handrail.core.nouns import NOUNS, STRONGER

#: Characters of the longest name that is read.
LONGEST = 400

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NOT_WORD = re.compile(r"[^a-z0-9]+")
#: Nouns of two words that one word of them would misread.
_PAIRS = {
    ("out", "of"): "absence",
    ("channel", "message"): "chat",
    ("chat", "message"): "chat", ("auto", "reply"): "autoreply", ("time", "entry"): "timesheet",
    ("mail", "rule"): "mailrule", ("inbox", "rule"): "mailrule", ("message", "rule"): "mailrule",
    ("mail", "forwarding"): "mailrule", ("email", "forwarding"): "mailrule",
    ("share", "link"): "invitation", ("sharing", "link"): "invitation",
    ("canned", "response"): "template", ("remote", "session"): "ssh",
    ("conditional", "access"): "conditional", ("port", "forward"): "portforward",
    ("virtual", "ip"): "vip", ("virtual", "machine"): "vm", ("restore", "point"): "restorepoint",
    ("api", "key"): "apikey", ("api", "token"): "apikey", ("recovery", "key"): "recoverykey",
    ("app", "password"): "secret", ("firewall", "rule"): "firewall",
    ("security", "group"): "group", ("service", "account"): "user", ("service", "ticket"): "ticket",
    ("known", "issue"): "runbook", ("temporary", "file"): "temp", ("factory", "reset"): "wipe",
    ("service", "request"): "ticket", ("sign", "in"): "authentication",
    ("signed", "in"): "authentication", ("power", "cycle"): "powercycle",
    ("service", "desk"): "ticket", ("help", "desk"): "ticket", ("work", "order"): "ticket",
    ("knowledge", "base"): "article", ("business", "hour"): "timesheet",
    ("maintenance", "window"): "maintenance", ("mail", "flow"): "mailrule",
    ("legal", "hold"): "retention", ("audit", "log"): "report", ("event", "log"): "report",
}  # fmt: skip
_KNOWN = frozenset(
    {*VERBS, *VERB_OR_NOUN, *NOUNS, *ABOUT_ONLY, *MANY, *PERMANENT, *MACHINE_OF_ONE, *TRAILING}
    | {*NEUTRAL, *(word for pair in _PAIRS for word in pair)}
)
_JOINED_VERBS = {"powercycle": Act.POWER, "wipe": Act.ERASE}


def fold(text: str) -> str:
    """*text* as matching sees it: one Unicode form, no case, nothing invisible, so that another
    encoding of the same words changes nothing."""
    if text.isascii():
        return text.lower()
    kept = "".join(c for c in text if unicodedata.category(c) != "Cf")
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", kept).casefold())


def key_of(name: str) -> str:
    """The name of an argument as it is compared: folded, without marks between its words."""
    return _key_of(name) if len(name) <= LONGEST else _key_of.__wrapped__(name)


@lru_cache(maxsize=8192)
def _key_of(name: str) -> str:
    return fold(name).replace("_", "").replace("-", "")


def words_of(name: str) -> tuple[str, ...]:
    """The folded words of *name*, in the singular. What is longer than a name is cut."""
    return _words_of(name[:LONGEST])


@lru_cache(maxsize=8192)
def _words_of(name: str) -> tuple[str, ...]:
    spaced = _CAMEL.sub(" ", unicodedata.normalize("NFKC", name))
    return tuple(_singular(w) for w in _NOT_WORD.split(fold(spaced)) if w)


def _singular(word: str) -> str:
    if word in VERBS or word in NOUNS or len(word) < 4:
        return word
    for ending, instead in (
        ("ies", "y"),
        ("uses", "us"),
        ("sses", "ss"),
        ("xes", "x"),
        ("ches", "ch"),
    ):
        if word.endswith(ending):
            return word.removesuffix(ending) + instead
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


@dataclass(frozen=True, slots=True)
class Reading:
    """What a name says. ``act`` is None when no verb was found; ``areas`` is empty when no noun
    was. ``many`` and ``permanent`` are qualifiers; ``about_only`` says that a read concerns
    settings or counts of its areas, not what is in them."""

    words: tuple[str, ...]
    paired: tuple[str, ...]  #: the same with words of two parts joined
    act: Act | None
    verb: str
    areas: tuple[str, ...]
    many: bool
    permanent: bool
    about_only: bool
    workstation: bool

    @property
    def understood(self) -> bool:
        """Whether both what is done and to what was recognised."""
        return self.act is not None and bool(self.areas)

    @property
    def kinds(self) -> tuple[Area, ...]:
        return tuple(AREAS[a] for a in self.areas)

    @property
    def grounds(self) -> frozenset[str]:
        """The floors whose ground the areas are."""
        return frozenset(k.ground for k in self.kinds if k.ground)


def read(name: str) -> Reading:
    """Read *name*, such as a tool's name or the first sentence of a description. What is longer
    than a name is cut: only names are remembered, and hostile ones are no larger than others."""
    return _read(name[:LONGEST])


@lru_cache(maxsize=8192)
def _read(name: str) -> Reading:
    raw = words_of(name)
    words = _paired(raw)
    act, verb = _act(words)
    named = [NOUNS[w] for w in words if w in NOUNS and not (w == verb and w not in VERB_OR_NOUN)]
    named = [a for n, a in enumerate(named) if a not in named[:n]]
    weaker = {w for a in named for w in STRONGER.get(a, ())}
    areas = tuple(a for a in named if a not in weaker)
    if verb == "unlock" and "user" in areas:
        areas = tuple("password" if a == "user" else a for a in areas)  # a lock, not the account
    if verb in MAILBOX_VERBS and "mailbox" in areas:
        areas = tuple("mail" if a == "mailbox" else a for a in areas)
    if act is Act.UPDATE and "ticket" in areas:
        plain = {w for w in words if NOUNS.get(w) == "plain"}
        areas = tuple(a for a in areas if a != "plain" or not plain <= ON_A_TICKET)
    if verb in CONTENT_VERBS and "file" in areas:
        areas = tuple("content" if a == "file" else a for a in areas)
    return Reading(
        words=raw,
        paired=words,
        act=act,
        verb=verb,
        areas=areas,
        many=bool(MANY & set(raw)),
        permanent=bool(PERMANENT & set(raw)),
        about_only=_about_only(words, areas),
        workstation=bool(MACHINE_OF_ONE & set(raw)),
    )


def strange(name: str, connection: str) -> tuple[str, ...]:
    """The words of *name* that nothing here knows, but for those of *connection*, the product:
    any of them may be what makes the name grave."""
    product = set(words_of(connection))
    return tuple(
        w
        for w in words_of(name)
        if w not in _KNOWN and w not in product and not w.isdecimal() and len(w) > 1
    )


def _paired(words: tuple[str, ...]) -> tuple[str, ...]:
    found: list[str] = []
    skip = False
    for n, word in enumerate(words):
        if skip:
            skip = False
            continue
        pair = _PAIRS.get((word, words[n + 1])) if n + 1 < len(words) else None
        found.append(pair or word)
        skip = pair is not None
    return tuple(found)


def _act(words: tuple[str, ...]) -> tuple[Act | None, str]:
    plain = [(n, w, a) for n, w in enumerate(words) if (a := _JOINED_VERBS.get(w) or VERBS.get(w))]
    if plain:
        first = plain[0]
        if first[2] is Act.READ and len(plain) > 1:
            # "get restart history" reads; "find replace" and "check and delete" do not.
            later = max(plain[1:], key=lambda p: p[2].severity)
            joined = bool(JOINING & set(words))
            ends_there = later[0] == first[0] + 1 == len(words) - 1
            if joined or ends_there:
                return later[2], later[1]
            return first[2], first[1]
        gravest = max(plain, key=lambda p: p[2].severity)
        return gravest[2], gravest[1]
    loose = [(w, a) for w in words if (a := VERB_OR_NOUN.get(w))]
    if loose:
        word, act = max(reversed(loose), key=lambda p: p[1].severity)
        return act, word
    return None, ""


def _about_only(words: tuple[str, ...], areas: tuple[str, ...]) -> bool:
    """Whether the head of the name, its last word that says something, is a word like *settings*."""
    head = next((w for w in reversed(words) if w not in TRAILING), "")
    classes = {c for a in areas for c in AREAS[a].classes if AREAS[a].read > 1}
    return bool(classes) and head in (ABOUT_SECRETS if "secret" in classes else ABOUT_ONLY)
