"""Where a URL that people wrote may lead: to the public network, never into the own one.

* Only https, without redirects. Every address of the host must be a public one, and the one that
  was looked at is the one that is connected to: a name that answers differently a moment later
  gains nothing.
* Hosts that the operator lists in a setting may be elsewhere, and may speak http.
"""

import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from handrail.errors import NotSent

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Aim:
    """What to connect to for a URL: the address in the host's place, and the host beside it."""

    url: str
    host: str  #: for the `host` header, with its port where it is not the usual one
    extensions: Mapping[str, str]  #: tell the TLS layer whose certificate to ask for


def hosts(listed: str) -> frozenset[str]:
    """The hosts that a setting such as `a.example, b.example` lists."""
    return frozenset(h.strip().lower() for h in listed.split(",") if h.strip())


def aim(url: str, free: frozenset[str], setting: str) -> Aim:
    """Look *url* up and return what to connect to. Looks at its addresses anew each time.

    Raises `NotSent` when it may not be gone to; *setting* is where an operator lists a host."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    listed = host in free
    if parts.scheme != "https" and not (listed and parts.scheme == "http"):
        raise NotSent(f"{url} is not https", hint=f"Name its host in {setting}.")
    usual = 443 if parts.scheme == "https" else 80
    try:
        port = parts.port or usual
    except ValueError as error:
        raise NotSent(f"{url} has no port: {error}", hint="Correct the URL.") from error
    address = _address(host, port, free=listed, setting=setting)
    at = f"[{address}]" if ":" in address else address
    name = f"[{host}]" if ":" in host else host
    query = f"?{parts.query}" if parts.query else ""
    return Aim(
        url=f"{parts.scheme}://{at}:{port}{parts.path or '/'}{query}",
        host=name if port == usual else f"{name}:{port}",
        extensions={"sni_hostname": host},
    )


def public(address: str) -> bool:
    """Whether *address* is one of the public network, and hides no other one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        hidden = ip.ipv4_mapped or ip.sixtofour or ip.teredo
        if hidden is not None or ip in _NAT64:
            return False
    return ip.is_global and not ip.is_multicast


def _address(host: str, port: int, *, free: bool, setting: str) -> str:
    """The address of *host* to connect to. Raises `NotSent` when one of them is not public."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotSent(f"{host} is not known: {error}", hint="Is its name right?") from error
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if not free and not public(address):
            raise NotSent(
                f"{host} is at {address}, which is not a public address",
                hint=f"If that is meant, name its host in {setting}.",
            )
    return addresses[0]
