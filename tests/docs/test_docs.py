"""Documentation is tested: what it names exists, and what exists is named (datasette)."""

import re
import textwrap
import tomllib
from functools import cache
from pathlib import Path

import pytest
import typer
import yaml
from packaging.requirements import Requirement

from handrail import api, cli, config
from handrail.core.action import State
from handrail.core.policy import load
from handrail.main import PROGRAMS
from support import reference

ROOT = Path(__file__).parents[2]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")])
#: Variables of the environment that are no settings of the process.
OTHER_VARIABLES = {"HANDRAIL_URL", "HANDRAIL_KEY"}
#: Variables of the tests alone, named where contributors look.
TEST_VARIABLES = {"HANDRAIL_CRASH_ROUNDS", "HANDRAIL_CRASH_RANDOM"}


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@cache
def root_command():
    return typer.main.get_command(cli.build(PROGRAMS))


@cache
def operations() -> set[tuple[str, str]]:
    paths = api.build(None, None, None, None).openapi()["paths"]
    return {(m.upper(), path) for path, methods in paths.items() for m in methods}


@cache
def promises_shown() -> set[str]:
    """The ids of INVARIANTS that stand in tests."""
    found = set()
    for test in (ROOT / "tests").rglob("test_*.py"):
        found |= set(re.findall(r"(?<![A-Za-z0-9])I[1-9][0-9]?(?![0-9])", test.read_text("utf-8")))
    return found


@pytest.mark.parametrize("page", reference.PAGES, ids=name_of)
def test_what_the_program_knows_is_as_the_program_says_it_today(page):
    """`make docs` was run after the last change."""
    text = page.read_text("utf-8")

    assert reference.filled(text) == text, "run: make docs"


def test_every_block_stands_in_some_page():
    placed = [b for page in reference.PAGES for b in reference.blocks_of(page.read_text("utf-8"))]

    assert set(placed) == set(reference.BLOCKS)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    text = page.read_text("utf-8")

    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), target


def test_every_page_can_be_reached_from_the_index():
    index, decisions = ROOT / "docs" / "README.md", ROOT / "docs" / "adr" / "README.md"
    linked = {
        (page.parent / target).resolve()
        for page in (index, decisions)
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8"))
    }

    missing = [name_of(p) for p in (ROOT / "docs").rglob("*.md") if p not in {index} | linked]

    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_named_exists_with_its_options(page):
    root = root_command()
    context = typer.Context(root)
    text = page.read_text("utf-8")

    for line in re.findall(
        r"(?:^    |`|\$ )(?:\.venv/bin/)?handrail ([a-z][^`\n]*)", text, re.MULTILINE
    ):
        said = line.partition("#")[0]
        command = root.get_command(context, said.split()[0])
        if hasattr(command, "get_command") and len(said.split()) > 1:
            command = command.get_command(context, said.split()[1])
        assert command is not None, f"handrail {said}"
        known = {o for p in command.params for o in p.opts}
        for option in re.findall(r"(?<=\s)--[a-z-]+", said):
            assert option in known, f"handrail {said}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_endpoint_named_exists(page):
    paths = {re.sub(r"\{[a-z]+\}", "{}", path) for _, path in operations()}
    text = page.read_text("utf-8")

    for path in re.findall(r"(?<![\w.])(/v1/[A-Za-z0-9_{}/.-]*)", text):
        found = re.sub(r"\{[a-z]+\}", "{}", path.rstrip("/."))
        assert found in paths | {"/v1", "/v1/openapi.json"}, path


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_variable_named_exists(page):
    known = {f"HANDRAIL_{name.upper()}" for name in config.Settings.__dataclass_fields__}

    named = set(re.findall(r"HANDRAIL_[A-Z]+(?:_[A-Z]+)*", page.read_text("utf-8")))

    assert named <= known | OTHER_VARIABLES | TEST_VARIABLES


def test_every_variable_that_is_read_is_documented():
    read = set()
    for source in (ROOT / "src").rglob("*.py"):
        read |= set(re.findall(r"\"(HANDRAIL_[A-Z_]+)\"", source.read_text("utf-8")))
    text = (ROOT / "docs" / "reference" / "settings.md").read_text("utf-8")

    assert {v for v in read if v not in text} == set()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_promises_named_are_shown_by_tests(page):
    """An id like (I6) in a sentence has a test that carries it."""
    named = set(re.findall(r"(?<![A-Za-z0-9])I[1-9][0-9]?(?![0-9A-Za-z])", page.read_text("utf-8")))

    assert named <= promises_shown()


def test_the_glossary_knows_every_state_or_the_page_of_states_does():
    text = (ROOT / "docs" / "reference" / "states.md").read_text("utf-8")

    for state in State:
        assert f"`{state.value}`" in text


def test_the_row_shown_is_a_row():
    """The example of the policy page compiles, with its signatures."""
    text = (ROOT / "docs" / "reference" / "policy.md").read_text("utf-8")
    shown = re.search(r"\n((?:    .*\n)+)", text[text.index("## A row") :])
    assert shown is not None
    rows = "rows:\n" + textwrap.indent(textwrap.dedent(shown[1]), "  ")
    reads = "".join(
        f"  - {{type: practice.{name}, tier: 3, says: X, said: X, category: {category},"
        f" effect: {effect}, target_kind: user, targets: '[args.user_id]',"
        f" data_classes: [identifier], rationale: x, owner: x, scorecard: {{}}}}\n"
        for name, category, effect in (
            ("get_user", "identity", "read"), ("enable_account", "access", "change"),
        )
    )  # fmt: skip
    assert yaml.safe_load(rows)
    main = "version: 1\norganisation: {name: X}\nroles: {a: {says: x}}\nchains: {c: [a]}\n"

    policy = load(
        {"handrail.yaml": main + "routing: [{chain: c}]\n", "matrix/x.yaml": rows + reads}
    )

    assert "practice.reset_password" in policy.rows


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_page_names_a_machine_or_a_registry(page):
    text = page.read_text("utf-8")

    for word in ("/root/", "/home/", "/Users/", "pypi.org", "registry.npmjs", "localhost:"):
        assert word not in text


def test_lock_files_name_no_index():
    for lock in ROOT.glob("requirements*.lock"):
        text = lock.read_text("utf-8")
        assert not re.search(r"https?://|index-url|find-links|file:", text)
        pins = re.findall(r"^[a-z0-9][^\s=]*==", text, re.MULTILINE)
        assert text.count("--hash=sha256:") >= len(pins) > 40


def test_the_first_screen_of_the_readme():
    """What it is, for whom, and the two commands, before anything else."""
    first = "\n".join((ROOT / "README.md").read_text("utf-8").splitlines()[:24])

    assert "make run" in first
    assert "make test" in first
    assert "managed service providers" in first.lower()


def test_the_locks_pin_what_the_project_asks_for():
    """`make lock` was run after the last change of a dependency."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    groups = project["dependency-groups"]
    wanted = {
        "requirements.lock": [*project["project"]["dependencies"], *groups["build"]],
        "requirements-dev.lock": [*project["project"]["dependencies"], *groups["dev"]],
    }

    for lock, requirements in wanted.items():
        text = (ROOT / lock).read_text("utf-8")
        pinned = dict(re.findall(r"^([a-z0-9-]+)==([^\s;\\]+)", text, re.MULTILINE))
        for requirement in map(Requirement, requirements):
            assert requirement.name in pinned, f"{requirement.name} is not in {lock}"
            assert pinned[requirement.name] in requirement.specifier, requirement
