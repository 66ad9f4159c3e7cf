"""The six clients of Northgate Managed IT, as data (invented).

``CLIENTS`` is what Handrail's directory is told; ``SITES`` is what only the practice world needs.
The ids are those that the practice tools use, so the client map is the identity.
"""

from typing import Any, Final, NamedTuple

ORGANISATION: Final = "Northgate Managed IT"

CLIENTS: Final[tuple[dict[str, Any], ...]] = (
    {
        "id": "harbor-dental",
        "name": "Harbor Dental Group",
        "risk": "high",
        "timezone": "America/New_York",
        "regimes": ["hipaa"],
        "retention_days": 2190,
        "account_engineer": "lena.fischer@northgate.example",
    },
    {
        "id": "lindqvist-mobel",
        "name": "Lindqvist Möbel AB",
        "risk": "normal",
        "timezone": "Europe/Stockholm",
        "regimes": ["gdpr"],
        "retention_days": 400,
        "account_engineer": "jonas.berg@northgate.example",
    },
    {
        "id": "whitcombe-legal",
        "name": "Whitcombe Legal LLP",
        "risk": "high",
        "timezone": "Europe/London",
        "regimes": ["gdpr", "soc2"],
        "retention_days": 2555,
        "account_engineer": "jonas.berg@northgate.example",
    },
    {
        "id": "alder-finch",
        "name": "Alder & Finch Accountants",
        "risk": "normal",
        "timezone": "America/Chicago",
        "regimes": ["soc2"],
        "retention_days": 2555,
        "account_engineer": "tomas.rivera@northgate.example",
    },
    {
        "id": "tallgrass-foods",
        "name": "Tallgrass Foods Co-op",
        "risk": "low",
        "timezone": "America/Denver",
        "regimes": [],
        "retention_days": 400,
        "account_engineer": "tomas.rivera@northgate.example",
    },
    {
        "id": "brightwater",
        "name": "Brightwater Academy",
        "risk": "normal",
        "timezone": "America/Los_Angeles",
        "regimes": [],
        "retention_days": 400,
        "account_engineer": "lena.fischer@northgate.example",
    },
)


class Site(NamedTuple):
    """How big a client is, and what its things are called."""

    client: str
    code: str
    industry: str
    city: str
    domain: str
    people: int
    workstations: int
    servers: tuple[str, ...]
    departments: tuple[str, ...]


SITES: Final = (
    Site(
        "harbor-dental",
        "HDG",
        "dental care",
        "Portsmouth",
        "harbordental.example",
        12,
        16,
        ("FS01", "SQL01", "IMG01"),
        ("Front desk", "Hygiene", "Billing"),
    ),
    Site(
        "lindqvist-mobel",
        "LQM",
        "furniture",
        "Jönköping",
        "lindqvist.example",
        11,
        15,
        ("FS01", "ERP01", "CAD01"),
        ("Design", "Workshop", "Sales"),
    ),
    Site(
        "whitcombe-legal",
        "WL",
        "law",
        "Bath",
        "whitcombe.example",
        10,
        14,
        ("DMS01", "SQL01"),
        ("Litigation", "Property", "Accounts"),
    ),
    Site(
        "alder-finch",
        "AFA",
        "accountancy",
        "Madison",
        "alderfinch.example",
        10,
        14,
        ("FS01", "TAX01", "SQL01"),
        ("Audit", "Tax", "Payroll"),
    ),
    Site(
        "tallgrass-foods",
        "TGF",
        "food processing",
        "Salina",
        "tallgrass.example",
        9,
        12,
        ("FS01", "MES01"),
        ("Production", "Logistics", "Office"),
    ),
    Site(
        "brightwater",
        "BWA",
        "education",
        "Eugene",
        "brightwater.example",
        8,
        9,
        ("FS01",),
        ("Teaching", "Admissions"),
    ),
)
