"""A watched folder: a bad file never replaces a good policy, and nothing is lowered by a file alone
(I27, I12, I18)."""

import threading

import pytest

from handrail.config import load as settings_of
from handrail.core.policy import load
from handrail.errors import BadInput, NotAllowed, NotFound, PolicyInvalid
from handrail.service.folder import Folder
from handrail.wiring import build
from support.policy_text import MAIN, ROW, SIGNATURES

GOOD = {"handrail.yaml": MAIN, "matrix/a.yaml": SIGNATURES + ROW}
STRICTER = GOOD | {"matrix/a.yaml": SIGNATURES + ROW.replace("tier: 1", "tier: 3")}
LAXER = GOOD | {"handrail.yaml": MAIN + "settings: {max_clients: 9}\n"}
BROKEN = GOOD | {"matrix/a.yaml": "rows: [\n"}
NEVER = GOOD | {
    "rules/a.yaml": "rules: [{name: r, tier: 3, because: x, when: targets.count > 5 && targets.count < 2}]\n"
}


class Disk:
    """A folder whose files a test changes."""

    def __init__(self, files):
        self.files = files

    def __call__(self):
        if isinstance(self.files, Exception):
            raise self.files
        return dict(self.files)


@pytest.fixture
def serving(tmp_path):
    made = build(settings_of({}, data=tmp_path))
    made.start()
    yield made
    made.close()


@pytest.fixture
def watched(serving):
    disk = Disk(GOOD)
    folder = Folder(serving.services.policies, disk)
    folder.look(settled=True)
    return serving.services.policies, folder, disk


def twice(folder):
    folder.look()
    return folder.look()


def test_the_first_policy_is_taken_up(watched):
    policies, folder, _ = watched

    assert folder.seen.state == "in force"
    assert policies.current().digest == load(GOOD).digest


@pytest.mark.parametrize("bad", [BROKEN, NEVER, {}, {"handrail.yaml": "\x00"}])
def test_I18_a_bad_file_in_the_middle_leaves_the_good_policy_and_a_fix_is_taken_up(watched, bad):
    policies, folder, disk = watched

    disk.files = bad
    seen = twice(folder)
    assert seen.state == "wrong"
    assert [p for p in seen.problems if p.severity == "error"]
    assert "the policy in force goes on" in seen.text
    assert policies.current().digest == load(GOOD).digest
    assert folder.look() is seen  # judged once, shown until it is put right

    disk.files = STRICTER
    assert twice(folder).state == "in force"
    assert policies.current().digest == load(STRICTER).digest


def test_I27_a_folder_that_lowers_waits_for_two_people(watched):
    policies, folder, disk = watched

    disk.files = LAXER
    seen = twice(folder)
    assert seen.state == "waits for two people"
    assert seen.difference.laxer == ("the setting max_clients changed",)
    assert policies.current().digest == load(GOOD).digest

    disk.files = GOOD
    assert twice(folder).state == "in force"


def test_I27_no_one_publishes_what_lowers_and_a_folder_is_no_one(watched):
    policies, _, _ = watched

    with pytest.raises(NotAllowed, match="takes two people"):
        policies.publish(None, LAXER, folder=True)
    with pytest.raises(NotAllowed, match="signed-in person"):
        policies.publish(None, STRICTER)


def test_a_folder_is_taken_up_only_when_it_is_at_rest(watched):
    policies, folder, disk = watched

    disk.files = STRICTER
    assert folder.look().state == "changing"
    disk.files = STRICTER | {"rules/new.yaml": "rules: []\n"}
    assert folder.look().state == "changing"
    assert policies.current().digest == load(GOOD).digest
    assert folder.look().state == "in force"
    assert policies.current().digest == load(STRICTER).digest


@pytest.mark.parametrize("error", [NotFound("there is no folder"), OSError("gone"), BadInput("x")])
def test_a_folder_that_cannot_be_read_changes_nothing(watched, error):
    policies, folder, disk = watched

    disk.files = error
    assert twice(folder).state == "unreadable"
    assert policies.current().digest == load(GOOD).digest
    disk.files = STRICTER
    assert twice(folder).state == "in force"


def test_I12_I27_a_restart_publishes_nothing_that_lowers(tmp_path):
    first = build(settings_of({}, data=tmp_path))
    first.start()
    first.watch(Disk(GOOD))
    first.close()

    again = build(settings_of({}, data=tmp_path))
    again.start()
    try:
        assert again.watch(Disk(LAXER)).state == "waits for two people"
        assert again.services.policies.current().digest == load(GOOD).digest
    finally:
        again.close()


def test_the_record_says_that_nobody_published_it(watched, serving):
    _, folder, disk = watched
    disk.files = STRICTER
    twice(folder)

    with serving.store.read() as reader:
        newest = reader.policy()
    assert newest["by"] == "handrail"
    assert newest["n"] == 2


def test_two_people_publish_what_the_folder_holds(house):
    """The folder then is in force: it waits for nobody any more."""
    policies = house.s.policies
    disk = Disk(GOOD)
    folder = Folder(policies, disk)
    assert folder.look(settled=True).state == "waits for two people"

    policies.publish(house.who("per_dan"), GOOD, second=house.who("per_anna"))
    assert folder.look().state == "in force"


def test_errors_that_only_check_finds_keep_a_version_from_being_published(watched):
    policies, _, _ = watched

    with pytest.raises(PolicyInvalid, match="can never hold"):
        policies.publish(None, NEVER, folder=True)
    looked = policies.look(NEVER)
    assert looked.policy is not None
    assert looked.errors


def test_a_dry_look_says_who_stands_behind_it(watched):
    policies, _, _ = watched

    looked = policies.look(STRICTER)

    assert {p.code for p in looked.problems} >= {"nobody", "empty"}
    assert looked.difference.sentence == "1 action type becomes stricter."


def test_it_goes_on_looking_until_it_is_stopped(serving):
    files, seen = Disk(GOOD), threading.Event()
    looks = []

    def read():
        looks.append(1)
        if len(looks) > 3:
            seen.set()
        return files()

    folder = Folder(serving.services.policies, read, every=0.001)
    folder.start()
    assert seen.wait(30)
    folder.stop()
    assert folder.seen.state == "in force"
    assert serving.services.policies.current().digest == load(GOOD).digest


def test_a_bad_first_policy_leaves_none_in_force_and_says_so(serving):
    disk = Disk(BROKEN)
    folder = Folder(serving.services.policies, disk)

    assert folder.look(settled=True).state == "wrong"
    with pytest.raises(NotFound):
        serving.services.policies.current()
    disk.files = GOOD
    assert twice(folder).state == "in force"
