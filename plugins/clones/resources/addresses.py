"""Configured and printed IP addresses."""

from __future__ import annotations

import ipaddress

from clones.config import Ip
from clones.errors import ConfigError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface


def configured(ip: Ip) -> Interface:
    """The address with its netmask, without a zone: hosts print addresses without one."""
    return ipaddress.ip_interface(f"{ip.ipname.partition('%')[0]}/{ip.netmask}")


def only_ipv4(ip: Ip, label: str, host: str, family: str) -> Interface:
    """:raises ConfigError: for IPv6, whose commands and tables on that family nobody has shown us."""
    interface = configured(ip)
    if interface.version != 4:
        raise ConfigError(
            f"{label} on {host}: IPv6 addresses of {family} hosts are not supported.",
            "take the address out of `resources` and list a `command` that handles it",
        )
    return interface


def printed(word: str) -> Address | None:
    """The address in a word like ``192.168.40.17``, ``192.168.40.17/24`` or ``fe80::1%eth0``, if any."""
    try:
        return ipaddress.ip_address(word.partition("/")[0].partition("%")[0])
    except ValueError:
        return None
