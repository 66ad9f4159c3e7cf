"""`handrail bench evidence`: the product's own rules give the figures that are said of them."""

import pytest

from handrail.bench import evidence
from handrail.bench.figures import Figure, luck, say_all


@pytest.fixture(scope="module")
def found():
    """A small run; whoever wants less luck runs the bench."""
    said = []
    return {**evidence.run(said.append, runs=60, actions=20_000), "said": said}


def test_tables_and_chains_are_exact_and_the_rest_is_within_luck(found):
    assert found["differ"] == []
    exact = {f["name"]: f["found"] for f in found["figures"] if not f["within"]}
    assert [exact[f"decisions needed, {k} of them not clean"] for k in (0, 1, 2, 20)] == [
        43, 66, 85, 351,
    ]  # fmt: skip
    assert [n for name, n in exact.items() if "false trip" in name] == [
        17_843, 28_754, 73_016, 6_789,
    ]  # fmt: skip


def test_each_figure_stands_beside_the_one_expected(found):
    lines = "\n".join(found["said"])

    assert "default rule, all its criteria" in lines
    assert "exactly 28,754" in lines
    assert "different: none" in lines


def test_a_figure_that_differs_is_said_to():
    said = []
    figures = [
        Figure("off", 0.5, 0.9, luck(0.9, 1000)),
        Figure("sooner", 3, 9, 0.5, at_most=True),
        Figure("later", 12, 9, 0.5, at_most=True),
    ]

    say_all(said.append, "head", figures)

    assert ["DIFFERS" in line for line in said] == [False, True, False, True]
