"""The practice upstream's tools, one file per noun. ``TOOLS`` is all of them, by name."""

from typing import Final

from handrail.practice.tools import (
    backups,
    devices,
    documents,
    mailboxes,
    network,
    servers,
    tickets,
    users,
)
from handrail.practice.tools.base import Said, Tool

__all__ = ["TOOLS", "Said", "Tool"]

TOOLS: Final[dict[str, Tool]] = {
    tool.name: tool
    for shelf in (
        tickets.SHELF,
        users.SHELF,
        mailboxes.SHELF,
        devices.SHELF,
        servers.SHELF,
        network.SHELF,
        backups.SHELF,
        documents.SHELF,
    )
    for tool in shelf.tools
}
