"""The people of Northgate Managed IT, as data (invented).

Roles are those of ``policy/handrail.yaml``; ``client`` is there where the role is held for one
client only. Northgate is small: most people hold one role and back up another.
"""

from typing import Any, Final

PEOPLE: Final[tuple[dict[str, Any], ...]] = (
    {
        "name": "Dana Okafor",
        "email": "dana.okafor@northgate.example",
        "roles": [{"role": "security-lead"}, {"role": "senior-technician"}],
    },
    {
        "name": "Priya Nair",
        "email": "priya.nair@northgate.example",
        "roles": [{"role": "on-call-senior"}, {"role": "senior-technician"}],
    },
    {
        "name": "Marek Dvořák",
        "email": "marek.dvorak@northgate.example",
        "roles": [{"role": "service-desk-manager"}],
    },
    {
        "name": "Helen Sato",
        "email": "helen.sato@northgate.example",
        "roles": [{"role": "operations-leadership"}],
    },
    {
        "name": "Ruth Adeyemi",
        "email": "ruth.adeyemi@northgate.example",
        "roles": [{"role": "compliance-officer"}],
    },
    {
        "name": "Lena Fischer",
        "email": "lena.fischer@northgate.example",
        "roles": [
            {"role": "account-engineer", "client": "harbor-dental"},
            {"role": "account-engineer", "client": "brightwater"},
        ],
    },
    {
        "name": "Jonas Berg",
        "email": "jonas.berg@northgate.example",
        "roles": [
            {"role": "account-engineer", "client": "lindqvist-mobel"},
            {"role": "account-engineer", "client": "whitcombe-legal"},
        ],
    },
    {
        "name": "Tomás Rivera",
        "email": "tomas.rivera@northgate.example",
        "roles": [
            {"role": "account-engineer", "client": "alder-finch"},
            {"role": "account-engineer", "client": "tallgrass-foods"},
        ],
    },
    {
        "name": "Ingrid Solberg",
        "email": "ingrid.solberg@northgate.example",
        "roles": [{"role": "operations-leadership"}, {"role": "on-call-senior"}],
    },
)
