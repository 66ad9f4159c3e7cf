"""Undeclared personal, health or secret data: in arguments it raises, in a result it is withheld."""

import orjson
import pytest

from handrail.core.action import State
from handrail.core.model import Tier
from handrail.errors import BadInput, Closed, NotAllowed, NotFound
from handrail.service.outcome import Outcome, without_words
from support.house import House, policy_files, row

PLANTED = {
    "secret": ({"note": "password: Tiger-4821"}, "a password or key"),
    "personal": ({"note": "card 4111 1111 1111 1111"}, "a bank card number"),
    "health": ({"patient_id": "P-1001"}, "a patient's record"),
}


def codes(acted):
    return {r.code for r in acted.classification.reasons}


@pytest.mark.parametrize("data_class", sorted(PLANTED))
def test_I15_what_a_detector_sees_in_the_arguments_waits_for_people(house: House, data_class):
    planted, what = PLANTED[data_class]
    acted = house.act("restart_service", **planted)

    assert acted.state is State.WAITING
    assert f"floor:data:{data_class}" in codes(acted)
    assert what in acted.text


def test_I32_plain_arguments_and_results_need_nobody(house: House):
    house.upstream.answers["get_user"] = {"mail": "jane@acme.example", "phone": "+44 20 7946 0000"}

    acted = house.act("get_user", note="the user asked for a new password")

    assert acted.state is State.DONE
    assert acted.reply.result["structuredContent"]["mail"] == "jane@acme.example"


@pytest.mark.parametrize("data_class", sorted(PLANTED))
def test_I15_undeclared_data_in_a_result_is_withheld_and_raises_its_row(house: House, data_class):
    planted, what = PLANTED[data_class]
    house.upstream.answers["get_user"] = planted
    acted = house.act("get_user")

    assert acted.state is State.DONE
    shown = orjson.dumps(acted.reply.result).decode()
    assert what in shown
    assert not any(value in shown for value in planted.values())
    again = house.s.govern.status(house.agent(), acted.id)
    assert again.reply is not None
    assert orjson.dumps(again.reply.result).decode() == shown
    assert house.mail.got
    assert house.act("get_user").state is State.WAITING  # the row is raised until a person looks
    with house.store.read() as reader:
        (incident,) = reader.incidents()
    assert incident["action"] == acted.id
    assert what in incident["text"]
    kinds = [e["type"] for e in house.entries()]
    assert "handrail:incident:found" in kinds
    assert "handrail:standing:demoted" in kinds
    ((told, message),) = house.mail.got
    assert (told, message.kind, message.ref) == ("per_cleo", "finding", acted.id)
    assert what in message.lines[0]
    for value in planted.values():
        assert value not in str(message)
        assert value.encode() not in b"".join(orjson.dumps(e) for e in house.entries())


def test_a_person_looks_on_the_record_and_settles(house: House):
    house.upstream.answers["get_user"] = {"ssn": "078-05-1120", "patient_id": "P-1"}
    acted = house.act("get_user")
    finding = "inc_" + acted.id.partition("_")[2]
    officer = house.who("per_cleo")

    with pytest.raises(NotAllowed):
        house.s.findings.reveal(house.who("per_ben"), acted.id)
    with pytest.raises(NotAllowed):
        house.s.findings.settle(house.who("per_ben"), finding, "fine")
    with pytest.raises(NotFound):
        house.s.findings.reveal(officer, "act_none")
    with pytest.raises(NotFound):
        house.s.findings.settle(officer, "inc_none", "fine")
    with pytest.raises(BadInput):
        house.s.findings.settle(officer, finding, " ")
    seen = house.s.findings.reveal(officer, acted.id)
    assert seen["result"]["structuredContent"]["patient_id"] == "P-1"
    assert house.entries()[-1]["type"] == "person:result:revealed"

    house.s.findings.settle(officer, finding, "A test record; the tool was put right")

    with pytest.raises(Closed):
        house.s.findings.settle(officer, finding, "again")
    house.upstream.answers.clear()
    assert house.act("get_user").state is State.DONE


def test_settling_lifts_only_what_the_finding_raised(house: House):
    house.upstream.answers["get_user"] = {"patient_id": "P-1"}
    first = house.act("get_user")
    house.change("standing", ("up.get_user", ""), reason="people were told of something else")
    house.s.findings.settle(
        house.who("per_cleo"), "inc_" + first.id.partition("_")[2], "a test record"
    )

    assert house.act("get_user").state is State.WAITING


def test_what_a_row_declares_is_no_surprise(house: House):
    files = policy_files()
    files["matrix/all.yaml"] = files["matrix/all.yaml"].replace(
        row("up.get_user", 1, effect="read", client='"[]"', targets='"[]"'),
        row(
            "up.get_user",
            3,
            effect="read",
            client='"[]"',
            targets='"[]"',
            data_classes="[health]",
        ),
    )
    house.s.policies.publish(house.who("per_dan"), files)
    house.upstream.answers["get_user"] = {"patient_id": "P-1"}
    acted = house.act("get_user")
    house.answer("per_anna", acted.proposal)
    house.answer("per_cleo", acted.proposal)
    house.sweep(seconds=11)

    result = house.s.govern.status(house.agent(), acted.id).reply.result
    assert result["structuredContent"] == {"patient_id": "P-1"}


def test_what_a_tool_says_when_it_fails_is_looked_at_too(house: House):
    house.upstream.answers["get_user"] = {}
    house.upstream.fault = lambda order: "failed"
    acted = house.act("get_user")
    assert acted.state is State.FAILED
    assert "broken" in acted.text

    kept = without_words(Outcome(State.FAILED, "tool-failed", "password: Tiger-4821"))
    assert "Tiger" not in kept.text
    unclear = Outcome(State.UNKNOWN, "no-answer", "no answer")
    assert without_words(unclear) == unclear


def test_a_new_password_is_kept_from_the_agent_and_raises_nothing(house: House):
    files = policy_files()
    files["matrix/all.yaml"] += row("up.reset_password", 1, category="identity", target_kind="user")
    files["handrail.yaml"] += (
        "facts:\n  - {name: user.class, types: [up.reset_password], read: up.get_user,"
        " arguments: {user_id: args.n}, value: result.user_class, age: 1h}\n"
    )
    tools = [*house.upstream.tools, {**house.upstream.tools[0], "name": "reset_password"}]
    house.upstream.tools = tools
    house.s.catalogue.refresh("up")
    house.s.catalogue.accept(house.who("per_anna"), "up", "tool", "reset_password")
    house.s.policies.publish(house.who("per_dan"), files, second=house.who("per_anna"))
    house.upstream.answers["reset_password"] = {"temporary_password": "Tiger-4821"}

    for _ in range(2):
        acted = house.act("reset_password", new_password="Tiger-4821")
        assert (acted.tier, acted.state) == (Tier.AUTONOMOUS, State.DONE)
        assert "Tiger" not in orjson.dumps(acted.reply.result).decode()
    with house.store.read() as reader:
        assert list(reader.incidents()) == []
    assert house.mail.got == []


def test_a_finding_stands_when_nobody_can_be_told(house: House):
    house.mail.open = False
    house.upstream.answers["get_user"] = {"patient_id": "P-1"}

    acted = house.act("get_user")

    with house.store.read() as reader:
        assert [i["action"] for i in reader.incidents()] == [acted.id]
