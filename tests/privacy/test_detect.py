"""The detector finds planted values in any form and leaves a desk's everyday words alone (I15)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.privacy import detect
from handrail.privacy.detect import BULK, Detectors, Sign, health_terms, text_of

LOOK = Detectors()


def classes(value):
    return {sign.data_class for sign in LOOK.look(value)}


PLANTED = [
    ("secret", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk"),
    ("secret", "AKIAIOSFODNN7EXAMPLE"),
    ("secret", "ASIAIOSFODNN7EXAMPLE"),
    ("secret", "ghp_" + "a1B2" * 9),
    ("secret", "github_pat_" + "a1B2" * 9),
    ("secret", "glpat-" + "a1B2" * 6),
    ("secret", "xoxb-" + "1234567890-abcdef"),
    ("secret", "sk_live_" + "a1B2" * 6),
    ("secret", "AIza" + "a" * 35),
    ("secret", "sk-ant-" + "a1B2" * 8),
    ("secret", "SG." + "a" * 22 + "." + "b" * 43),
    ("secret", "npm_" + "a1B2" * 9),
    ("secret", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc"),
    ("secret", "AccountKey=" + "a" * 60 + "=="),
    ("secret", "otpauth://totp/x?secret=y"),
    ("secret", "postgres://app:hunter22@db.example/x"),
    ("secret", "Authorization: Bearer " + "a1B2" * 8),
    ("secret", "hr_" + "a1B2" * 8),
    ("secret", "123456-123456-123456-123456-123456-123456-123456-123456"),
    ("secret", "the password is Tiger-4821"),
    ("secret", "Temp_Password = Xk29!aa"),
    ("secret", "api-key: 9f8e7d6c5b"),
    ("personal", "card 4111 1111 1111 1111"),
    ("personal", "378282246310005"),
    ("personal", "her ssn is 078-05-1120"),
    ("personal", "536-90-4399"),
    ("personal", "710319/2745"),
    ("personal", "pay to GB82 WEST 1234 5698 7654 32"),
    ("personal", "DE89370400440532013000"),
    ("personal", "Passport number: X1234567"),
    ("personal", "National Insurance no: QQ 12 34 56 C".replace(" 12 34 56 ", "123456")),
    ("personal", "date of birth: 1984-03-02"),
    ("personal", "DOB 02/03/1984".replace("DOB ", "dob: ")),
    ("personal", "salary: 52,000".replace(",", "")),
    ("health", "patient_id: P-10012"),
    ("health", "MRN: 00123456"),
    ("health", "NHS number: 943 476 5919"),
    ("health", "diagnosis: E11.9"),
    ("health", "She has diabetes and takes metformin"),
    ("health", "the patient was prescribed sertraline"),
]


@pytest.mark.parametrize(("data_class", "text"), PLANTED)
@pytest.mark.parametrize(
    "form",
    [
        lambda t: t,
        lambda t: {"note": f"Called the user. {t} Closing."},
        lambda t: {"rows": [{"id": 1}, {"deep": [{"er": t}]}]},
        lambda t: {"content": [{"type": "text", "text": json.dumps({"x": t})}]},
        lambda t: {t: 1},
        lambda t: json.dumps({"x": t}).encode(),
        lambda t: "\u200b".join(t.split(" ")) if " " not in t else t.replace(" ", " \u200b"),
    ],
    ids=["plain", "in a sentence", "deep", "in text of JSON", "as a name", "bytes", "invisible"],
)
def test_I15_a_planted_value_is_found_in_any_form(data_class, text, form):
    assert data_class in classes(form(text))


@pytest.mark.parametrize(
    ("data_class", "value"),
    [
        ("personal", {"ssn": "078051120"}),
        ("personal", {"date_of_birth": "1984-03-02"}),
        ("personal", {"salary": 52000}),
        ("health", {"patient_name": "Jane"}),
        ("secret", {"client_secret": "a8f5f167f44f"}),
        ("secret", {"apiKey": "a8f5f167f44f"}),
        ("secret", {"newPassword": "Tiger-4821"}),
        ("personal", {"card": "４１１１ １１１１ １１１１ １１１１"}),
        ("personal", {"n": 4111111111111111}),
        ("secret", {"n": 2**70, "password": "Tiger-4821"}),
        ("personal", [f"u{n}@x.example" for n in range(BULK)]),
    ],
)
def test_a_label_or_a_form_is_enough(data_class, value):
    assert data_class in classes(value)


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"text": "User asked to reset the password, called back, works again."},
        {"password_last_set": "2026-10-01", "password_expires": True, "must_change_password": True},
        {"password": None, "secret": "***", "api_key": "<redacted>", "token": "unknown"},
        {"text": "Password: expired. Secret santa is on Friday"},
        {"text": "Diagnosis: the spooler hangs; chronic disk failures"},
        {"text": "The patient portal of the clinic is slow for everyone"},
        {"text": "Dr Parkinson can't print"},
        {"mail": "jane@acme.example", "phone": "+1 212 555 0100", "device": "WS-0142"},
        {"id": "act_01JBQ5Z6V3N8M4K2H7G9F1D0C5", "at": 1793548800000000, "serial": "5CG1234XYZ"},
        {"guid": "1b671a64-40d5-491e-99b0-da01ff1f3341", "mac": "00:1a:2b:3c:4d:5e"},
        {"url": "https://rmm.example:8443/devices/12?page=2", "path": "C:\\Users\\jane"},
        {"version": "10.0.22631.4317", "kb": "KB5044285", "sha": "a" * 64},
        {
            "number": "4111 1111 1111 1112",
            "ssn_like": "000-12-3456",
            "iban": "GB00WEST12345698765432",
        },
        {"birth": "710319/2746"},
        {"nextToken": "c2Vjb25kIHBhZ2U", "sort_key": "name", "keyboard": "de"},
        [f"u{n}@x.example" for n in range(BULK - 1)],
        ["one@x.example"] * BULK * 2,
    ],
)
def test_I32_everyday_words_of_a_desk_are_left_alone(value):
    assert LOOK.look(value) == ()


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False)
        | st.text(max_size=30),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
        ),
        max_leaves=20,
    ),
    st.sampled_from(PLANTED),
)
def test_I17_adding_anything_never_hides_what_is_there(beside, planted):
    data_class, text = planted

    assert data_class in classes([beside, text, beside])
    assert classes(beside) <= classes([beside, text])


def test_no_value_is_told():
    (sign,) = LOOK.look({"password": "Tiger-4821"})

    assert "Tiger" not in repr(sign)


def test_what_is_too_much_to_look_at_counts_as_personal(monkeypatch):
    monkeypatch.setattr(detect, "MAX_TEXT", 100)

    assert classes({"x": "a" * 200}) == {"personal"}


class Found:
    def find(self, text):
        return [Sign("personal", "a membership number")] if "M-77" in text else []


class Broken:
    def find(self, text):
        raise ValueError(text)


def test_a_further_detector_adds_and_one_that_fails_takes_a_person():
    mine = Detectors([Found()])

    assert classes({"x": "M-77"}) == set()
    assert [s.what for s in mine.look({"x": "M-77"})] == ["a membership number"]
    assert mine.look({"x": "plain"}) == ()
    assert {s.data_class for s in Detectors([Broken()]).look({"x": 1})} == {"personal"}
    assert detect.installed() == ()


def test_the_list_of_words_is_plain():
    assert all(w.isalpha() and w.islower() for w in health_terms())
    assert text_of({"a": "b\n\u0001"}) == '{"a":"b  "}'
