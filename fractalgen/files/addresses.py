"""Look up a host's addresses, and tell public ones from those inside a network."""

import ipaddress
import socket
from collections.abc import Callable, Sequence

__all__ = ["Permits", "Resolver", "anywhere", "is_public", "resolve"]

Resolver = Callable[[str, int], Sequence[str]]
"""Takes a host's name and a port, and returns its IPv4 and IPv6 addresses."""

Permits = Callable[[str, int], bool]
"""Takes an address and a port, and says whether a connection may be made."""

# Not for ordinary hosts, although Python calls them global: clouds answer requests for a machine's
# secrets in the first two, and the third stood for relays.
_SPECIAL = [
    ipaddress.ip_network(text) for text in ("168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24")
]
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def resolve(host: str, port: int) -> list[str]:
    """Ask the system for a host's addresses; raises `socket.gaierror`."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def is_public(address: str, port: int = 0) -> bool:
    """Whether an address is on the public internet.

    Private, loopback, link-local, multicast and reserved addresses are not, nor are those where
    clouds serve a machine's metadata. An IPv6 address that stands for an IPv4 address (mapped,
    NAT64, 6to4, Teredo) is judged by that one too.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    candidates = [found]
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            candidates = [found.ipv4_mapped]
        elif found in _NAT64:
            candidates = [ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)]
        elif found.is_site_local:
            return False
        else:
            candidates += [found.sixtofour] if found.sixtofour else []
            candidates += found.teredo or ()
    return all(
        one.is_global
        and not one.is_multicast
        and not one.is_reserved
        and not any(one in network for network in _SPECIAL)
        for one in candidates
    )


def anywhere(address: str, port: int) -> bool:
    """Permit every address."""
    return True
