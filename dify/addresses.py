"""Where a Dify may live: how its address is written, and which addresses are never spoken to."""

import ipaddress
import socket
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# Clouds hand out credentials here. The well-known one, 169.254.169.254, is link-local and refused as such.
METADATA_ADDRESSES = {
    ipaddress.ip_address("100.100.100.200"),  # Alibaba Cloud
    ipaddress.ip_address("168.63.129.16"),  # Azure
    ipaddress.ip_address("192.0.0.192"),  # Oracle Cloud
    ipaddress.ip_address("fd00:ec2::254"),  # AWS over IPv6
}
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class ForbiddenAddress(OSError):
    """The name resolves to an address that the gateway refuses to speak to."""


def service_url(text: str) -> str:
    """The root of the Service API, `https://host[/path]/v1`, from a base URL with no `/v1`, one, or several.

    Raises ValidationError where it is no http(s) address.
    """
    try:
        parts = urlsplit(text.strip())
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid or parts.query or parts.fragment or parts.username or any(c.isspace() for c in text.strip()):
        raise ValidationError("Write the address of Dify like https://dify.example.com/v1.")
    path = parts.path.rstrip("/")
    while path.endswith("/v1"):
        path = path.removesuffix("/v1").rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}/v1"


def permitted(address: str) -> bool:
    ip = _embedded(ipaddress.ip_address(address.partition("%")[0]))
    if ip in METADATA_ADDRESSES or ip.is_link_local or ip.is_unspecified or ip.is_multicast:
        return False
    return settings.DIFY_ALLOW_PRIVATE_ADDRESSES or ip.is_global


def _embedded(ip: IPAddress) -> IPAddress:
    """An IPv6 address can carry an IPv4 one, and would otherwise smuggle it past the check."""
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            return ip.ipv4_mapped
        if ip in NAT64:
            return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if ip.sixtofour:
            return ip.sixtofour
    return ip


def resolve(host: str, port: int) -> list[tuple[str, int]]:
    """The addresses to connect to. Raises ForbiddenAddress if any is refused, socket.gaierror if there is none.

    The caller connects to these very addresses, so that a name cannot change its mind between check and use.
    """
    found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if refused := [address for address in found if not permitted(address)]:
        raise ForbiddenAddress(f"{host} resolves to {refused[0]}, which is not allowed.")
    return [(address, port) for address in dict.fromkeys(found)]
