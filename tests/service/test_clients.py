"""The client map in use: imported, matched, told; what is unknown waits (I16, I17, I23)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.core.action import State
from handrail.core.model import Tier
from handrail.errors import BadInput, HandrailError, NotAllowed, NotFound
from handrail.service.resolve import reach_of
from support.house import House, policy_files, row

CSV = (
    "Company,Code,Regimes,Risk,Account Manager,Time Zone\n"
    "Acme,acme,soc2,high,anna@x.example,\n"
    "New Clinic,new-clinic,hipaa,,,Nowhere/Atall\n"
    "Plain,plain,,,,\n"
)


def codes(acted):
    return {r.code for r in acted.classification.reasons}


def test_an_import_shows_first_and_then_does(house: House):
    who = house.who("per_dan")
    seen = house.s.clients.load(who, "psa.csv", CSV, apply=False)

    assert (seen["added"], seen["changed"]) == (["new-clinic", "plain"], ["acme"])
    assert {q["about"] for q in seen["questions"]} == {"New Clinic", "regimes"}
    assert {c["id"] for c in house.s.read.clients()} == {"acme", "harbor"}
    assert house.s.clients.load(who, "psa.csv", CSV, apply=True)["applied"]
    found = {c["id"]: c for c in house.s.read.clients()}
    assert found["acme"]["risk"] == "high"
    assert found["acme"]["regimes"] == ["soc2"]
    assert found["acme"]["account_engineer"] == "per_anna"
    assert found["new-clinic"]["regimes"] == ["hipaa"]
    again = house.s.clients.load(who, "psa.csv", CSV, apply=True)
    assert (again["added"], again["changed"], again["unchanged"]) == ([], [], 3)
    with pytest.raises(NotAllowed):
        house.s.clients.load(house.who("per_ben"), "psa.csv", CSV, apply=True)


PLACES = ("sites.json", '[{"id": "T-9", "name": "Acme Ltd"}, {"id": "T-8", "name": "Acmee"}]')


def test_I16_a_place_that_nobody_matched_waits_and_one_that_is_told_runs(house: House):
    who = house.who("per_dan")
    unknown = house.act("restart_service", client="T-9")
    assert unknown.state is State.WAITING
    assert "floor:unknown:client" in codes(unknown)

    seen = house.s.clients.match(who, "up", file=PLACES, apply=True)

    assert seen["matched"] == [
        {"place": "Acme Ltd", "ids": ["T-9"], "client": "acme", "how": "alike"}
    ]
    assert [(q["about"], q["candidates"]) for q in seen["questions"]] == [("Acmee", ("acme",))]
    assert house.act("restart_service", client="T-9").tier is Tier.AUTONOMOUS
    assert house.act("restart_service", client="t-9").tier is Tier.AUTONOMOUS
    assert house.act("restart_service", client="T-8").state is State.WAITING
    house.s.clients.tell(who, "up", {"T-8": "harbor"})
    assert house.s.clients.tell(who, "up", {"T-8": "harbor"})["client_map"]["T-8"] == "harbor"
    assert house.act("restart_service", client="T-8").tier is Tier.AUTONOMOUS
    again = house.s.clients.match(who, "up", file=PLACES, apply=False)
    assert again["questions"] == []


def test_what_a_person_said_is_not_overruled(house: House):
    who = house.who("per_dan")
    house.s.clients.tell(who, "up", {"T-9": "harbor"})

    seen = house.s.clients.match(who, "up", file=PLACES, apply=True)

    assert seen["matched"] == []
    assert any(q["candidates"] == ("acme", "harbor") for q in seen["questions"])


def test_places_can_be_read_through_a_signed_row(house: House):
    who = house.who("per_dan")
    house.upstream.answers["get_user"] = {"tenants": [{"tenantId": "T-5", "name": "Harbor"}]}

    seen = house.s.clients.match(
        who, "up", read="up.get_user", arguments={"all": True}, apply=True,
        companies=("c.csv", "name,code,id\nHarbor Dental,harbor,T-5\n"),
    )  # fmt: skip

    assert seen["matched"][0]["client"] == "harbor"
    assert any(e["type"] == "handrail:read:made" for e in house.entries())


def test_what_can_t_be_matched_is_said(house: House):
    who = house.who("per_dan")
    wrong = [
        (BadInput, {}),
        (BadInput, {"file": PLACES, "read": "up.get_user"}),
        (HandrailError, {"read": "up.restart_service"}),
        (BadInput, {"file": ("p.json", str([{"id": n} for n in range(5001)]).replace("'", '"'))}),
    ]
    for error, more in wrong:
        with pytest.raises(error):
            house.s.clients.match(who, "up", apply=True, **more)
    with pytest.raises(NotFound):
        house.s.clients.match(who, "none", file=PLACES, apply=False)
    with pytest.raises(NotFound):
        house.s.clients.tell(who, "none", {"a": "acme"})
    with pytest.raises(NotFound):
        house.s.clients.tell(who, "up", {"a": "nobody"})
    with pytest.raises(NotAllowed):
        house.s.clients.tell(house.who("per_ben"), "up", {"a": "acme"})
    with pytest.raises(NotAllowed):
        house.s.clients.match(house.who("per_ben"), "up", read="up.get_user", apply=False)


def test_two_ids_that_differ_only_in_case_and_mean_two_clients_mean_none():
    reach = reach_of(None, '{"A": "acme", "a": "harbor", "B": "acme", "b": "acme"}')

    assert dict(reach.client_map) == {"b": "acme"}


def bound(house: House, *clients: str) -> None:
    import orjson

    house.change("agent", ("agt_one",), clients=orjson.dumps(list(clients)).decode())


def no_client_row(house: House) -> None:
    files = policy_files()
    plain = row("up.restart_service", 1)
    files["matrix/all.yaml"] = files["matrix/all.yaml"].replace(
        plain, plain.replace('    client: "args.client"\n', "")
    )
    house.s.policies.publish(house.who("per_dan"), files, second=house.who("per_anna"))


def test_an_agent_bound_to_one_client_says_which_where_the_tools_name_none(house: House):
    no_client_row(house)
    assert house.act("restart_service").state is State.WAITING
    bound(house, "acme", "harbor")
    assert house.act("restart_service").state is State.WAITING
    bound(house, "acme")
    acted = house.act("restart_service")
    assert acted.tier is Tier.AUTONOMOUS
    with house.store.read() as reader:
        assert reader.row("action", acted.id)["client"] == "acme"


def test_I23_an_agent_bound_to_one_client_reaches_no_other(house: House):
    bound(house, "acme")

    with pytest.raises(NotAllowed):
        house.act("restart_service", client="harbor")


RULES = """
rules:
  - {name: acme-likes-to-know, when: 'client.id == "acme"', tier: 3, because: acme asked for it}
  - {name: high, when: 'client.risk == "high"', tier: 3, because: high risk clients}
  - {name: health, when: '"hipaa" in client.regimes', tier: 3, because: health clients}
"""


def test_I17_the_matrix_of_a_client_goes_up_by_policy(house: House):
    house.s.policies.publish(house.who("per_dan"), policy_files(**{"rules/c.yaml": RULES}))

    assert house.act("restart_service", client="acme").state is State.WAITING
    assert house.act("restart_service", client="harbor").tier is Tier.AUTONOMOUS
    house.s.directory.set_client(house.who("per_dan"), "harbor", "Harbor", risk="high")
    assert house.act("restart_service", client="harbor").state is State.WAITING
    house.s.directory.set_client(
        house.who("per_dan"), "harbor", "Harbor", risk="high", regimes=["HIPAA"]
    )
    assert "rule:health" in codes(house.act("restart_service", client="harbor"))


def standing(house: House, client: str, tier: int) -> None:
    from handrail.store.contract import Put, Rows

    put = Put(
        "standing",
        {
            "type": "up.restart_service",
            "client": client,
            "tier": tier,
            "by": "per_dan",
            "reason": "test",
            "at": 0,
        },
    )
    house.store.commit(lambda view: Rows((put,), (), control=True))


def test_I17_the_matrix_of_a_client_goes_down_only_by_its_own_standing(house: House):
    standing(house, "", 3)
    assert house.act("restart_service", client="acme").state is State.WAITING
    standing(house, "acme", 1)
    assert house.act("restart_service", client="acme").tier is Tier.AUTONOMOUS
    assert house.act("restart_service", client="harbor").state is State.WAITING


def test_a_standing_never_goes_below_the_row(house: House):
    standing(house, "acme", 1)

    assert house.act("remove_licence", client="acme").tier is Tier.NOTIFY


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["low", "normal", "high"]),
    st.sets(st.sampled_from(["soc2", "hipaa", "gdpr"])),
    st.sampled_from(["soc2", "hipaa", "gdpr"]),
)
def test_I17_a_regime_or_a_higher_risk_never_lowers(risk, regimes, more):
    from handrail.core.classify import classify
    from handrail.core.model import Snapshot
    from handrail.core.policy import load
    from handrail.core.starter_policy import starter
    from support import policies as make

    policy = load(starter())

    def tiers(risk, regimes):
        known = make.facts(
            client__risk=risk,
            client__regimes=sorted(regimes),
            user__class="standard",
            device__role="workstation",
            time__business_hours=True,
        )
        return [
            classify(make.action(type), {}, known, policy, Snapshot()).tier
            for type in sorted(policy.rows)
        ]

    before = tiers(risk, regimes)
    assert all(a <= b for a, b in zip(before, tiers(risk, {*regimes, more}), strict=True))
    assert all(a <= b for a, b in zip(before, tiers("high", regimes), strict=True))
