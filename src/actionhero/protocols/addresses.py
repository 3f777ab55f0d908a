"""What counts as one client's address.

An IPv6 client is given a /64 at least (RFC 6177), so that all of a /64 is one address; an IPv4
address that comes as IPv6 (`::ffff:192.0.2.1`) is that address.
"""

from ipaddress import IPv6Address


def bucket_of(ip: str) -> str:
    """What counts as one address together with `ip`; empty for a client without one."""
    if ":" not in ip:
        return ip
    address = IPv6Address(ip.partition("%")[0])
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{address.exploded[:19]}::/64"
