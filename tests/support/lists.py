"""An upstream that changes many things by one call, and the rows that undo it item by item."""

from collections import Counter
from typing import Any

from handrail.connectors.executor import Reply
from support.house import policy_files, row
from support.upstream import TOOLS, Upstream, structured, tool

MANY = {
    "client": '"args.client"',
    "targets": '"args.users"',
    "rollback": (
        "{class: exact, each: args.users, text: Takes it from each again, within: 24h,"
        " calls: [{call: up.remove_licence, arguments: {n: item, sku: args.sku}}],"
        " check: {read: up.get_licences, arguments: {user_id: item},"
        ' when: "!(args.sku in after.licences)"}}'
    ),
}
USERS = [f"u{n}" for n in range(6)]


class Directory(Upstream):
    """An upstream that also assigns to a list."""

    def _act(self, name: str, arguments: dict[str, Any]) -> Reply:
        if name == "assign_many":
            for user in arguments["users"]:
                self.licences.setdefault(user, set()).add(arguments["sku"])
            return structured({"ok": True})
        return super()._act(name, arguments)

    def removed(self) -> Counter[str]:
        return Counter(a["n"] for name, a in self.calls if name == "remove_licence")


def many_files() -> dict[str, str]:
    files = policy_files()
    files["matrix/all.yaml"] += row("up.assign_many", 2, **MANY)
    files["matrix/all.yaml"] += row(
        "up.isolate",
        2,
        protective="true",
        rollback=(
            "{class: exact, text: Lets it back, calls: [{call: up.restart_service,"
            " arguments: {n: args.n, client: args.client}}]}"
        ),
    )
    return files


#: The tools of such an upstream.
MANY_TOOLS = (*TOOLS, tool("assign_many"), tool("isolate"))
