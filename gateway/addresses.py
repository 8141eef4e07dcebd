"""Which IP addresses may be dialled for a stranger? Only the public internet's, and networks that the operator names.

An allow rule, not a list of what is bad: IPv4 must be global by the standard library's reading of IANA's registry and
outside a table of what that reading has missed; IPv6 must lie in the one block that IANA gives out (2000::/3) and
outside a table of what isn't plain unicast there. Addresses that carry an IPv4 address inside are not dialled, but for
IPv4-mapped ones, which the kernel treats as IPv4: they are judged as that.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Network = IPv4Network | IPv6Network

_REFUSED_IPV4 = [
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network (RFC 791): 0.0.0.0 reaches the host itself
        "10.0.0.0/8",  # private (RFC 1918)
        "100.64.0.0/10",  # carriers' own (RFC 6598)
        "127.0.0.0/8",  # loopback (RFC 1122)
        "168.63.129.16/32",  # Azure's platform service, which looks public
        "169.254.0.0/16",  # link-local (RFC 3927): clouds' metadata
        "172.16.0.0/12",  # private (RFC 1918)
        "192.0.0.0/24",  # IETF protocol assignments (RFC 6890)
        "192.0.2.0/24",  # documentation (RFC 5737)
        "192.31.196.0/24",  # AS112 (RFC 7535)
        "192.52.193.0/24",  # AMT (RFC 7450)
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "192.168.0.0/16",  # private (RFC 1918)
        "192.175.48.0/24",  # AS112 (RFC 7534)
        "198.18.0.0/15",  # benchmarks (RFC 2544)
        "198.51.100.0/24",  # documentation (RFC 5737)
        "203.0.113.0/24",  # documentation (RFC 5737)
        "224.0.0.0/4",  # multicast (RFC 5771)
        "240.0.0.0/4",  # reserved (RFC 1112), and broadcast
    )
]
_GIVEN_OUT_IPV6 = IPv6Network("2000::/3")
_REFUSED_IPV6 = [
    IPv6Network(network)
    for network in (
        "2001::/23",  # IETF protocol assignments (RFC 2928): Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation (RFC 3849)
        "2002::/16",  # 6to4: an IPv4 address inside (RFC 3056)
        "2620:4f:8000::/48",  # AS112 (RFC 7534)
        "3fff::/20",  # documentation (RFC 9637)
    )
]


def may_be_dialled(address: IPv4Address | IPv6Address, allowed_networks: Iterable[Network] = ()) -> bool:
    """Whether a stranger may have us connect to the address.

    Args:
        address: As the resolver gave it.
        allowed_networks: What the operator allows although it isn't public.
    """
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if any(address in network for network in allowed_networks if network.version == address.version):
        return True
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in network for network in _REFUSED_IPV4)
    if address.scope_id is not None:
        return False
    return address in _GIVEN_OUT_IPV6 and address.is_global and not any(address in network for network in _REFUSED_IPV6)
