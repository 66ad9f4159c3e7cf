"""Classification written the slow and obvious way, straight from SPEC 2, to compare with.

Works on plain descriptions (`CASE` dictionaries), not on compiled policies: rules and bounds are
Python predicates that stand beside their CEL text. Nothing here is indexed, grouped or cached.
"""

from fnmatch import fnmatchcase

#: CEL text → what it means: True, False, or None where it can't be told.
PREDICATES = {
    "true": lambda f, a: True,
    "targets.count > 1": lambda f, a: a["targets"] > 1,
    "clients.count > 1": lambda f, a: _known(f, "clients.count", lambda n: n > 1),
    'user.class != "standard"': lambda f, a: _known(f, "user.class", lambda v: v != "standard"),
    'device.role == "server"': lambda f, a: _known(f, "device.role", lambda v: v == "server"),
    '"hipaa" in client.regimes': lambda f, a: _known(f, "client.regimes", lambda v: "hipaa" in v),
    'args.service == "Danger"': lambda f, a: _argument(a, lambda v: v.casefold() == "danger"),
    'has(args.service) && args.service == "Danger"': lambda f, a: (
        "service" in a["args"] and a["args"]["service"].casefold() == "danger"
    ),
}
BOUNDS = {
    "targets.count <= 1": lambda f, a: a["targets"] <= 1,
    'user.class == "standard"': lambda f, a: _known(f, "user.class", lambda v: v == "standard"),
    'args.service in ["Spooler"]': lambda f, a: _argument(a, lambda v: v == "Spooler"),
}
FLOORED = {"access", "security", "network", "server", "backup"}


def _known(facts, name, judge):
    return judge(facts[name]) if name in facts else None


def _argument(a, judge):
    return judge(a["args"]["service"]) if "service" in a["args"] else None


def slow(case):
    """The tier of *case*: 1 to 4."""
    f, a, row, state = case["facts"], case["call"], case["row"], case["state"]
    changes = row is None or row["effect"] == "change"
    category = row["category"] if row else "other"
    asked = [3 if row is None else row["tier"]]
    for rule in case["rules"]:
        about = (
            (not rule["types"] or any(fnmatchcase("psa.do", g) for g in rule["types"]))
            and (not rule["categories"] or category in rule["categories"])
            and (rule["effect"] is None or rule["effect"] == ("change" if changes else "read"))
        )
        if about and PREDICATES[rule["when"]](f, a) in (True, None):
            asked.append(rule["tier"])
    if row is not None:
        asked += [3 for b in row["bounds"] if BOUNDS[b](f, a) is not True]
        asked += _floors(f, a, row, changes)
    if changes and a["clients"] > 1:
        asked.append(3)
    if changes and a["targets"] > 25:
        asked.append(3)
    classes = set(a["declared"]) | set((row or {}).get("data_classes") or ())
    if classes - {"identifier", "personal"}:
        asked.append(3)
    if "personal" in classes:
        read = row is not None and not changes and category in {"communication", "data"}
        asked.append(case["personal_reads"] if read else 3)
    asked += _state(state, row, changes)
    tier = max(asked)
    if row is not None and row["confidence_floor"] is not None:
        confidence = a["confidence"]
        if confidence is None or confidence < row["confidence_floor"]:
            tier = max(tier, min(tier + 1, 3))
    return tier


def _floors(f, a, row, changes):
    asked = []
    if (changes or row["client"]) and "clients.count" not in f:
        asked.append(3)
    if changes and a["targets"] == 0:
        asked.append(3)
    needed = set(row["needs_facts"]) | (
        {"device.role"} if changes and row["target_kind"] == "device" else set()
    )
    asked += [3 for name in needed if name not in f]
    if row["data_classes"] is None:
        asked.append(3)
    personal = "personal" in set(row["data_classes"] or ()) | set(a["declared"])
    if row["category"] == "data" or personal:
        if "client.regimes" not in f:
            asked += [] if f.get("clients.count") == 0 else [3]
        elif "hipaa" in f["client.regimes"]:
            asked.append(3)
    if changes and row["category"] in FLOORED | {"identity"}:
        asked.append(3)
    machine = row["category"] != "ticketing" or row["target_kind"] == "device"
    if changes and machine and f.get("device.role", "workstation") != "workstation":
        asked.append(3)
    return asked


def _state(state, row, changes):
    asked = list(state["standing"])
    asked += [3 for _ in range(state["pauses"])]
    if row is not None and row["velocity"] is not None and state["recent"] >= row["velocity"]:
        asked.append(3)
    if not changes:
        return asked
    if row is None or row["content"] != []:
        asked += [3] if state["touched_clients"] > 3 else []
        asked += [3] if state["touched_targets"] > 25 else []
    asked += [3] if state["trigger_clients"] > 1 else []
    most = 10 if any(t < 3 for t in state["standing"]) else 50
    asked += [3] if state["in_flight"] >= most else []
    return asked
