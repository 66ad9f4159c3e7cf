"""Words that stand in more than one place of a policy, each list once."""

CATEGORIES = (
    "identity access security network server workstation backup data communication ticketing "
    "licensing billing documentation other"
).split()
TARGET_KINDS = "user device group ticket client mailbox licence rule other".split()
DATA_CLASSES = "identifier personal health secret".split()
#: Profiles of breakers, strictest first.
BREAKERS = ("strict", "standard", "lenient")
ROLLBACKS = ("exact", "snapshot", "time-limited", "manual", "none")
