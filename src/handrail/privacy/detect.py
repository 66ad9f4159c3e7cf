"""Which classes of data a call or a result holds, by looking at it (SPEC 2, data classes).

* What is found can only raise; what is not found proves nothing.
* A sign is a class and what it looks like (`a bank card number`). No value is ever kept or told.
* Arguments and results are looked at as one text, in one Unicode form and without what is
  invisible, so that another encoding hides nothing.
* Numbers count by their check digits (`stdnum`), keys by their makers' marks, the rest by a label
  that stands before a value. Ordinary identifiers (one address, one phone number) are no sign.
* Further detectors come as entry points of the group `handrail.detectors`; one that fails counts
  as having found something.

Every pattern is linear, and most calls pay only for the first look (`_might`).
"""

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import entry_points
from importlib.resources import files
from typing import Any, Protocol

import orjson
import structlog

log = structlog.get_logger(__name__)

#: Characters that are looked at; a result beyond it counts as holding personal content.
MAX_TEXT = 4_000_000
#: Distinct mail addresses from which a list is one of people in bulk.
BULK = 100


@dataclass(frozen=True, slots=True, order=True)
class Sign:
    """That something of ``data_class`` (`personal`, `health`, `secret`) seems to be there;
    ``what`` completes "it holds what looks like …"."""

    data_class: str
    what: str


class Detector(Protocol):
    """Finds signs in a text. It must not keep the text, and must take time in proportion to its
    length."""

    def find(self, text: str) -> Iterable[Sign]:
        """Return the signs that *text* gives."""
        ...


class Detectors:
    """Several detectors as one: everything that any of them finds."""

    def __init__(self, further: Sequence[Detector] = ()) -> None:
        self._further = tuple(further)

    def look(self, value: Any) -> tuple[Sign, ...]:
        """The signs in *value*, a JSON value or the bytes of one, sorted. Never raises."""
        text = text_of(value)
        if not self._further and len(text) <= MAX_TEXT and not _might(text):
            return ()
        found = set(signs(text[:MAX_TEXT]))
        if len(text) > MAX_TEXT:
            found.add(Sign("personal", "more than can be looked at"))
        for detector in self._further:
            try:
                found.update(detector.find(text[:MAX_TEXT]))
            except Exception:  # another's code: whatever it raises, a person looks
                log.exception("detector failed", detector=type(detector).__name__)
                found.add(Sign("personal", "something that a detector failed on"))
        return tuple(sorted(found))


def installed() -> tuple[Detector, ...]:
    """The detectors that other packages bring."""
    return tuple(point.load()() for point in entry_points(group="handrail.detectors"))


# --- the text -------------------------------------------------------------------------------------

_ESCAPES = re.compile(r"\\(?:u00[01][0-9a-f]|.)")
_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")


def text_of(value: Any) -> str:
    """*value* as the one text that is looked at."""
    try:
        raw = value if isinstance(value, bytes) else orjson.dumps(value)
        text = raw.decode()
    except TypeError:  # a number of more than 64 bits, or a lone surrogate
        text = json.dumps(value, default=str, ensure_ascii=False)
    if "\\" in text:
        text = _ESCAPES.sub(" ", text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text[: MAX_TEXT + 1]))
    return text


# --- what is looked for ---------------------------------------------------------------------------

#: Beginnings by which makers mark their keys, with what follows.
_MARKED: tuple[tuple[str, re.Pattern[str], str], ...] = tuple(
    (mark, re.compile(pattern), what)
    for mark, pattern, what in (
        ("PRIVATE KEY", r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY", "a private key"),
        ("AKIA", r"\bAKIA[0-9A-Z]{16}\b", "an access key of AWS"),
        ("ASIA", r"\bASIA[0-9A-Z]{16}\b", "an access key of AWS"),
        *((f"gh{k}_", rf"\bgh{k}_[A-Za-z0-9]{{30,255}}", "a token of GitHub") for k in "pousr"),
        ("github_pat_", r"\bgithub_pat_\w{30,255}", "a token of GitHub"),
        ("glpat-", r"\bglpat-[\w-]{20,255}", "a token of GitLab"),
        ("xox", r"\bxox[abeoprs]-[\w-]{10,255}", "a token of Slack"),
        ("sk_live_", r"\bsk_live_\w{16,255}", "a key of Stripe"),
        ("AIza", r"\bAIza[\w-]{35}", "a key of Google"),
        ("sk-", r"\bsk-[\w-]{20,255}", "a key of a model's provider"),
        ("SG.", r"\bSG\.[\w-]{16,64}\.[\w-]{16,64}", "a key of SendGrid"),
        ("npm_", r"\bnpm_[A-Za-z0-9]{30,255}", "a token of npm"),
        ("eyJ", r"\beyJ[\w-]{8,4000}\.eyJ[\w-]{8,4000}\.", "a signed token (JWT)"),
        ("AccountKey=", r"AccountKey=[\w+/=]{40,255}", "a storage key of Azure"),
        ("otpauth://", r"otpauth://\w", "the seed of one-time codes"),
        ("://", r"://[^\s:/@\"]{1,64}:[^\s:/@\"]{3,128}@", "a password in an address"),
        ("earer ", r"\b[Bb]earer [\w.~+/-]{20,4000}", "a bearer token"),
        ("hr_", r"\bhr_[A-Za-z0-9_-]{24,255}", "an agent's key of Handrail"),
    )
)


@dataclass(frozen=True, slots=True)
class _Labelled:
    """A label before a value. ``begins`` are the letters by which each of its labels begins, so
    that a pattern is only tried where one stands."""

    sign: Sign
    begins: tuple[str, ...]
    pattern: re.Pattern[str]
    valid: Callable[[str], bool]


_GAP = r"[\"']?\s{0,3}(?:[:=#]|\bis\b|\bwas\b)\s{0,3}[\"']?"
_VALUE = r"([^\s\"',;{}\[\]]{2,200})"
_NUMBER = r"(?:[_ -]?(?:number|no|nr|id|code))?"


def _label(
    data_class: str, what: str, begins: str, labels: str, valid: Callable[[str], bool]
) -> _Labelled:
    pattern = re.compile(rf"(?:{labels}){_NUMBER}\b{_GAP}{_VALUE}")
    return _Labelled(Sign(data_class, what), tuple(begins.split()), pattern, valid)


def _like_a_password(value: str) -> bool:
    letters = any(c.isalpha() for c in value)
    others = any(c.isdigit() for c in value)
    return len(value) >= 6 and letters and others and "://" not in value


def _digits(value: str) -> bool:
    return sum(c.isdigit() for c in value) >= 3


def _something(value: str) -> bool:
    return bool(value)


_ILLNESS = re.compile(r"[a-tv-z]\d[0-9a-b](?:\.[0-9a-k]{1,4})?")


def _illness(value: str) -> bool:
    return _ILLNESS.fullmatch(value.rstrip(".)")) is not None


#: In a text of small letters.
_LABELS = (
    _label(
        "secret",
        "a password or key",
        "passwor passwd pwd passphrase passcode secret api access private auth recovery heslo",
        r"passwor[dt]s?|passwd|pwd|passphrase|passcode|secret|(?:api|access|private|recovery)[_ -]?key"
        r"|(?:auth|access)[_ -]?token|heslo",
        _like_a_password,
    ),
    _label(
        "personal",
        "a national identity number",
        "ssn social national nino passport tax driv personnummer bsn pesel codice rodne birth",
        r"ssn|social[_ -]?security|national[_ -]?(?:id|insurance)|nino|passport|tax[_ -]?id"
        r"|driv(?:ing|er'?s?)[_ -]?licen[cs]e|personnummer|bsn|pesel|codice[_ ]fiscale"
        r"|rodne[_ ]cislo|birth[_ -]?number",
        _digits,
    ),
    _label(
        "personal",
        "a date of birth",
        "date dob birth geburtsdatum",
        r"date[_ -]?of[_ -]?birth|dob|birth[_ -]?da(?:te|y)|geburtsdatum",
        _digits,
    ),
    _label("personal", "pay", "salary wage payroll", r"salary|wages?|payroll", _digits),
    _label(
        "health",
        "a patient's record",
        "mrn medical patient blood nhs",
        r"mrn|medical[_ -]?record|patient[_ -]?(?:id|no|number|name)|blood[_ -]?(?:type|group)|nhs",
        _something,
    ),
    # A technician's diagnosis is a word; a physician's has a code of the ICD-10.
    _label("health", "a code of an illness", "diagnos icd", r"diagnos[ie]s|icd[_ -]?10", _illness),
)
_NOTHING = re.compile(
    r"null|none|true|false|unknown|n/?a|\*+|x{3,}|<.*|redacted|\W+", re.IGNORECASE
)
_BITLOCKER = re.compile(r"\b\d{6}(?:-\d{6}){7}\b")
_CARD = re.compile(r"(?<![\d.-])[3-6]\d{3}(?:[ -]?\d{4}){2}[ -]?\d{3,4}(?![\d-])")
_SSN = re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_BIRTH_NUMBER = re.compile(r"(?<!\d)\d{6}/\d{3,4}(?!\d)")
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{2,63}")
_CARED_FOR = frozenset(
    "patient patients diagnosed diagnosis diagnoses prescribed prescription symptoms suffers "
    "treated treatment".split()
)

#: Two looks, each with one first character, are faster than one with a choice.
_NUMBERED = re.compile(r"\d{3}(?:[\d -]{9}|-\d{2}-\d{4}|\d{3}/\d{3})")
_ACCOUNT = re.compile(r"[A-Z]{2}\d{2} ?[A-Z0-9]{4}")
#: Bytes → letters of small words, and blanks.
_LETTERS = bytes(c if 97 <= c <= 122 else 32 for c in range(256))
#: What is looked for as it stands, and in small letters.
_MARKS = tuple(mark for mark, _, _ in _MARKED)
_HINTS = tuple(dict.fromkeys(b for label in _LABELS for b in label.begins))


@lru_cache(maxsize=1)
def health_terms() -> frozenset[str]:
    """The words of the stated list (`terms/health.txt`)."""
    lines = (files("handrail.privacy") / "terms" / "health.txt").read_text("utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def _might(text: str) -> bool:
    """Whether anything could be found at all: the one look that every call pays for."""
    for mark in _MARKS:
        if mark in text:
            return True
    lower = text.lower()
    for hint in _HINTS:
        if hint in lower:
            return True
    if _numbered(text) or not health_terms().isdisjoint(_words(lower)):
        return True
    return lower.count("@") >= BULK


def _numbered(text: str) -> bool:
    return _NUMBERED.search(text) is not None or _ACCOUNT.search(text) is not None


def _words(lower: str) -> set[str]:
    return set(lower.encode(errors="replace").translate(_LETTERS).decode().split())


def signs(text: str) -> Iterator[Sign]:
    """What Handrail's own detector finds in *text*."""
    for mark, pattern, what in _MARKED:
        if mark in text and pattern.search(text):
            yield Sign("secret", what)
    lower = text.lower()
    for label in _LABELS:
        if any(label.valid(value) for value in _values(label, lower)):
            yield label.sign
    if _numbered(text):
        yield from _numbers(text)
    words = _words(lower)
    terms = words & health_terms()
    if len(terms) > 1 or (terms and words & _CARED_FOR):
        yield Sign("health", "words of illness or treatment")
    if text.count("@") >= BULK and len(set(_ADDRESS.findall(text))) >= BULK:
        yield Sign("personal", "a list of many people")


def _values(label: _Labelled, lower: str) -> Iterator[str]:
    """What stands behind a label, where it is a value at all."""
    for begin in label.begins:
        at = lower.find(begin)
        while at >= 0:
            match = label.pattern.match(lower, at)
            if match and not _NOTHING.fullmatch(match.group(1)):
                yield match.group(1)
            at = lower.find(begin, at + 1)


def _numbers(text: str) -> Iterator[Sign]:
    if _BITLOCKER.search(text):
        yield Sign("secret", "a recovery key of BitLocker")
    if _any(_CARD, text, _card):
        yield Sign("personal", "a bank card number")
    if _any(_SSN, text, _social_security):
        yield Sign("personal", "a national identity number")
    if _any(_BIRTH_NUMBER, text, _birth_number):
        yield Sign("personal", "a national identity number")
    if _any(_IBAN, text, _iban):
        yield Sign("personal", "a bank account number")


def _any(pattern: re.Pattern[str], text: str, valid: Callable[[str], bool]) -> bool:
    return any(valid(match.group()) for match in pattern.finditer(text))


# Checksums are loaded when a number first looks like one: plain calls do not pay for them.


def _card(number: str) -> bool:
    from stdnum import luhn  # noqa: PLC0415

    return bool(luhn.is_valid(re.sub(r"\D", "", number)))


def _social_security(number: str) -> bool:
    from stdnum.us import ssn  # noqa: PLC0415

    return bool(ssn.is_valid(number))


def _birth_number(number: str) -> bool:
    from stdnum.cz import rc  # noqa: PLC0415

    return bool(rc.is_valid(number))


def _iban(number: str) -> bool:
    from stdnum import iban  # noqa: PLC0415

    return bool(iban.is_valid(number))
