"""The address that a request comes from. X-Forwarded-For counts only as far as TRUSTED_PROXIES wrote it."""

import ipaddress
from collections.abc import Iterable

from django.conf import settings

from dify.addresses import IPAddress

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def address_of(peer: str, forwarded_for: str) -> IPAddress | None:
    """`peer` is who opened the connection. None where it is not known, such as behind a Unix socket."""
    address = parsed(peer)
    hops = [hop for hop in forwarded_for.split(",") if hop.strip()]
    while address and hops and within(address, settings.TRUSTED_PROXIES):
        address = parsed(hops.pop())  # each proxy wrote down, at the end, whom it heard
    return address


def parsed(text: str) -> IPAddress | None:
    """`::ffff:10.0.0.1` is the IPv4 address in it; a zone such as `%eth0` is left out."""
    try:
        address = ipaddress.ip_address(text.strip().strip("[]").partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def networks(lines: Iterable[str]) -> list[Network]:
    """Raises ValueError for what is no address and no network."""
    return [ipaddress.ip_network(line.strip(), strict=False) for line in lines if line.strip()]


def within(address: IPAddress, all_of: Iterable[Network]) -> bool:
    return any(address in network for network in all_of)
