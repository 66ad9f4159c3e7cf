"""The practice world behind the connections that the starter policy names: `psa`, `directory`,
`rmm`, `network`, `backup`, `mail` and `vault`.

The same tools as the one practice server has, under the names and arguments of the starter's
rows, as an MSP's systems would be connected under those names. What the world has no store for
(a message to everybody, a vault) answers that it was done and changes nothing else.
"""

from typing import Any

from handrail.clock import Clock
from handrail.connectors.callables import Callables
from handrail.practice.tools import TOOLS
from handrail.practice.world import World

CONNECTIONS = ("psa", "directory", "rmm", "network", "backup", "mail", "vault")


def register(callables: Callables, world: World, clock: Clock) -> None:
    """Offer *world* as a set of callables for each of `CONNECTIONS`."""
    for name, tools in _tools(_Systems(world, clock)).items():
        for tool, function in tools.items():
            callables.register(name, tool, function)


class _Systems:
    def __init__(self, world: World, clock: Clock) -> None:
        self._world = world
        self._clock = clock
        self._calls = 0

    def call(self, tool: str, **arguments: Any) -> Any:
        """One call of a practice tool, in one transaction with its audit line."""
        self._calls += 1
        return self._world.call(
            f"month-{self._calls}", tool, arguments, {}, self._clock.now(),
            lambda book: TOOLS[tool].run(book, arguments).data,
        )  # fmt: skip

    def owned(self, tool: str, user_id: str, **more: Any) -> Any:
        """The same for tools that also name the client of the account."""
        client = self.call("get_user", user_id=user_id)["client_id"]
        return self.call(tool, client_id=client, user_id=user_id, **more)

    # --- psa --------------------------------------------------------------------------------

    def get_ticket(self, ticket_id: str) -> Any:
        row = self.call("get_ticket", ticket_id=ticket_id)
        return {**row, "queue": row["assignee"]}

    def add_ticket_note(self, ticket_id: str, text: str) -> Any:
        return self.call("add_ticket_note", ticket_id=ticket_id, text=text)

    def send_first_reply(self, ticket_id: str, text: str) -> Any:
        return self.call("add_ticket_note", ticket_id=ticket_id, text=text, visibility="public")

    def update_ticket_category(self, ticket_id: str, category: str) -> Any:
        return self.call("update_ticket_category", ticket_id=ticket_id, category=category)

    def triage_ticket(self, ticket_id: str, priority: str, queue: str) -> Any:
        self.call("assign_ticket", ticket_id=ticket_id, assignee=queue)
        with self._world.book(self._clock.now()) as book:
            book.run("UPDATE ticket SET priority = ? WHERE id = ?", priority, ticket_id)
        return {"ticket_id": ticket_id, "priority": priority, "queue": queue}

    def close_ticket(self, ticket_id: str, resolution: str) -> Any:
        return self.call("close_ticket", ticket_id=ticket_id, resolution=resolution)

    def reopen_ticket(self, ticket_id: str) -> Any:
        return self.call("reopen_ticket", ticket_id=ticket_id)

    # --- directory --------------------------------------------------------------------------

    def get_user(self, user_id: str) -> Any:
        return self.call("get_user", user_id=user_id)

    def reset_password(self, user_id: str) -> Any:
        return self.owned("reset_password", user_id)

    def unlock_user(self, user_id: str) -> Any:
        return self.owned("unlock_user", user_id)

    def assign_license(self, user_id: str, sku: str) -> Any:
        return self.owned("assign_license", user_id, sku=sku)

    def remove_license(self, user_id: str, sku: str) -> Any:
        return self.owned("remove_license", user_id, sku=sku)

    def disable_user(self, user_id: str) -> Any:
        return self.owned("disable_user", user_id)

    def enable_user(self, user_id: str) -> Any:
        return self.owned("enable_user", user_id)

    def reset_mfa(self, user_id: str) -> Any:
        return self.owned("reset_mfa", user_id)

    def create_user(self, user_id: str, client_id: str, department: str) -> Any:
        return self.call(
            "create_user", client_id=client_id, name=user_id, title="Starter", department=department
        )

    def add_group_member(self, user_id: str, group_id: str) -> Any:
        return self.call("add_user_to_group", user_id=user_id, group_id=group_id)

    # --- rmm, network, backup ---------------------------------------------------------------

    def get_device(self, device_id: str) -> Any:
        return self.call("get_device", device_id=device_id)

    def restart_service(self, device_id: str, service: str) -> Any:
        return self.call("restart_service", device_id=device_id, service=service)

    def reboot(self, device_id: str) -> Any:
        return self.call("reboot_device", device_id=device_id)

    def install_package(self, device_id: str, package: str) -> Any:
        return self.call("install_package", device_id=device_id, package=package)

    def update_package(self, device_id: str, package: str) -> Any:
        return self.call("update_package", device_id=device_id, package=package)

    def run_script(self, device_id: str, script: str) -> Any:
        return self.call("run_script", device_id=device_id, script=script)

    def isolate_device(self, device_id: str) -> Any:
        return self.call("isolate_device", device_id=device_id)

    def set_server_config(self, device_id: str, setting: str, value: str) -> Any:
        return self.call("set_server_config", device_id=device_id, setting=setting, value=value)

    def add_firewall_rule(self, source: str, destination: str, port: str) -> Any:
        return self.call(
            "add_firewall_rule", client_id=destination, name=f"{source} {port}", action="allow",
            source=source, destination="any", service=port, position=1,
        )  # fmt: skip

    def change_job(self, job_id: str, schedule: str) -> Any:
        return self.call("set_backup_schedule", job_id=job_id, schedule=schedule, retention_days=30)

    # --- mail, vault ------------------------------------------------------------------------

    def read_message(self, mailbox: str, query: str) -> Any:
        return self.call("read_mailbox", user_id=mailbox, query=query)

    def set_forwarding(self, mailbox: str, forward_to: str) -> Any:
        return self.call("set_mailbox_forwarding", user_id=mailbox, forward_to=forward_to)

    def export_mailbox(self, mailbox: str) -> Any:
        return {"mailbox": mailbox, "exported": True}

    def send_to_everybody(self, subject: str, text: str) -> Any:
        return {"subject": subject, "sent": True}

    def read_secret(self, name: str) -> Any:
        return {"name": name, "held": True}


def _tools(s: _Systems) -> dict[str, dict[str, Any]]:
    return {
        "psa": {
            f.__name__: f
            for f in (
                s.get_ticket, s.add_ticket_note, s.send_first_reply, s.update_ticket_category,
                s.triage_ticket, s.close_ticket, s.reopen_ticket,
            )
        },
        "directory": {
            f.__name__: f
            for f in (
                s.get_user, s.reset_password, s.unlock_user, s.assign_license, s.remove_license,
                s.disable_user, s.enable_user, s.reset_mfa, s.create_user, s.add_group_member,
            )
        },
        "rmm": {
            "reboot_workstation": s.reboot,
            "reboot_server": s.reboot,
            **{
                f.__name__: f
                for f in (
                    s.get_device, s.restart_service, s.install_package, s.update_package,
                    s.run_script, s.isolate_device, s.set_server_config,
                )
            },
        },
        "network": {"add_firewall_rule": s.add_firewall_rule},
        "backup": {"change_job": s.change_job},
        "mail": {
            f.__name__: f
            for f in (s.read_message, s.set_forwarding, s.export_mailbox, s.send_to_everybody)
        },
        "vault": {"read_secret": s.read_secret},
    }  # fmt: skip
