"""Which place is which client: the same, or alike; nothing is guessed (I16, I23)."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.core.client_map import (
    Company,
    Place,
    alike,
    companies,
    matched,
    merged,
    places,
    places_of,
)
from handrail.core.model import Client, Risk
from handrail.errors import BadInput

ACME = Client(id="acme", name="Acme Manufacturing Ltd")
HARBOR = Client(id="harbor", name="Harbor Dental")
CLIENTS = (ACME, HARBOR)

CSV = """\ufeffCompany ID,Company Name,Compliance,Risk Profile,Time Zone,Domain,Status
17,Acme Manufacturing Ltd.,"SOC2; GDPR",high,Europe/Prague,acme.example,Active
18,Harbor Dental,hipaa,,,harbordental.example,Active
19,Gone Ltd,,,,,Former
20,,,,,,Active
21,ACME Manufacturing,,,,,Active
"""


def test_a_csv_export_is_read_by_the_names_of_its_columns():
    found, questions = companies("companies.csv", CSV)

    assert [(c.id, c.name) for c in found] == [
        ("acme-manufacturing", "Acme Manufacturing Ltd."),
        ("harbor-dental", "Harbor Dental"),
    ]
    assert found[0].regimes == {"soc2", "gdpr"}
    assert (found[0].risk, found[0].timezone) == (Risk.HIGH, "Europe/Prague")
    assert found[0].ids == ("17", "acme.example")
    assert found[1].risk is None
    assert [q.about for q in questions] == ["line 4", "ACME Manufacturing"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "a.json",
            json.dumps(
                [{"id": 1, "name": "Acme", "regimes": None, "risk": True, "inactive": False}]
            ),
        ),
        ("a.json", json.dumps({"total": 1, "companies": [{"id": 1, "companyName": "Acme"}]})),
        ("a.yaml", "acme: {name: Acme, isActive: yes}\n"),
        ("a.yml", "- {slug: Acme, name: Acme Corp}\n"),
        ("a.csv", "Customer;Code\nAcme;acme\n"),
    ],
)
def test_other_forms_say_the_same(name, text):
    found, questions = companies(name, text)

    assert [c.id for c in found] == ["acme"]
    assert questions == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "x"),
        ("a.json", "{"),
        ("a.json", "3"),
        ("a.json", "[]"),
        ("a.json", '{"a": 1}'),
        ("a.yaml", "a: [b"),
        ("a.csv", ""),
        ("a.json", json.dumps([{"name": "x"}] * 20_001)),
    ],
)
def test_what_is_no_list_of_clients_is_refused(name, text):
    with pytest.raises(BadInput):
        companies(name, text)


def test_a_name_that_makes_no_id_is_asked_about():
    assert companies("a.json", '[{"name": "株式会社"}, {"name": "Old", "inactive": "yes"}]') == (
        [],
        [companies("a.json", '[{"name": "株式会社"}]')[1][0]],
    )


def match_one(*ids, name=""):
    found, questions = matched([Place(tuple(ids), name)], CLIENTS, [
        Company(id="acme", name="Acme", ids=("7d2c", "acme.example")),
        Company(id="nobody", name="Nobody", ids=("zz",)),
    ])  # fmt: skip
    return (found[0].client, found[0].how) if found else questions[0]


@pytest.mark.parametrize(
    ("ids", "name", "client", "how"),
    [
        (("acme",), "", "acme", "exact"),
        (("7D2C",), "", "acme", "exact"),
        (("9",), "harbor dental", "harbor", "exact"),
        (("9",), "ＨＡＲＢＯＲ Dental", "harbor", "exact"),
        (("acmemanufacturing.example",), "ACME Manufacturing, L.t.d.", "acme", "alike"),
        (("9",), "The Harbor Dental Group", "harbor", "alike"),
        (("acme.onmicrosoft.com",), "", "acme", "alike"),
        (("https://www.acme.co.uk/",), "", "acme", "alike"),
    ],
)
def test_the_same_or_alike_is_a_client(ids, name, client, how):
    assert match_one(*ids, name=name) == (client, how)


@pytest.mark.parametrize(
    ("ids", "name"),
    [
        (("9",), "Acme Manufacturing East"),
        (("9",), "Harbour Dental"),
        (("9",), "Default"),
        (("zz",), ""),
        (("acme",), "Harbor Dental"),
        (("x",), "AB"),
    ],
)
def test_I16_nothing_is_guessed(ids, name):
    question = match_one(*ids, name=name)

    assert question.why
    assert question.ids == ids


def test_a_question_names_who_comes_near():
    assert match_one("9", name="Harbour Dental").candidates == ("harbor",)


def test_I23_two_places_that_are_only_alike_are_both_asked_about():
    found, questions = matched(
        [Place(("1",), "Harbor Dental Inc"), Place(("2",), "Harbor Dental GmbH")], CLIENTS
    )

    assert found == []
    assert {q.about for q in questions} == {"Harbor Dental Inc", "Harbor Dental GmbH"}
    exact, _ = matched([Place(("1",), "harbor"), Place(("2",), "Harbor Dental")], CLIENTS)
    assert len(exact) == 2


def test_a_name_that_fits_two_clients_is_asked_about():
    twins = (Client(id="a", name="Nova Ltd"), Client(id="b", name="Nova GmbH"))

    found, (question,) = matched([Place(("1",), "Nova")], twins)

    assert found == []
    assert question.candidates == ("a", "b")


def test_places_are_found_in_what_a_read_answers():
    value = {"count": 2, "result": {"tenants": [
        {"customerId": "1b6", "defaultDomainName": "acme.example", "displayName": "Acme"},
        {"displayName": "Harbor"}, {"x": 1}, 3,
    ]}}  # fmt: skip

    assert places_of(value) == [
        Place(("1b6", "acme.example"), "Acme"),
        Place(("Harbor",), "Harbor"),
    ]
    assert places_of("text") == []
    assert places("p.csv", "Site ID,Site Name\n4,East\n") == [Place(("4",), "East")]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Acme Ltd.", "ACME limited"),
        ("Acme, Inc", "acme.com"),
        ("O'Neill & Sons", "ONeill and Sons"),
        ("The Company", "the company"),
    ],
)
def test_alike_is_without_forms_and_marks(one, other):
    assert alike(one) == alike(other)


def test_I27_an_export_only_raises():
    known = {"acme": Client(id="acme", name="Acme", risk=Risk.HIGH, regimes=frozenset({"soc2"}))}

    changes, questions = merged(
        [Company(id="acme", name="Acme", risk=Risk.LOW, regimes=frozenset({"gdpr"}))], known
    )

    assert changes[0].risk is Risk.HIGH
    assert changes[0].regimes == {"soc2", "gdpr"}
    assert len(questions) == 2
    assert merged([Company(id="x", name="acme")], known) == ([], [])


def test_a_client_that_may_be_there_already_is_asked_about():
    changes, (question,) = merged([Company(id="acme-2", name="Acme GmbH")], {"acme": ACME} | {
        "a": Client(id="a", name="Acme Ltd")})  # fmt: skip

    assert changes == []
    assert question.candidates == ("a",)


texts = st.text(max_size=12) | st.sampled_from(["Acme", "ACME Ltd", "acme.com", "Harbor", "1"])


@given(st.lists(st.tuples(texts, texts), max_size=8), texts, st.lists(texts, max_size=6))
def test_I23_whatever_is_matched_is_one_of_the_clients(found, extra, names):
    clients = [Client(id=f"c{n}", name=name) for n, name in enumerate([*names, extra])]
    listed = [Place((i,), n) for i, n in found if i]

    matches, questions = matched(listed, clients)

    assert len(matches) + len(questions) == len(listed)
    for match in matches:
        others = {c.id for c in clients if c.id != match.client}
        named = {alike(t) for t in (*match.place.ids, match.place.name)}
        named = {t for t in named if len(t) > 2}  # fewer letters name nobody
        near = {c.id for c in clients if alike(c.id) in named or alike(c.name) in named}
        assert match.how == "exact" or not near & others


@given(st.text(max_size=200), st.sampled_from(["csv", "json", "yaml"]))
def test_no_file_crashes_it(text, ending):
    with suppress(BadInput):
        companies(f"x.{ending}", text)
