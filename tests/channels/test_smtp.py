"""Mail over SMTP, against a real mail server: encrypted, escaped, never a link that decides (I31)."""

import ipaddress
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from handrail import doctor
from handrail.channels.contract import Message
from handrail.channels.mail import compose, sender
from handrail.channels.maildir import Maildir
from handrail.channels.smtp import Smtp, server
from handrail.clock import FakeClock
from handrail.config import load
from handrail.core.model import Person
from handrail.errors import BadInput, NotSent
from handrail.wiring import mail_of

URL = "https://console.example"
FROM = "Handrail <handrail@example.com>"
DANA = Person(id="per_1", name="Dana Okafor", email="dana@example.com")
ASK = Message(
    ref="prp_2841",
    kind="ask",
    title="Approval by 09:20 UTC: Block outbound SMB at Harbor Dental",
    lines=("Client: Harbor Dental Group", "Tier 3, version 3"),
    path="/proposals/prp_2841",
)


class Server:
    """What a mail server took, and what it refuses."""

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.refuses: dict[str, str] = {}

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if "DATA" in self.refuses:
            return self.refuses["DATA"]
        self.taken.append((envelope, session.ssl is not None, session.authenticated))
        return "250 taken"

    def mails(self) -> list[EmailMessage]:
        return [message_from_bytes(e.content, policy=policy.default) for e, _, _ in self.taken]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


def login(server, session, envelope, mechanism, data):
    good = (data.login, data.password) == (b"handrail", b"secret")
    return AuthResult(success=good, handled=good)


class Here(Controller):
    """A server at whichever port is free."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def serving(
    handler: Server, certificate: Path | None = None, *, how: str = "smtp"
) -> Iterator[int]:
    more: dict[str, Any] = {}
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
        more = {"authenticator": login}
        more |= (
            {"ssl_context": context, "auth_require_tls": False}
            if how == "smtps"
            else {"tls_context": context, "require_starttls": True, "auth_required": True}
        )
    controller = Here(handler, hostname="127.0.0.1", port=0, **more)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


def smtp(
    url: str, password: str = "", *, clock: FakeClock | None = None, trusts: Path | None = None
):
    tls = ssl.create_default_context(cafile=str(trusts)) if trusts else None
    return Smtp(server(url, password), sender=FROM, url=URL, clock=clock or FakeClock(), tls=tls)


def test_a_mail_is_complete_as_text_and_as_html_and_has_one_link():
    handler = Server()
    with serving(handler) as port:
        assert smtp(f"smtp://127.0.0.1:{port}").deliver(DANA, ASK)

    (mail,) = handler.mails()
    assert handler.taken[0][0].rcpt_tos == ["dana@example.com"]
    assert mail["Subject"] == f"{ASK.title} (prp_2841)"
    assert mail["To"] == "Dana Okafor <dana@example.com>"
    assert mail["From"] == FROM
    assert mail["Auto-Submitted"] == "auto-generated"
    plain = mail.get_body(("plain",)).get_content()
    html = mail.get_body(("html",)).get_content()
    for words in (ASK.title, *ASK.lines, "Opening it decides nothing", "not a decision"):
        assert words in plain
        assert words in html
    assert plain.count("https://") == 1
    assert html.count("href") == 1
    assert f"{URL}/proposals/prp_2841" in plain
    for loads in ("<img", "<link", "<style", "<script", "src=", "url("):
        assert loads not in html


def test_mails_about_one_thing_are_one_thread_with_ids_of_their_own():
    handler = Server()
    other = replace(ASK, ref="prp_9999")
    with serving(handler) as port:
        channel = smtp(f"smtp://127.0.0.1:{port}")
        for message in (ASK, replace(ASK, kind="alarm"), other):
            channel.deliver(DANA, message)

    first, second, third = handler.mails()
    assert first["References"] == second["References"] == first["In-Reply-To"]
    assert third["References"] != first["References"]
    assert len({m["Message-ID"] for m in (first, second, third)}) == 3


@pytest.mark.parametrize("how", ["smtps", "smtp+starttls"])
def test_it_signs_in_over_an_encrypted_way(certificate: Path, how: str):
    handler = Server()
    with serving(handler, certificate, how=how) as port:
        channel = smtp(f"{how}://handrail@127.0.0.1:{port}", "secret", trusts=certificate)
        assert channel.check() == f"{how}://127.0.0.1:{port}"
        assert handler.taken == []
        assert channel.deliver(DANA, ASK)

    ((_, encrypted, signed_in),) = handler.taken
    assert signed_in
    assert encrypted or how == "smtps"


@pytest.mark.parametrize("how", ["smtps", "smtp+starttls"])
def test_a_server_with_a_certificate_nobody_vouches_for_gets_no_password(
    certificate: Path, how: str
):
    handler = Server()
    with serving(handler, certificate, how=how) as port:
        channel = smtp(f"{how}://handrail@127.0.0.1:{port}", "secret")
        with pytest.raises(NotSent, match="CERTIFICATE_VERIFY_FAILED"):
            channel.deliver(DANA, ASK)
    assert handler.taken == []


def test_a_server_that_offers_no_encryption_gets_nothing():
    handler = Server()
    with (
        serving(handler) as port,
        pytest.raises(NotSent, match="STARTTLS"),
    ):
        smtp(f"smtp+starttls://127.0.0.1:{port}").deliver(DANA, ASK)
    assert handler.taken == []


def test_a_wrong_password_is_said(certificate: Path):
    with serving(Server(), certificate, how="smtps") as port:
        channel = smtp(f"smtps://handrail@127.0.0.1:{port}", "guess", trusts=certificate)
        with pytest.raises(NotSent, match="535"):
            channel.deliver(DANA, ASK)


@pytest.mark.parametrize("where", ["dana@example.com", "DATA"])
def test_what_the_server_refuses_is_not_delivered(where: str):
    handler = Server()
    handler.refuses[where] = "550 no such box"
    with serving(handler) as port, pytest.raises(NotSent, match="550 no such box"):
        smtp(f"smtp://127.0.0.1:{port}").deliver(DANA, ASK)
    assert handler.taken == []


def test_a_server_that_is_down_is_left_alone_until_a_date_has_passed():
    handler, clock = Server(), FakeClock()
    with serving(handler) as port:
        pass
    channel = smtp(f"smtp://127.0.0.1:{port}", clock=clock)
    with pytest.raises(NotSent, match="can't be used"):
        channel.deliver(DANA, ASK)
    with pytest.raises(NotSent, match="asked again at 09:00:15"):
        channel.deliver(DANA, ASK)
    clock.advance(timedelta(seconds=15))
    with pytest.raises(NotSent) as tried:
        channel.deliver(DANA, ASK)
    assert "asked again" not in str(tried.value)


def test_somebody_without_an_address_is_not_reached():
    assert not smtp("smtp://127.0.0.1:1").deliver(replace(DANA, email=""), ASK)


@pytest.mark.parametrize(
    "email", ["dana", "dana@", "a@b\nBcc: x@y", "a@b, c@d", "<a@b>", "a b@c", "@example.com"]
)
def test_what_is_no_address_is_said_and_never_sent(email: str):
    with pytest.raises(NotSent, match="no mail address"):
        smtp("smtp://127.0.0.1:1").deliver(replace(DANA, email=email), ASK)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.found.append(tag)


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=30))
def test_no_words_become_headers_tags_or_another_line_I31(title: str, line: str, name: str):
    message = replace(ASK, title=title, lines=(line, "Bcc: x@y\r\n<img src=x onerror=y>"))
    mail = compose(
        replace(DANA, name=name), message, sender=FROM, url=URL, at=datetime(2026, 1, 5, tzinfo=UTC)
    )
    read = message_from_bytes(mail.as_bytes(policy=policy.SMTP), policy=policy.default)

    assert sorted(read.keys()) == sorted(
        [
            "From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References",
            "Auto-Submitted", "X-Auto-Response-Suppress", "MIME-Version", "Content-Type",
        ]
    )  # fmt: skip
    assert [a.addr_spec for a in read["To"].addresses] == ["dana@example.com"]
    tags = Tags()
    tags.feed(read.get_body(("html",)).get_content())
    assert "img" not in tags.found
    assert tags.found.count("a") == 1
    assert tags.found.count("li") == 2
    plain = read.get_body(("plain",)).get_content()
    assert "\nBcc" not in plain
    assert not any(c in plain for c in "\u202e\u2066\u200b")


@pytest.mark.parametrize(
    ("url", "password", "said"),
    [
        ("smtp://mail.example", "", "not encrypted"),
        ("smtp://handrail@127.0.0.1", "secret", "not encrypted"),
        ("smtps://handrail:secret@mail.example", "", "holds a password"),
        ("smtps://handrail@mail.example", "", "neither"),
        ("smtps://mail.example", "secret", "neither"),
        ("https://mail.example", "", "can't be used"),
        ("smtps://mail.example:x", "", "can't be used"),
        ("smtps://", "", "no server"),
        ("smtps://mail.example/x", "", "no server"),
    ],
)
def test_what_cannot_be_used_is_said_without_the_password(url: str, password: str, said: str):
    with pytest.raises(BadInput, match=said) as raised:
        server(url, password)
    assert "secret" not in str(raised.value)


def test_ports_are_the_usual_ones_and_a_password_is_not_printed():
    assert server("smtps://mail.example").port == 465
    assert server("smtp+starttls://mail.example").port == 587
    assert "hidden" not in repr(server("smtps://a%40b@mail.example", "hidden"))
    assert server("smtps://a%40b@mail.example", "hidden").user == "a@b"


def test_a_sender_is_an_address():
    assert sender(FROM) == FROM
    with pytest.raises(BadInput, match="HANDRAIL_MAIL_FROM"):
        sender("nobody")


def test_a_mail_server_takes_the_place_of_local_mail(tmp_path: Path):
    clock, secret = FakeClock(), tmp_path / "secret"
    plain = load({"HANDRAIL_DATA": str(tmp_path)})
    assert isinstance(mail_of(plain, clock), Maildir)

    secret.write_text("s3\n")
    named = load(
        {
            "HANDRAIL_DATA": str(tmp_path),
            "HANDRAIL_SMTP": "smtps://handrail@mail.example",
            "HANDRAIL_SMTP_PASSWORD_FILE": str(secret),
            "HANDRAIL_MAIL_FROM": FROM,
        }
    )
    assert isinstance(mail_of(named, clock), Smtp)
    with pytest.raises(BadInput, match="HANDRAIL_SMTP_PASSWORD_FILE can't be read"):
        mail_of(replace(named, smtp_password_file=tmp_path / "gone"), clock)


def test_local_mail_is_written_and_says_when_it_cannot_be(tmp_path: Path):
    channel = Maildir(tmp_path / "mail", URL, FakeClock())
    assert channel.deliver(DANA, replace(ASK, kind="notice"))
    (file,) = (tmp_path / "mail" / DANA.email / "new").iterdir()
    mail = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert "goes to the next person" not in mail.get_body(("plain",)).get_content()
    assert not channel.deliver(replace(DANA, email="../x@example.com"), ASK)

    (tmp_path / "file").write_text("")
    with pytest.raises(NotSent, match="cannot be written"):
        Maildir(tmp_path / "file", URL, FakeClock()).deliver(DANA, ASK)


def test_doctor_asks_the_mail_server_and_sends_nothing(tmp_path: Path):
    handler = Server()
    with serving(handler) as port:
        settings = load(
            {"HANDRAIL_DATA": str(tmp_path), "HANDRAIL_SMTP": f"smtp://127.0.0.1:{port}"}
        )
        found = {f.name: f for f in doctor.findings(settings)}["channels"]
    assert found.ok
    assert f"smtp://127.0.0.1:{port}" in found.text
    assert handler.taken == []

    found = {f.name: f for f in doctor.findings(settings)}["channels"]
    assert not found.ok
    assert "can't be used" in found.text
