"""A practice world, its server as a real process, and one good call of every tool."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters

from handrail.practice.seed import fill
from handrail.practice.world import World

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def command(path: Path, *more: str) -> StdioServerParameters:
    """How an MCP client starts the practice server."""
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "handrail.practice.server", "--world", str(path), "--step", "0", *more],
    )


@pytest.fixture
def world_path(tmp_path: Path) -> Path:
    return tmp_path / "world.db"


@pytest.fixture
def world(world_path: Path):
    """A world of seed 1, opened beside whoever serves it."""
    made = World.create(world_path, fill(1), NOW)
    with made.book(NOW) as book:
        book.set("queue", 6)
    yield made
    made.close()


Serve = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture
def serve(world_path: Path) -> Serve:
    """Start the server on the world as a process and connect a real client to it."""

    @asynccontextmanager
    async def start(*more: str, mode: str = "auto") -> AsyncIterator[Client]:
        async with Client(command(world_path, *more), mode=mode) as client:
            yield client

    return start


@pytest.fixture
def good_calls(world: World) -> dict[str, dict]:
    """For every tool one call that succeeds in the world of seed 1, with the calls that must come
    first under ``before``."""
    with world.book(NOW) as book:
        user = book.all(
            "SELECT id FROM user WHERE client_id = 'lindqvist-mobel' AND user_class = 'standard'"
            " AND id NOT IN (SELECT user_id FROM licence WHERE sku = 'VISIO-PLAN2')"
            " AND id NOT IN (SELECT user_id FROM membership WHERE group_id = 'LQM/VPN users')"
            " ORDER BY id"
        )[0]["id"]
        group = book.all("SELECT group_id FROM membership WHERE user_id = ?", user)[0]["group_id"]
        desk = book.all(
            "SELECT id FROM device WHERE client_id = 'lindqvist-mobel' AND role = 'workstation'"
            " AND online = 1 AND id IN (SELECT device_id FROM software s JOIN package p"
            " ON p.name = s.package WHERE package = '7-zip' AND version = previous) ORDER BY id"
        )[0]["id"]
    who = {"client_id": "lindqvist-mobel", "user_id": user}
    ticket = {"ticket_id": "LQM-1001"}
    opened = (
        "create_ticket",
        {"client_id": "lindqvist-mobel", "subject": "Test", "description": "A test."},
    )
    server, job = {"device_id": "LQM-ERP01"}, {"job_id": "LQM-FS01-nightly"}
    file = {**job, "path": "Shared/Budget 2026.xlsx"}
    rule = {
        "client_id": "lindqvist-mobel",
        "name": "deny-smb-out",
        "action": "deny",
        "source": "10.20.30.0/24",
        "destination": "any",
        "service": "tcp/445",
        "position": 2,
    }
    calls: dict[str, dict | tuple] = {
        "list_clients": {},
        "list_tickets": {"status": "new"},
        "get_ticket": (ticket, opened),
        "create_ticket": opened[1],
        "add_ticket_note": ({**ticket, "text": "Looked at it."}, opened),
        "update_ticket_category": ({**ticket, "category": "mail"}, opened),
        "assign_ticket": ({**ticket, "assignee": "desk-agent"}, opened),
        "set_ticket_status": ({**ticket, "status": "waiting"}, opened),
        "close_ticket": ({**ticket, "resolution": "Done."}, opened),
        "reopen_ticket": (ticket, opened, ("close_ticket", {**ticket, "resolution": "Done."})),
        "search_users": {"query": "a", "client_id": "lindqvist-mobel"},
        "get_user": {"user_id": user},
        "unlock_user": who,
        "reset_password": who,
        "disable_user": who,
        "enable_user": (who, ("disable_user", who)),
        "create_user": {
            "client_id": "lindqvist-mobel",
            "name": "Björn Åkerholm",
            "title": "Clerk",
            "department": "Sales",
        },
        "delete_user": who,
        "restore_user": (who, ("delete_user", who)),
        "reset_mfa": who,
        "list_groups": {"client_id": "lindqvist-mobel"},
        "add_user_to_group": {"user_id": user, "group_id": "LQM/VPN users"},
        "remove_user_from_group": {"user_id": user, "group_id": group},
        "assign_license": {**who, "sku": "VISIO-PLAN2"},
        "remove_license": {**who, "sku": "M365-BUSINESS"},
        "export_users": {"client_id": "lindqvist-mobel"},
        "get_mailbox": {"user_id": user},
        "get_mailbox_rules": {"user_id": user},
        "read_mailbox": {"user_id": user, "query": "nvoice"},
        "set_mailbox_forwarding": {"user_id": user, "forward_to": ""},
        "set_out_of_office": {"user_id": user, "message": "Back on Monday."},
        "list_devices": {"client_id": "lindqvist-mobel", "online": True},
        "get_device": {"device_id": desk},
        "get_service": {"device_id": desk, "service": "Print Spooler"},
        "restart_service": {"device_id": desk, "service": "Print Spooler"},
        "reboot_device": {"device_id": desk},
        "isolate_device": {"device_id": desk},
        "release_device": ({"device_id": desk}, ("isolate_device", {"device_id": desk})),
        "get_package": {"package": "7-zip", "device_id": desk},
        "install_package": {"device_id": desk, "package": "vlc"},
        "update_package": {"device_id": desk, "package": "7-zip"},
        "uninstall_package": {"device_id": desk, "package": "7-zip"},
        "deploy_package": {"client_ids": ["lindqvist-mobel", "brightwater"], "package": "vlc"},
        "list_scripts": {},
        "run_script": {"device_id": desk, "script": "clear-temp-files"},
        "get_event_log": {"device_id": desk, "limit": 3},
        "wipe_device": {"device_id": desk},
        "stop_service": {**server, "service": "ERP Scheduler"},
        "start_service": (
            {**server, "service": "ERP Scheduler"},
            ("stop_service", {**server, "service": "ERP Scheduler"}),
        ),
        "get_server_config": {**server, "setting": "smb1"},
        "set_server_config": {**server, "setting": "max-memory-gb", "value": "32"},
        "list_firewall_rules": {"client_id": "lindqvist-mobel"},
        "get_firewall_rule": {"client_id": "lindqvist-mobel", "name": "WAN-to-LAN"},
        "add_firewall_rule": rule,
        "remove_firewall_rule": {"client_id": "lindqvist-mobel", "name": "VPN-to-LAN"},
        "get_switch_port": {"device_id": "LQM-SW01", "port": 3},
        "set_port_vlan": {"device_id": "LQM-SW01", "port": 3, "vlan": 30},
        "list_backup_jobs": {"client_id": "lindqvist-mobel"},
        "get_backup_job": job,
        "run_backup_job": job,
        "set_backup_schedule": {**job, "schedule": "daily 01:30", "retention_days": 60},
        "restore_file": file,
        "remove_restored_file": (
            {**job, "restored_to": f"{file['path']}.restored"},
            ("restore_file", file),
        ),
        "search_documentation": {"query": "print spooler"},
        "get_document": {"document_id": "RB-101"},
    }
    with world.book(NOW) as book:  # something to undo, and something to unlock
        book.run("UPDATE user SET locked = 1 WHERE id = ?", user)
        book.run(
            "UPDATE mailbox SET forward_to = 'x@y.example', keep_copy = 1 WHERE user_id = ?", user
        )
    return {
        tool: {"arguments": call[0], "before": call[1:]}
        if isinstance(call, tuple)
        else {"arguments": call, "before": ()}
        for tool, call in calls.items()
    }
