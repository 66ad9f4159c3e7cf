"""The settings of the ways to sign in: what they make, and what is refused at start."""

from datetime import timedelta

import pytest

from handrail import config
from handrail.errors import BadInput
from handrail.wiring import ways_of

ISSUER = {"HANDRAIL_OIDC_ISSUER": "https://id.example", "HANDRAIL_OIDC_CLIENT_ID": "handrail"}


def ways(desk, tmp_path, **environment):
    settings = config.load(environment, data=tmp_path)
    return ways_of(settings, desk.clock, desk.store, desk.identity)


def test_without_settings_there_are_passwords_alone(desk, tmp_path):
    found = ways(desk, tmp_path)
    assert (found.provider, found.passkeys) == (None, None)  # an address takes no passkeys
    assert ways(desk, tmp_path, HANDRAIL_PUBLIC_URL="https://h.example").passkeys is not None


def test_a_provider_is_made_from_what_is_set(desk, tmp_path):
    secret, roles = tmp_path / "secret", tmp_path / "groups.yaml"
    secret.write_text("s3cret\n")
    roles.write_text('"Leads": security-lead\n')
    found = ways(
        desk,
        tmp_path,
        **ISSUER,
        HANDRAIL_PUBLIC_URL="https://h.example/",
        HANDRAIL_OIDC_CLIENT_SECRET_FILE=str(secret),
        HANDRAIL_OIDC_GROUPS_FILE=str(roles),
        HANDRAIL_OIDC_GROUPS_CLAIM="roles",
        HANDRAIL_OIDC_GROUPS_HOURS="8",
        HANDRAIL_OIDC_SCOPE="openid email groups",
        HANDRAIL_OIDC_TRUST_EMAIL="on",
        HANDRAIL_OIDC_NAME="Northgate ID",
    ).provider
    assert found is not None
    assert found.name == "Northgate ID"
    known, terms = found._provider.registration, found._terms
    assert (known.secret, known.scope) == ("s3cret", "openid email groups")
    assert known.redirect == "https://h.example/login/provider"
    assert terms.groups.of(["Leads"]) == {("security-lead", "")}
    assert (terms.groups_claim, terms.age, terms.trust_email) == (
        "roles",
        timedelta(hours=8),
        True,
    )


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"HANDRAIL_PASSWORDS": "off"}, "nobody could sign in"),
        ({"HANDRAIL_PASSWORDS": "no"}, "HANDRAIL_PASSWORDS"),
        ({"HANDRAIL_OIDC_ISSUER": "https://id.example"}, "HANDRAIL_OIDC_CLIENT_ID"),
        ({**ISSUER, "HANDRAIL_OIDC_ISSUER": "http://id.example"}, "HANDRAIL_OIDC_ISSUER"),
        ({**ISSUER, "HANDRAIL_OIDC_GROUPS_HOURS": "0"}, "HANDRAIL_OIDC_GROUPS_HOURS"),
        ({**ISSUER, "HANDRAIL_OIDC_GROUPS_HOURS": "nan"}, "HANDRAIL_OIDC_GROUPS_HOURS"),
        ({**ISSUER, "HANDRAIL_OIDC_TRUST_EMAIL": "yes"}, "HANDRAIL_OIDC_TRUST_EMAIL"),
        ({**ISSUER, "HANDRAIL_OIDC_GROUPS_FILE": "/nowhere"}, "HANDRAIL_OIDC_GROUPS_FILE"),
        ({**ISSUER, "HANDRAIL_OIDC_CLIENT_SECRET_FILE": "/nowhere"}, "CLIENT_SECRET_FILE"),
    ],
)
def test_what_cannot_be_used_is_named_at_start(desk, tmp_path, environment, named):
    with pytest.raises(BadInput, match=named):
        ways(desk, tmp_path, **environment)
