"""Commands that only look, as data, and whether one exact command is one of them (SPEC 2).

* A command is a name and its words, after a real parser has taken the shell apart (`shells`).
* It only looks when its name is on the list *and* every word of it is one that the list knows:
  `hostname` looks, `hostname new` renames the machine.
* A word that cannot be told beforehand (an expansion, what `xargs` adds) is `None`. It fits only
  commands that do nothing but print what they are given.
* Nothing about a person stands in what they print, as far as a list can know; what a result then
  holds is the detector's to see.

Names and options are compared folded, so an option is listed only where its other case is as
harmless.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from handrail.core.words import fold

#: One word of a command; None where it can't be told before it runs.
Word = str | None


class NotUnderstood(Exception):
    """What a text would do cannot be told: ``why`` says what is in the way, for people."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Look:
    """How a command may be used and still only look. ``options`` are its known options;
    ``most`` is how many other words it may have, ``values`` says which of them fit, and ``paths``
    whether one may begin with a slash. With ``anything``, any word fits."""

    options: frozenset[str] = frozenset()
    most: int = 0
    values: re.Pattern[str] | None = None
    paths: bool = False
    anything: bool = False


_PLAIN = re.compile(r"[\w.:,%@+=/\\ -]*")
_HOST = re.compile(r"[\w.:-]{1,253}")


def _look(options: str = "", most: int = 0, values: re.Pattern[str] | None = _PLAIN) -> Look:
    return Look(frozenset(options.split()), most, values)


#: Options of PowerShell's reads that name what is looked at, and nothing else: no other machine,
#: no credential, no file, no variable.
_PS = (
    "-name -id -displayname -status -property -first -last -descending -ascending -unique -skip "
    "-autosize -wrap -count -expandproperty -filterscript -noelement -line -word -character "
    "-average -sum -minimum -maximum -depth -compress -driveletter -processname -logicaldisk "
    "-interfaceindex -interfacealias -addressfamily -port -targetname -type -uformat -format"
)
_PS_LOOK = _look(_PS, 4)
_PS_PIPE = _look(_PS, 6)

#: Command → how it only looks, whatever stands before it in a pipe.
LOOKS: Mapping[str, Look] = {
    "hostname": _look("-s -i"),
    "whoami": _look("/all /groups /priv /user"),
    "uptime": _look("-p -s"),
    "uname": _look("-a -s -n -r -v -m -p -i -o"),
    "arch": _look(),
    "nproc": _look("--all"),
    "lscpu": _look(),
    "lsblk": _look("-f -a -l"),
    "ver": _look(),
    "pwd": _look(),
    "date": _look("-u"),
    "df": replace(_look("-h -k -t -i -a -l", 1), paths=True),
    "du": replace(_look("-s -h -k -a -c", 1), paths=True),
    "free": _look("-h -m -g -k -b -t"),
    "vmstat": _look("-s -d", 2),
    "ps": _look("-a", 1, re.compile(r"-ef|aux|ax")),
    "ping": _look("-c -n -w -4 -6", 3, _HOST),
    "traceroute": _look("-n -4 -6", 1, _HOST),
    "tracert": _look("-d -4 -6", 1, _HOST),
    "nslookup": _look("", 2, _HOST),
    "netstat": _look("-a -n -o -r -t -u -l -ano -an -rn -tln -tuln"),
    "arp": _look("-a -n"),
    "ipconfig": _look("/all"),
    "getmac": _look("/v"),
    "tasklist": _look("/svc /v /fo /nh /fi", 3),
    "systeminfo": _look("/fo /nh", 1),
    "ls": replace(_look("-l -a -h -t -r -la -al -lh -lah -1", 1), paths=True),
    "systemctl": _look(
        "", 2, re.compile(r"status|is-active|is-enabled|is-failed|list-units|[\w@.-]+\.service|\w+")
    ),
    # What a pipe hands them, never a file: files may hold anything.
    "grep": _look("-i -v -c -w -e -n", 1),
    "findstr": _look("/i /v /c /n", 1),
    "sort": _look("-r -n -u -h -rn -nr -k", 1, re.compile(r"\d{1,3}(,\d{1,3})?")),
    "uniq": _look("-c -d -u -i"),
    "wc": _look("-l -w -c -m"),
    "head": _look("-n", 1, re.compile(r"\d{1,6}")),
    "tail": _look("-n", 1, re.compile(r"\d{1,6}")),
    "cut": _look("-d -f", 2, re.compile(r"[\d,-]+|[^\w]")),
    **dict.fromkeys(
        "get-service get-process get-computerinfo get-hotfix get-date get-uptime get-volume "
        "get-disk get-physicaldisk get-partition get-psdrive get-netadapter get-netipaddress "
        "get-netipconfiguration get-timezone get-culture get-host get-printer get-printjob "
        "get-scheduledtask test-connection test-netconnection resolve-dnsname "
        "get-counter gsv gps".split(),
        _PS_LOOK,
    ),
    **dict.fromkeys(
        "where-object select-object sort-object measure-object group-object format-table "
        "format-list format-wide out-string convertto-json convertto-csv where select ft fl "
        "measure group".split(),
        _PS_PIPE,
    ),
    **dict.fromkeys("echo true false write-output write-host".split(), Look(anything=True)),
}

#: The first word after these says what they do: only these look.
_SUBCOMMANDS: Mapping[str, frozenset[str]] = {
    "systemctl": frozenset("status is-active is-enabled is-failed list-units".split()),
}
#: Run what follows, with another user, priority or patience; the words are their own options.
WRAPPERS: Mapping[str, frozenset[str]] = {
    "sudo": frozenset({"-n"}),
    "doas": frozenset({"-n"}),
    "nohup": frozenset(),
    "nice": frozenset(),
    "ionice": frozenset(),
    "time": frozenset({"-p"}),
    "command": frozenset(),
    "builtin": frozenset(),
    "exec": frozenset(),
    "env": frozenset(),
    "stdbuf": frozenset({"-ol"}),
    "busybox": frozenset(),
}
#: What `find` may look for and print.
_FIND_PLAIN = frozenset("-print -follow -mount -xdev -empty -not -or -and -o -a ( ) !".split())
_FIND_VALUE = frozenset(
    "-name -iname -path -ipath -type -size -mtime -ctime -atime -mmin -maxdepth -mindepth -user "
    "-group -perm".split()
)
_FIND_RUNS = frozenset("-exec -execdir -ok -okdir".split())


def shown(name: Word) -> str:
    """A command's name as a sentence can hold it."""
    text = "?" if name is None else name
    return "".join(c if c.isprintable() else "?" for c in text)[:40]


def base(name: Word) -> str:
    """The folded name by which a command is known; a path of its own is no known command."""
    if name is None:
        raise NotUnderstood("which command it runs is only told when it runs")
    folded = fold(name)
    for folder in ("/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/"):
        if folded.startswith(folder):
            return folded.removeprefix(folder)
    return folded.removesuffix(".exe") if "/" not in folded and "\\" not in folded else folded


def unwrapped(words: Sequence[Word]) -> Sequence[Word]:
    """*words* without the commands that only run what follows them."""
    rest = list(words)
    while rest:
        own = WRAPPERS.get(base(rest[0]))
        if own is None:
            return rest
        rest = rest[1:]
        while rest and (first := rest[0]) is not None and fold(first) in own:
            rest = rest[1:]
    raise NotUnderstood("it runs a command that is not named")


def xargs(words: Sequence[Word]) -> Sequence[Word]:
    """The command that `xargs` runs, with a word that comes from elsewhere."""
    rest = list(words[1:])
    while rest and (first := rest[0]) is not None and first.startswith("-"):
        takes = fold(first) in {"-n", "-p", "-l", "-i", "-d", "-s"}
        if not takes and not re.fullmatch(r"-(0|r|t|x|[nPLs]\d+|I\S+)", first):
            raise NotUnderstood(f"xargs {shown(first)}")
        rest = rest[2:] if takes else rest[1:]
    return [*(rest or ["echo"]), None]


def found_by(words: Sequence[Word]) -> list[Sequence[Word]]:
    """The commands that `find` runs for what it finds. Raises where it does more than look."""
    inner: list[Sequence[Word]] = []
    rest = list(words[1:])
    while rest:
        word = rest.pop(0)
        if word is None:
            raise NotUnderstood("what find does is only told when it runs")
        folded = fold(word)
        if not folded.startswith(("-", "(", ")", "!")) or folded in _FIND_PLAIN:
            continue
        if folded in _FIND_VALUE and rest:
            rest.pop(0)
        elif folded in _FIND_RUNS:
            end = next((n for n, w in enumerate(rest) if w in {";", "+"}), None)
            if not end:
                raise NotUnderstood("what find runs has no end")
            inner.append([None if w is None or "{" in w else w for w in rest[:end]])
            rest = rest[end + 1 :]
        else:
            raise NotUnderstood(f"find {shown(word)}")
    return inner


def only_looks(words: Sequence[Word]) -> bool:
    """Whether this one command, with these words, is known to only look."""
    name = base(words[0])
    look = LOOKS.get(name)
    if look is None:
        return False
    rest = words[1:]
    if look.anything:
        return True
    others = 0
    for word in rest:
        if word is None:
            return False
        if fold(word).rstrip(":") in look.options:
            continue
        others += 1
        fits = look.values is not None and look.values.fullmatch(word)
        marked = word.startswith("/") and not look.paths
        if word.startswith("-") and look.values in {_PLAIN, _HOST}:
            marked = True
        if others > look.most or not fits or marked:
            return False
    first = fold(rest[0]) if rest and rest[0] is not None else ""
    return name not in _SUBCOMMANDS or first in _SUBCOMMANDS[name]
