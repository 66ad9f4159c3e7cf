"""`init` writes what Handrail rests on here; `doctor` says what a policy does not cover (I28)."""

import socket

import yaml

from handrail.cli.policy import init
from handrail.core.classify import classify
from handrail.core.model import Snapshot, Tier
from handrail.core.policy import load
from handrail.core.starter_policy import starter
from handrail.doctor import _own_ground
from handrail.service import ground
from support import policies as make


def test_the_names_of_this_computer_are_known_and_shared_ones_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "MSP-Automation")
    monkeypatch.setattr(ground.getpass, "getuser", lambda: "root")

    found = ground.here(tmp_path / "data", "https://desk.example:8640")

    assert set(found) == {"msp-automation", "desk.example", str(tmp_path / "data").lower()}
    monkeypatch.setattr(socket, "gethostname", lambda: "localhost")
    assert set(ground.here(tmp_path, "http://127.0.0.1:8640")) == {str(tmp_path).lower()}

    def nobody():
        raise KeyError("uid 1000")

    monkeypatch.setattr(ground.getpass, "getuser", nobody)
    assert ground.here(tmp_path, "http://127.0.0.1:1")


def test_I28_init_fills_in_own_ground_and_it_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "msp-automation")
    monkeypatch.setenv("HANDRAIL_DATA", str(tmp_path / "srv" / "[odd] data"))
    init(tmp_path / "policy")
    text = (tmp_path / "policy" / "handrail.yaml").read_text()
    patterns = [g["pattern"] for g in yaml.safe_load(text)["own_ground"]]
    policy = load({**starter(), "handrail.yaml": text})

    assert "msp-automation" in patterns
    row = make.row("rmm.restart", category="other")
    policy = make.policy(row, own_ground=policy.own_ground)
    for target in ("MSP-Automation", f"{tmp_path}/srv/[odd] data/handrail.db"):
        result = classify(
            make.action("rmm.restart", targets=[target]), {}, make.facts(), policy, Snapshot()
        )
        assert result.tier is Tier.PROHIBITED, target


def test_what_is_covered_already_is_not_written_twice():
    policy = load(starter())

    assert ground.uncovered(policy, {"svc-handrail-1": "x", "ws-1": "y"}) == {"ws-1": "y"}
    assert ground.filled("version: 1\n", {"a": "b"}) == "version: 1\n"
    assert ground.filled("own_ground:\n  - x\n", {}) == "own_ground:\n  - x\n"


def test_doctor_names_people_and_hosts_that_the_policy_does_not_cover(doors, monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "msp-automation")
    known = doors.house.middle.keeper.current()
    policy = doors.house.s.policies.current()
    found = _own_ground(doors.settings, policy, known)

    assert not found.ok
    assert "msp-automation" in found.text
    assert "anna@x.example" in found.text
    added = yaml.safe_load("own_ground:\n" + found.hint.partition("\n")[2])["own_ground"]
    assert {"pattern": "anna@x.example", "why": "Somebody who approves"} in added
