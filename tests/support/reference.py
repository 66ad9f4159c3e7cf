"""The parts of docs that the program itself knows: written by `make docs`, compared by tests/docs. Each stands between two markers of a page; the words around it are people's.

<!-- from the program: NAME -->
…
<!-- end -->
"""

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

import handrail
from handrail import api, cli, config, errors
from handrail.api import body, door
from handrail.api.actions import MAX_WAIT
from handrail.api.errors import status_of
from handrail.cli import talk
from handrail.connectors import directory
from handrail.core import (
    action,
    approval,
    attacks,
    breaker,
    client_map,
    conditions,
    defaults,
    evidence,
    floors,
    policy_schema,
    scorecard,
    shells,
    unwrap,
    vocabulary,
)
from handrail.gateway import app as gateway
from handrail.gateway import own
from handrail.identity import identity, passwords
from handrail.main import PROGRAMS
from handrail.privacy import detect
from handrail.service import ask, govern
from handrail.service.reading import settings as shown_settings

ROOT = Path(__file__).parents[2]
#: Pages with blocks.
PAGES = sorted(
    p for kind in ("explanation", "reference") for p in (ROOT / "docs" / kind).glob("*.md")
)
_BLOCK = re.compile(r"(<!-- from the program: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(_cell(c) for c in line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _comments(of: type) -> dict[str, str]:
    """What the `#:` comment beside each member of a class says."""
    found: dict[str, str] = {}
    for line in inspect.getsource(of).splitlines():
        match = re.match(r"\s+([A-Za-z_]+)\s*(?:[:=].*?)#: (.*)", line)
        if match:
            found[match[1]] = match[2]
    return found


# --- one function for each block -----------------------------------------------------------------


def states() -> str:
    says = _comments(action.State)
    return table(
        ("state", "meaning", "may become"),
        (
            (
                f"`{s.value}`",
                says[s.name],
                ", ".join(f"`{t.value}`" for t in action.State if t in action.MOVES[s]) or "–",
            )
            for s in action.State
        ),
    )


def the_defaults() -> str:
    """Every setting; one that no code reads is marked, by looking at the code."""
    source = Path(handrail.__file__).parent
    # Where settings are declared and compared, every one of them is named.
    but = {source / "core/defaults.py", source / "core/policy_compare.py"}
    code = "".join(p.read_text() for p in source.rglob("*.py") if p not in but)
    return table(
        ("setting", "default", "why"),
        (
            (
                f"`{s['name']}`" + ("" if re.search(rf"\.{s['name']}\b", code) else " ¹"),
                s["value"],
                s["why"],
            )
            for s in shown_settings(defaults.Settings())
        ),
    )


def process_settings() -> str:
    says, values = _comments(config.Settings), config.load({"HOME": "~"})

    def rows() -> Iterator[tuple[str, ...]]:
        for field in dataclasses.fields(config.Settings):
            value = getattr(values, field.name)
            default = f"`{value}`" if value not in {None, ""} else "–"
            says_it = says.get(field.name, _PLAIN_SETTINGS.get(field.name, ""))
            yield f"`HANDRAIL_{field.name.upper()}`", default, says_it

    return table(("variable", "default", "meaning"), rows())


_PLAIN_SETTINGS = {"host": "the address to listen on", "port": "the port to listen on"}


def attributes() -> str:
    return table(
        ("name", "type", "meaning"),
        ((f"`{n}`", f"`{a.type}`", a.doc) for n, a in conditions.ATTRIBUTES.items()),
    )


def the_floors() -> str:
    return table(
        ("floor", "asks for a person when"),
        ((f"`{f.__name__}`", inspect.getdoc(f) or "") for f in floors.FLOORS),
    )


def scales() -> str:
    return table(
        ("factor", "level", "meaning", "least tier"),
        (
            (factor.replace("_", " "), f"`{name}`", level.meaning, str(int(level.least)))
            for factor, scale in scorecard.SCALES.items()
            for name, level in scale.items()
        ),
    )


def words_of_rows() -> str:
    return table(
        ("field", "words"),
        iter(
            [
                (f"`{field}`", ", ".join(f"`{w}`" for w in sorted(words)))
                for field, words in {
                    "category": vocabulary.CATEGORIES,
                    "data_classes": vocabulary.DATA_CLASSES,
                    "target_kind": vocabulary.TARGET_KINDS,
                    "rollback: class": vocabulary.ROLLBACKS,
                }.items()
            ]
        ),
    )


def keys_of_files() -> str:
    """Every mapping of a policy's files with its keys, from the description the loader uses."""
    found = []
    for shape in policy_schema.shapes():
        rows = (
            (f"`{name}`", "yes" if m.required else "", m.kind.says, m.doc)
            for name, m in shape.members.items()
        )
        keys = table(("key", "required", "what stands there", "meaning"), rows)
        found.append(f"### {shape.name}\n\n{shape.doc}\n\n{keys}")
    return "\n".join(found)


def deny_reasons() -> str:
    return table(("code", "says"), ((f"`{c}`", text) for c, text in approval.DENY_REASONS.items()))


def the_errors() -> str:
    def below(of: type[errors.HandrailError]) -> Iterator[type[errors.HandrailError]]:
        for found in of.__subclasses__():
            if found.__module__ == errors.__name__:
                yield found
                yield from below(found)

    return table(
        ("code", "HTTP", "meaning", "what to do"),
        (
            (
                f"`{e.code}`",
                str(status_of(e.__new__(e))),
                (inspect.getdoc(e) or "").splitlines()[0],
                e.default_hint or "the answer's `hint` says",
            )
            for e in below(errors.HandrailError)
        ),
    )


def exit_codes() -> str:
    says = {
        talk.OK: "done",
        talk.NOT_HELD: "refused, failed, or something that was checked does not hold",
        talk.USAGE: "the command, or what it was given, is wrong",
        talk.UNREACHABLE: "the server does not answer",
        talk.NOT_SIGNED_IN: "sign in, or sign in again: `handrail login`",
    }
    return table(("exit code", "meaning"), ((str(c), text) for c, text in says.items()))


def commands() -> str:
    root: Any = typer.main.get_command(cli.build(PROGRAMS))
    context = typer.Context(root)
    return "\n".join(_command(name, command) for name, command in _all(root, context, ""))


def _all(group: Any, context: typer.Context, before: str) -> Iterator[tuple[str, Any]]:
    """Every command of *group*, and those of the groups in it, by whole name."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if hasattr(command, "list_commands"):
            yield from _all(command, context, f"{before}{name} ")
        else:
            yield before + name, command


def _command(name: str, command: Any) -> str:
    options, usage = [], [f"handrail {name}"]
    for parameter in command.params:
        if parameter.name == "help":
            continue
        says = getattr(parameter, "help", None) or ""
        if parameter.param_type_name == "argument":
            label = str(parameter.metavar or parameter.name.upper())
            usage.append(label if parameter.required else f"[{label}]")
        else:
            label = ", ".join(parameter.opts)
        default = parameter.default
        if isinstance(default, str) and default:
            says = f"{says} Default: `{getattr(default, 'value', default)}`.".strip()
        required = " (required)" if parameter.required else ""
        options.append(f"- `{label}`{required}{': ' if says else ''}{says}\n")
    about = " ".join((command.help or "").split())
    return f"### `{' '.join(usage)}`\n\n{about}\n\n{''.join(options)}"


def endpoints() -> str:
    app = api.build(None, None, None, None)  # type: ignore[arg-type]  # only described
    who = {"agent key": "agent", "session": "person", "browser session": "person"}

    def rows() -> Iterator[tuple[str, ...]]:
        for path, methods in app.openapi()["paths"].items():
            for method, operation in methods.items():
                schemes = [k for s in operation.get("security", ()) for k in s]
                by = " or ".join(dict.fromkeys(who[s] for s in schemes)) or "anyone"
                about = f"{operation['summary']}. {operation.get('description', '')}"
                yield f"`{method.upper()} {path}`", by, about

    return table(("method and path", "for", "does"), rows())


def own_tools() -> str:
    return table(
        ("tool", "arguments", "does"),
        (
            (
                f"`{t['name']}`",
                ", ".join(f"`{a}`" for a in t["inputSchema"]["properties"]),
                t["description"],
            )
            for t in own.TOOLS
        ),
    )


def limits() -> str:
    mib = 1 << 20
    said: Mapping[str, str] = {
        "HTTP body": f"{body.MAX_BODY // mib} MiB",
        "nesting of a JSON body": f"{body.MAX_DEPTH} levels",
        "whole numbers in a JSON body": "64 bits; a larger one is refused, never rounded",
        "arguments of one action": f"{ask.MAX_ARGUMENTS // mib} MiB, {ask.MAX_DEPTH} levels",
        "reasoning": f"{ask.MAX_REASONING:,} characters",
        "a note, an answer to a question": f"{govern.NOTE_LIMIT:,} characters",
        "MCP message": f"{gateway.MAX_BODY // mib} MiB",
        "one CEL expression": f"{conditions.MAX_TEXT:,} characters",
        "a command, script or query inside a call": (
            f"{unwrap.MAX_TEXT:,} characters, {shells.MAX_COMMANDS} commands; a longer one waits"
        ),
        "requests of one batch inside a call": f"{unwrap.MAX_PARTS}; a larger one waits",
        "a result that the detector looks at": (
            f"{detect.MAX_TEXT:,} characters; a longer one counts as personal content"
        ),
        "records of a file of clients or sites": f"{client_map.MAX_LINES:,}",
        "a directory file": f"{directory.MAX_BYTES // 1_000_000} MB",
        "agents' calls at once, each process": str(door.AGENT_CALLS),
        "agents' held requests (`?wait=`) at once": f"{door.AGENT_WAITS}, at most {MAX_WAIT} s each",
        "people's requests at once": str(door.PEOPLE_CALLS),
        "a password": f"{passwords.SHORTEST} to {passwords.LONGEST} characters",
        "a session in a browser": f"{identity.CONSOLE_SESSION.total_seconds() / 3600:g} h",
        "a session in a terminal": f"{identity.CLI_SESSION.days} days",
        "a terminal's code": f"{identity.DEVICE_LIFE.total_seconds() / 60:g} min",
    }
    return table(("what", "at most"), iter(said.items()))


def the_attacks() -> str:
    return table(
        ("attack", "takes", "found by"), ((a.does, a.needs, a.found_by) for a in attacks.ATTACKS)
    )


def decisions_needed() -> str:
    def rows() -> Iterator[tuple[str, ...]]:
        for k in (0, 1, 2, 3, 4, 5, 10, 20):
            n = evidence.decisions_needed(k)
            yield str(k), str(n), f"{100 * (n - k) / n:.1f} %"

    return table(("not clean", "decisions needed", "clean ones then"), rows())


def what_counts_show() -> str:
    def rows() -> Iterator[tuple[str, ...]]:
        for s, n in ((9, 10), (18, 20), (43, 43), (47, 50), (88, 90), (190, 200), (380, 400)):
            low = int(1000 * evidence.lower_bound(s, n)) / 10  # rounded down
            more = evidence.more_clean_needed(s, n)
            yield f"{s} of {n}", f"{100 * s / n:.4g} %", f"{low} %", str(more) if more else "enough"

    head = ("clean", "ratio", "really at least", "more clean ones in a row that would be enough")
    return table(head, rows())


def runs_needed() -> str:
    return table(
        ("reversals before", "executions in a row without one"),
        ((str(k), str(evidence.run_needed(k))) for k in range(5)),
    )


def breakers() -> str:
    def rows() -> Iterator[tuple[str, ...]]:
        for p in (breaker.STRICT, breaker.STANDARD, breaker.LENIENT, breaker.CELL):
            mean = breaker.between_false_trips(p, p.tolerates / 100_000)
            named = f"`{p.name}`" if p.name in breaker.PROFILES else f"{p.name}: type at a client"
            tolerates = f"{p.tolerates / 1000:g} %"
            points = f"+{p.error}, opens at {p.limit}"
            yield named, tolerates, points, p.words, f"one in {mean:,.0f} actions"

    return table(("profile", "tolerates", "each error", "in words", "opens without cause"), rows())


BLOCKS: Mapping[str, Callable[[], str]] = {
    "states": states,
    "defaults": the_defaults,
    "settings": process_settings,
    "attributes": attributes,
    "floors": the_floors,
    "scales": scales,
    "words-of-rows": words_of_rows,
    "keys-of-files": keys_of_files,
    "deny-reasons": deny_reasons,
    "errors": the_errors,
    "exit-codes": exit_codes,
    "commands": commands,
    "endpoints": endpoints,
    "own-tools": own_tools,
    "limits": limits,
    "attacks": the_attacks,
    "decisions-needed": decisions_needed,
    "what-counts-show": what_counts_show,
    "runs-needed": runs_needed,
    "breakers": breakers,
}


def filled(text: str) -> str:
    """*text* with every block as the program would write it today."""
    return _BLOCK.sub(lambda m: f"{m[1]}\n{BLOCKS[m[2]]()}\n{m[3]}", text)


def blocks_of(text: str) -> list[str]:
    """The names of the blocks in *text*."""
    return [m[2] for m in _BLOCK.finditer(text)]


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(filled(page.read_text("utf-8")), "utf-8")
