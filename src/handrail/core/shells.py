"""Shell and PowerShell texts, taken apart by a real parser: every command that would run.

* Only forms that are listed here are understood: pipes, lists, subshells, substitutions, blocks.
  A function, an alias, an assignment, a redirection into a file or a method call is not, and what
  is not understood is for people (`unwrap`).
* Commands inside commands are found: `sudo`, `xargs`, `find -exec`, `eval`, `bash -c`,
  `powershell -Command`, and the encoded form of PowerShell's.
* Which shell would read the text is often not known; then both must find it harmless.
* The parsers are loaded when the first such call comes: plain calls do not pay for them.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from handrail.core.commands import (
    NotUnderstood,
    Word,
    base,
    found_by,
    only_looks,
    shown,
    unwrapped,
    xargs,
)
from handrail.core.words import fold

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

BASH, POWERSHELL = "bash", "powershell"
_DEEPEST = 5  # commands within commands
MAX_COMMANDS = 200  # commands of one text

_SHELLS = frozenset("sh bash dash zsh ksh ash".split())
_WINDOWS = frozenset("powershell pwsh".split())
#: PowerShell reads these as quotes and dashes; its parser here does not.
_LOOKALIKE = re.compile("[\u2018-\u201f\u2010-\u2015]")
_MARKS = re.compile(r"[&|<>;\r\n]")
_INVISIBLE = re.compile(r"[^\S \t\r\n]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

_BASH_FORMS = frozenset(
    "program list pipeline command subshell compound_statement redirected_statement comment "
    "negated_command".split()
)
_PS_FORMS = frozenset(
    "program statement_list pipeline pipeline_chain command command_elements empty_statement "
    "script_block_expression script_block script_block_body array_literal_expression "
    "unary_expression logical_expression bitwise_expression comparison_expression "
    "additive_expression multiplicative_expression format_expression range_expression "
    "comparison_operator string_literal integer_literal decimal_integer_literal real_literal "
    "verbatim_string_characters expandable_string_literal variable member_access member_name "
    "simple_name parenthesized_expression command_argument_sep generic_token command_parameter "
    "command_name comment".split()
)
_PS_BARE = re.compile(r"[\w.:,/\\*?+=@-]*")
#: What `where` blocks may compare by; `-replace` and friends compute, and only that.
_ENCODED = re.compile(r"-e(n|nc|nco|ncod|ncode|ncoded|ncodedc\w*|c)?")
_COMMAND = re.compile(r"-c(o|om|omm|omma|omman|ommand)?")
_QUIET = frozenset(
    "-noprofile -nop -noninteractive -noni -nologo -sta -mta -executionpolicy -ep -ex".split()
)


def commands(text: str, shell: str | None) -> list[Sequence[Word]]:
    """Every command that *text* would run. Raises `NotUnderstood` when that can't be told.

    *shell* is `bash` or `powershell`; None when it is not known: then both must understand it.
    """
    if shell is None and (set(text) & set("%^") or (set(text) & set("'#") and _MARKS.search(text))):
        raise NotUnderstood("another shell would read it in another way")
    found: list[Sequence[Word]] = []
    for each in (shell,) if shell else (BASH, POWERSHELL):
        found += _commands(text, each, 0)
    return found


def first_change(found: Sequence[Sequence[Word]]) -> str | None:
    """The name of the first command that is not known to only look; None when all do."""
    for words in found:
        if not only_looks(words):
            return shown(words[0])
    return None


def argv(words: Sequence[str]) -> list[Sequence[Word]]:
    """The commands of a command that is given as a list of words. Raises `NotUnderstood`."""
    return list(_each(words, BASH, 0))


def _commands(text: str, shell: str, depth: int) -> list[Sequence[Word]]:
    if _INVISIBLE.search(text):
        raise NotUnderstood("it holds characters that nobody sees")
    if shell == POWERSHELL and (_LOOKALIKE.search(text) or "`" in text):
        raise NotUnderstood("it quotes in ways that can't be told apart")
    source = text.encode("utf-8", errors="replace")
    root = _parser(shell).parse(source).root_node
    if root.has_error:
        raise NotUnderstood("it is no whole command")
    split = _bash if shell == BASH else _powershell
    found: list[Sequence[Word]] = []
    for words in split(root, source):
        found += _each(words, shell, depth)
        if len(found) > MAX_COMMANDS:
            raise NotUnderstood(f"it has more than {MAX_COMMANDS} commands")
    if not found:
        raise NotUnderstood("it names no command")
    return found


@lru_cache(maxsize=2)
def _parser(shell: str) -> "Parser":
    from tree_sitter import Language, Parser  # noqa: PLC0415 - only calls that hide a command pay

    grammar = import_module(f"tree_sitter_{shell}")
    return Parser(Language(grammar.language()))


# --- commands within commands ---------------------------------------------------------------------


def _each(words: Sequence[Word], shell: str, depth: int) -> Iterator[Sequence[Word]]:
    """The commands that one command amounts to: itself, or those it runs."""
    rest = unwrapped(words)
    name = base(rest[0])
    if depth > _DEEPEST:
        raise NotUnderstood("it nests commands too deep")
    if name == "xargs":
        yield from _each(xargs(rest), shell, depth + 1)
    elif name == "find" and shell == BASH:
        yield ["pwd"]
        for inner in found_by(rest):
            yield from _each(inner, shell, depth + 1)
    elif name in {"eval", "iex", "invoke-expression"}:
        inside = BASH if name == "eval" else POWERSHELL
        yield from _commands(" ".join(_known(rest[1:])), inside, depth + 1)
    elif name in _SHELLS:
        yield from _commands(_after(rest, "-c"), BASH, depth + 1)
    elif name == "cmd":
        text = _after(rest, "/c")
        if set(text) & set("%^"):
            raise NotUnderstood("it holds what only cmd can expand")
        yield from _commands(text, BASH, depth + 1)
    elif name in _WINDOWS:
        yield from _commands(_for_powershell(rest), POWERSHELL, depth + 1)
    else:
        yield rest


def _known(words: Sequence[Word]) -> list[str]:
    found = [w for w in words if w is not None]
    if len(found) < len(words) or not found:
        raise NotUnderstood("the command inside is only told when it runs")
    return found


def _after(words: Sequence[Word], option: str) -> str:
    """The one text after *option* of a shell; whatever else a shell is given is a script."""
    rest = _known(words[1:])
    if len(rest) != 2 or fold(rest[0]) != option:
        raise NotUnderstood(f"{shown(words[0])} runs more than one text")
    return rest[1]


def _for_powershell(words: Sequence[Word]) -> str:
    rest = _known(words[1:])
    while rest:
        option = fold(rest.pop(0))
        if option in _QUIET:
            if option in {"-executionpolicy", "-ep", "-ex"} and rest:
                rest.pop(0)
        elif _COMMAND.fullmatch(option) and rest:
            return " ".join(rest)
        elif _ENCODED.fullmatch(option) and len(rest) == 1:
            return _decoded(rest[0])
        else:
            break
    raise NotUnderstood("what PowerShell is started with is not understood")


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode("utf-16-le")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise NotUnderstood("the encoded command can't be decoded") from None


# --- bash -----------------------------------------------------------------------------------------


def _bash(root: "Node", source: bytes) -> Iterator[list[Word]]:
    for command in _walk(root, source):
        yield _bash_words(command, source)


def _walk(root: "Node", source: bytes) -> Iterator["Node"]:
    """The commands of *root*, in forms that are understood."""
    here = [root]
    while here:
        node = here.pop()
        if node.type == "file_redirect":
            if not re.fullmatch(
                rb"\d?&?>>?&?\s*(/dev/null|[12])|<\s*/dev/null", _raw(node, source)
            ):
                raise NotUnderstood("it redirects into or from a file")
            continue
        if node.type in _BASH_FORMS:
            if node.type == "command":
                yield node
                here += _substitutions(node)
                continue
            here += [c for c in reversed(node.children) if c.is_named]
            continue
        raise NotUnderstood(f"it holds a {node.type.replace('_', ' ')}")


def _substitutions(command: "Node") -> list["Node"]:
    """The commands within the words of *command*, whose output becomes words."""
    found: list[Node] = []
    here = list(command.children)
    while here:
        node = here.pop()
        if node.type in {"command_substitution", "process_substitution"}:
            found += [c for c in node.children if c.is_named]
        elif "expansion" in node.type and node.type != "brace_expansion":
            raise NotUnderstood("it uses a variable, whose value only the machine knows")
        else:
            here += node.children
    return found


def _bash_words(command: "Node", source: bytes) -> list[Word]:
    words: list[Word] = []
    for node in command.children:
        if node.type == "command_name":
            words.append(_bash_word(node.children[0], source) if node.children else None)
        elif node.type in {"variable_assignment", "herestring_redirect", "heredoc_redirect"}:
            raise NotUnderstood("it sets a variable for the command")
        elif node.type == "file_redirect":
            raise NotUnderstood("it redirects into or from a file")
        else:
            words.append(_bash_word(node, source))
    if not words or words[0] is None:
        raise NotUnderstood("which command it runs is only told when it runs")
    return words


def _bash_word(node: "Node", source: bytes) -> Word:
    raw = _raw(node, source).decode("utf-8", errors="replace")
    if node.type in {"word", "number"}:
        if raw == "\\;":
            return ";"
        return None if re.search(r"[\\*?\[\]~$]|\{.*[,.].*\}", raw) else raw
    if node.type == "raw_string":
        return raw[1:-1]
    if node.type == "string":
        return None if re.search(r"[\\$`!]", raw) else raw[1:-1]
    if node.type == "concatenation":
        parts = [_bash_word(c, source) for c in node.children if c.is_named]
        return None if None in parts else "".join(p or "" for p in parts)
    return None


# --- PowerShell -----------------------------------------------------------------------------------


def _powershell(root: "Node", source: bytes) -> Iterator[list[Word]]:
    here = [root]
    while here:
        node = here.pop()
        if node.is_named and node.type not in _PS_FORMS and not _PS_HARMLESS(node, source):
            raise NotUnderstood(f"it holds a {node.type.replace('_', ' ')}")
        if node.type == "expandable_string_literal" and b"$" in _raw(node, source):
            raise NotUnderstood("it computes within a text")
        if node.type == "variable" and b":" in _raw(node, source):
            raise NotUnderstood("it uses a variable, whose value only the machine knows")
        if node.type == "command":
            yield _ps_words(node, source)
        here += reversed(node.children)


def _PS_HARMLESS(node: "Node", source: bytes) -> bool:  # noqa: N802
    """A redirection to nowhere, and the name of a command that is a plain text."""
    if node.type == "command_invokation_operator":
        return _raw(node, source) == b"&"
    if node.type in {"command_name_expr", "path_command_name", "path_command_name_token"}:
        return True
    if node.type in {"redirection", "file_redirection_operator", "redirected_file_name"}:
        top: Any = node
        while top is not None and top.type != "redirection":
            top = top.parent
        return top is not None and bool(
            re.fullmatch(rb"\d?>\s*\$null", _raw(top, source).strip().lower())
        )
    return False


def _ps_words(command: "Node", source: bytes) -> list[Word]:
    words: list[Word] = []
    for node in command.children:
        if node.type in {"command_name", "command_name_expr"}:
            words.append(_ps_word(node, source))
        elif node.type == "command_elements":
            for element in node.children:
                if element.type not in {"command_argument_sep", "redirection"}:
                    words += _ps_element(element, source)
    if not words or words[0] is None:
        raise NotUnderstood("which command it runs is only told when it runs")
    return words


def _ps_element(node: "Node", source: bytes) -> list[Word]:
    """The words of one element: a block is no word, since what it runs is found by itself."""
    raw = _raw(node, source).decode("utf-8", errors="replace").strip()
    if node.type != "command_parameter" and raw.startswith("{") and raw.endswith("}"):
        return []
    return [_ps_word(node, source)]


def _ps_word(node: "Node", source: bytes) -> Word:
    raw = _raw(node, source).decode("utf-8", errors="replace").strip()
    if len(raw) >= 2 and raw[0] == raw[-1] and raw[0] in "'\"":
        inner = raw[1:-1]
        if raw[0] in inner or (raw[0] == '"' and "$" in inner):
            return None
        return inner
    return raw if _PS_BARE.fullmatch(raw) else None


def _raw(node: "Node", source: bytes) -> bytes:
    return source[node.start_byte : node.end_byte]
