"""Where a Dify may live."""

import ipaddress
import socket
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.exceptions import ValidationError

from dify.addresses import ForbiddenAddress, permitted, resolve, service_url
from dify.client import DifyClient
from dify.errors import DifyForbiddenAddress, DifyUnreachable
from dify.http import adapter
from dify.standin.server import StandIn
from tenants.models import System
from tests.gateway import Gateway

METADATA = [
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "0.0.0.0",  # noqa: S104
    "::",
    "224.0.0.1",
    "ff02::1",
]
PRIVATE = ["127.0.0.1", "::1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "fd12::1", "::ffff:10.0.0.1", "100.64.0.1"]
PUBLIC = ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"]


@pytest.mark.parametrize("address", METADATA)
def test_metadata_and_link_local_addresses_are_never_spoken_to(address: str, settings: LazySettings) -> None:
    settings.DIFY_ALLOW_PRIVATE_ADDRESSES = True

    assert not permitted(address)


@pytest.mark.parametrize(("address", "allowed"), [*((one, False) for one in PRIVATE), *((one, True) for one in PUBLIC)])
def test_private_addresses_are_allowed_until_a_setting_forbids_them(
    address: str, allowed: bool, settings: LazySettings
) -> None:
    assert permitted(address)
    settings.DIFY_ALLOW_PRIVATE_ADDRESSES = False
    assert permitted(address) is allowed


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Every name resolves to these. Returns the names that were asked for."""
    asked = []

    def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        return [
            (socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def test_a_name_that_resolves_to_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, "93.184.216.34", "169.254.169.254")

    with pytest.raises(ForbiddenAddress):
        resolve("dify.example.com", 80)


@pytest.mark.parametrize("written", ["2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518"])
def test_no_spelling_of_the_address_gets_past(written: str) -> None:
    """The system's resolver knows them all; what it makes of them is what is looked at."""
    try:
        found = resolve(written, 80)
    except (ForbiddenAddress, socket.gaierror):
        return
    assert all(not ipaddress.ip_address(address).is_link_local for address, _ in found)


@pytest.mark.parametrize("host", ["169.254.169.254", "[::ffff:169.254.169.254]", "[fd00:ec2::254]"])
def test_the_client_refuses_such_a_base_url(host: str) -> None:
    with pytest.raises(DifyForbiddenAddress):
        DifyClient(f"http://{host}/v1", "app-x").parameters()


def test_the_check_is_made_when_the_connection_is(dify: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that was harmless a moment ago is asked about again."""
    client = DifyClient(f"http://dify.example.com:{dify.address[1]}/v1", "app-demo-chat")
    resolving(monkeypatch, "127.0.0.1")
    client.parameters()

    adapter.cache_clear()  # and with it the open connection
    resolving(monkeypatch, "169.254.169.254")
    with pytest.raises(DifyForbiddenAddress):
        client.parameters()


def test_the_name_is_looked_up_once_for_check_and_use(dify: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = resolving(monkeypatch, "127.0.0.1")
    DifyClient(f"http://dify.example.com:{dify.address[1]}/v1", "app-demo-chat").parameters()

    assert asked.count("dify.example.com") == 1


def test_the_next_address_is_tried_if_one_does_not_answer(dify: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, "::1", "127.0.0.1")

    assert DifyClient(f"http://dify.example.com:{dify.address[1]}/v1", "app-demo-chat").parameters()


def test_a_name_without_address_is_unreachable() -> None:
    with pytest.raises(DifyUnreachable):
        DifyClient("http://dify.invalid/v1", "app-x").parameters()


def test_a_system_that_leads_there_is_answered_502(alice: Gateway, drillquiz: System) -> None:
    drillquiz.dify_base_url = "http://169.254.169.254/latest/meta-data"
    drillquiz.save()

    response = alice.say("Hello")

    assert (response.status_code, response.json()["detail"]) == (502, "Dify's address is not allowed.")


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("https://dify.example.com", "https://dify.example.com/v1"),
        ("https://dify.example.com/", "https://dify.example.com/v1"),
        (" https://dify.example.com/v1 ", "https://dify.example.com/v1"),
        ("https://dify.example.com/v1/v1/", "https://dify.example.com/v1"),
        ("http://dify:5001/api/v1", "http://dify:5001/api/v1"),
        ("http://[::1]:8080", "http://[::1]:8080/v1"),
    ],
)
def test_a_base_url_may_be_written_in_many_ways(written: str, url: str) -> None:
    assert service_url(written) == url


@pytest.mark.parametrize(
    "written",
    [
        "",
        "dify.example.com",
        "ftp://dify.example.com",
        "file:///etc/passwd",
        "https://",
        "https://user:secret@dify.example.com",
        "https://dify.example.com?x=1",
        "https://dify.example.com#x",
        "https://dify.example.com:99999",
        "https://dify example.com",
        "https://[::1",
    ],
)
def test_what_is_no_address_of_a_server_is_refused(written: str) -> None:
    with pytest.raises(ValidationError):
        service_url(written)
