from ipaddress import ip_address, ip_network

import pytest

from gateway.addresses import may_be_dialled

PUBLIC = ["8.8.8.8", "100.63.255.254", "100.128.0.1", "172.32.0.1", "169.253.0.1", "2606:4700::1111", "2a00:1450::1"]
REFUSED = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254",
    "168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.0.192", "192.0.2.1",
    "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:100.64.0.1", "::ffff:169.254.169.254",
    "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::a9fe:a9fe", "100::1", "2001::1", "2001:db8::1",
    "2002:7f00:1::", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public_address_may_be_dialled(address: str) -> None:
    assert may_be_dialled(ip_address(address))


@pytest.mark.parametrize("address", REFUSED)
def test_other_address_is_refused(address: str) -> None:
    assert not may_be_dialled(ip_address(address))


def test_mapped_public_address_is_judged_as_ipv4() -> None:
    assert may_be_dialled(ip_address("::ffff:8.8.8.8"))


@pytest.mark.parametrize(
    ("address", "network", "allowed"),
    [
        ("127.0.0.1", "127.0.0.0/8", True),
        ("::ffff:127.0.0.1", "127.0.0.0/8", True),
        ("127.0.0.1", "10.0.0.0/8", False),
        ("::1", "127.0.0.0/8", False),
        ("::1", "::1/128", True),
        ("169.254.169.254", "127.0.0.0/8", False),
    ],
)
def test_operator_allows_networks(address: str, network: str, allowed: bool) -> None:
    assert may_be_dialled(ip_address(address), [ip_network(network)]) is allowed
