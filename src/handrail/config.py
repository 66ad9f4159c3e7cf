"""Environment and file, read once, into frozen `Settings`.

These are the settings of the *process*: where it listens and keeps its data. What Handrail
decides by is policy (`core.defaults`), never an environment variable.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from handrail.errors import BadInput

DEFAULT_PORT = 8640


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How this process runs. Every field can be set by `HANDRAIL_<NAME>` in the environment."""

    data: Path  #: folder of the embedded database, keys and signer memory; mode 0700
    database: str  #: `sqlite:///PATH` or `postgresql://USER@HOST/NAME`
    policy: Path | None  #: folder published at start when it differs from the policy in force
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    origin: str = "handrail.example/log"  #: the log's name, forever part of every entry
    public_url: str = ""  #: how people reach the console; empty: from host and port
    calendar_hosts: str = ""  #: `a.example,b.example`: whose calendars may be at private addresses
    smtp: str = ""  #: mail server, `smtp+starttls://user@mail.example:587`; empty: local mail
    smtp_password_file: Path | None = None  #: file that holds the mail server's password
    mail_from: str = "Handrail <handrail@localhost>"  #: what mails come from
    webhook: str = ""  #: URL that what happens is posted to, signed
    webhook_secret_file: Path | None = None  #: file of its secrets, one `whsec_…` a line
    webhook_hosts: str = ""  #: `a.example,b.example`: hosts it may have at private addresses
    passwords: bool = True  #: `off`: nobody signs in by password; single sign-on or a passkey
    oidc_issuer: str = ""  #: single sign-on provider (OpenID Connect), its issuer; empty: none
    oidc_client_id: str = ""  #: what the provider knows this Handrail by
    oidc_client_secret_file: Path | None = None  #: file of its secret; empty: a public client
    oidc_name: str = "single sign-on"  #: the provider as people know it, on the button
    oidc_scope: str = "openid profile email"  #: what it is asked for; some need `groups` as well
    oidc_groups_claim: str = "groups"  #: the claim of its ID token that lists groups
    oidc_groups_file: Path | None = None  #: YAML file, `group: role` or `group: role@client`
    oidc_groups_hours: float = 24.0  #: hours that roles from groups count after a sign-in
    oidc_trust_email: bool = False  #: `on`: all its addresses count as verified
    slack_token_file: Path | None = None  #: file of the Slack app's bot token
    slack_secret_file: Path | None = None  #: file of its signing secret
    slack_users_file: Path | None = None  #: who is who there, a line each: `ADDRESS USER_ID`
    slack_api: str = "https://slack.com/api"  #: where Slack's methods are
    slack_hosts: str = ""  #: hosts of `slack_api` that may be at private addresses
    teams_file: Path | None = None  #: file of Teams webhooks, a line each: `ADDRESS URL`
    teams_hosts: str = ""  #: hosts of these webhooks that may be at private addresses
    incidents_file: Path | None = None  #: file of who reports harm, a line each: `SOURCE whsec_…`
    hold: float = 45.0  #: seconds a tier 3 call may be held before it answers *pending*

    @property
    def url(self) -> str:
        """Where people and agents reach this server."""
        return self.public_url or f"http://{self.host}:{self.port}"


def load(environment: Mapping[str, str] | None = None, **overrides: object) -> Settings:
    """Return the settings: built-in values, then the environment, then *overrides*.

    Raises `BadInput` naming the variable when a value cannot be used.
    """
    env = os.environ if environment is None else environment
    home = Path(env.get("XDG_DATA_HOME") or Path(env.get("HOME", "/")) / ".local" / "share")
    data = Path(str(overrides.get("data") or env.get("HANDRAIL_DATA") or home / "handrail"))
    settings = Settings(
        data=data,
        database=env.get("HANDRAIL_DATABASE") or f"sqlite:///{data / 'handrail.db'}",
        policy=Path(env["HANDRAIL_POLICY"]) if env.get("HANDRAIL_POLICY") else None,
        host=env.get("HANDRAIL_HOST", "127.0.0.1"),
        port=_port(env.get("HANDRAIL_PORT", str(DEFAULT_PORT))),
        origin=_origin(env.get("HANDRAIL_ORIGIN", "handrail.example/log")),
        public_url=env.get("HANDRAIL_PUBLIC_URL", "").rstrip("/"),
        calendar_hosts=env.get("HANDRAIL_CALENDAR_HOSTS", ""),
        smtp=env.get("HANDRAIL_SMTP", ""),
        smtp_password_file=_path(env.get("HANDRAIL_SMTP_PASSWORD_FILE")),
        mail_from=env.get("HANDRAIL_MAIL_FROM", "Handrail <handrail@localhost>"),
        webhook=env.get("HANDRAIL_WEBHOOK", ""),
        webhook_secret_file=_path(env.get("HANDRAIL_WEBHOOK_SECRET_FILE")),
        webhook_hosts=env.get("HANDRAIL_WEBHOOK_HOSTS", ""),
        passwords=_switch("HANDRAIL_PASSWORDS", env.get("HANDRAIL_PASSWORDS", "on")),
        oidc_issuer=env.get("HANDRAIL_OIDC_ISSUER", ""),
        oidc_client_id=env.get("HANDRAIL_OIDC_CLIENT_ID", ""),
        oidc_client_secret_file=_path(env.get("HANDRAIL_OIDC_CLIENT_SECRET_FILE")),
        oidc_name=env.get("HANDRAIL_OIDC_NAME", "single sign-on"),
        oidc_scope=env.get("HANDRAIL_OIDC_SCOPE", "openid profile email"),
        oidc_groups_claim=env.get("HANDRAIL_OIDC_GROUPS_CLAIM", "groups"),
        oidc_groups_file=_path(env.get("HANDRAIL_OIDC_GROUPS_FILE")),
        oidc_groups_hours=_hours(env.get("HANDRAIL_OIDC_GROUPS_HOURS", "24")),
        oidc_trust_email=_switch(
            "HANDRAIL_OIDC_TRUST_EMAIL", env.get("HANDRAIL_OIDC_TRUST_EMAIL", "off")
        ),
        slack_token_file=_path(env.get("HANDRAIL_SLACK_TOKEN_FILE")),
        slack_secret_file=_path(env.get("HANDRAIL_SLACK_SECRET_FILE")),
        slack_users_file=_path(env.get("HANDRAIL_SLACK_USERS_FILE")),
        slack_api=env.get("HANDRAIL_SLACK_API", "https://slack.com/api"),
        slack_hosts=env.get("HANDRAIL_SLACK_HOSTS", ""),
        teams_file=_path(env.get("HANDRAIL_TEAMS_FILE")),
        teams_hosts=env.get("HANDRAIL_TEAMS_HOSTS", ""),
        incidents_file=_path(env.get("HANDRAIL_INCIDENTS_FILE")),
        hold=_seconds(env.get("HANDRAIL_HOLD", "45")),
    )
    given = {k: v for k, v in overrides.items() if v is not None and k != "data"}
    return replace(settings, **given)  # type: ignore[arg-type]


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _port(text: str) -> int:
    if not text.isdigit() or not 0 <= int(text) <= 65535:
        raise BadInput(f"HANDRAIL_PORT is {text!r}", hint="Set it to a number from 0 to 65535.")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 3600:
        raise BadInput(f"HANDRAIL_HOLD is {text!r}", hint="Set it to seconds from 0 to 3600.")
    return value


def _hours(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value <= 720:
        raise BadInput(
            f"HANDRAIL_OIDC_GROUPS_HOURS is {text!r}", hint="Set it to hours, at most 720."
        )
    return value


def _switch(name: str, text: str) -> bool:
    if text not in {"on", "off"}:
        raise BadInput(f"{name} is {text!r}", hint="Set it to on or off.")
    return text == "on"


def _origin(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9.-]+(/[a-z0-9._-]+)+", text):
        raise BadInput(
            f"HANDRAIL_ORIGIN is {text!r}",
            hint="Set it to a name like handrail.example.com/log; it can never change later.",
        )
    return text
