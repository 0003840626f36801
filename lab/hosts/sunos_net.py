"""SunOS: ifconfig with logical interfaces, netstat -in, ping."""

from __future__ import annotations

import ipaddress
import re

from lab.hosts.service import Address, with_mask
from lab.shell.call import Call, Program


def netstat(call: Call) -> int:
    letters = "".join(w[1:] for w in call.words)
    if any(not w.startswith("-") for w in call.words) or set(letters) - set("in") or "i" not in letters:
        return call.fail("usage: netstat [-in]")
    call.line("Name  Mtu  Net/Dest      Address        Ipkts  Ierrs Opkts  Oerrs Collis Queue ")
    call.line("lo0   8232 127.0.0.0     127.0.0.1      310    0     310    0     0      0     ")
    for a in sorted(call.host.addresses, key=lambda a: str(a.interface)):
        name = a.interface + ("" if a.up else "*")
        call.line(
            f"{name:<5} {1500:<4} {a.value.network.network_address!s:<13} {a.value.ip!s:<14} {1204:<6} 0     "
            f"{988:<6} 0     0      0     "
        )
    return 0


def _no_interface(call: Call, what: str, name: str) -> int:
    return call.fail(f"ifconfig: {what}: SIOCGLIFFLAGS: {name}: no such interface")


def ifconfig(call: Call) -> int:
    """`ifconfig -a`, `ifconfig IF`, `ifconfig IF:N plumb [A netmask M broadcast + up]`, `... unplumb`."""
    words = [w for w in call.words if w != "inet"]
    host = call.host
    if words == ["-a"]:
        call.line("lo0: flags=2001000849<UP,LOOPBACK,RUNNING,MULTICAST,IPv4,VIRTUAL> mtu 8232 index 1")
        call.line("\tinet 127.0.0.1 netmask ff000000")
        for a in host.addresses:
            _show(call, a)
        return 0
    if not words:
        return call.fail(
            "usage: ifconfig <interface> | -a [ <af> ] [ <addr> ] [ up ] [ down ] [ plumb ] [ unplumb ]"
        )
    name, *rest = words
    found: Address | None = next((a for a in host.addresses if a.interface == name), None)
    match = re.fullmatch(r"([a-z][a-z0-9]*\d)(:\d+)?", name)
    if not match or match[1] not in host.interfaces:
        return _no_interface(call, rest[0] if rest else "status", name)
    if rest == ["unplumb"]:
        if found is None:
            return _no_interface(call, "unplumb", name)
        host.addresses = [a for a in host.addresses if a is not found]
        return 0
    if rest[:1] == ["plumb"]:
        if found is not None:
            return call.fail(f"ifconfig: plumb: SIOCLIFADDIF: {name}: already exists")
        found = Address(name, ipaddress.IPv4Interface("0.0.0.0/0"), up=False)
        host.addresses.append(found)
        rest = rest[1:]
    if found is None:
        return _no_interface(call, rest[0] if rest else "status", name)
    if not rest and words[1:] == []:
        _show(call, found)
        return 0
    return _set(call, found, rest)


def _show(call: Call, address: Address) -> None:
    number, up = ("1000843", "UP,") if address.up else ("1000842", "")
    index = call.host.interfaces.index(address.interface.split(":")[0]) + 2
    net = address.value.network
    call.line(
        f"{address.interface}: flags={number}<{up}BROADCAST,RUNNING,MULTICAST,IPv4> mtu 1500 index {index}"
    )
    call.line(
        f"\tinet {address.value.ip} netmask {int(net.netmask):x}"
        + (f" broadcast {net.broadcast_address}" if int(net.netmask) else "")
    )


def _set(call: Call, found: Address, words: list[str]) -> int:
    address, mask, rest = None, None, list(words)
    while rest:
        word = rest.pop(0)
        if word == "netmask" and rest:
            mask = rest.pop(0)
        elif word == "broadcast" and rest:
            rest.pop(0)
        elif word in ("up", "down"):
            found.up = word == "up"
        elif address is None and re.fullmatch(r"[\d.]+(/\d+)?", word):
            address = word
        else:
            return call.fail(f"ifconfig: {word}: bad address")
    if address is None:
        return 0
    try:
        whole = "/" in address
        value = (
            ipaddress.IPv4Interface(address) if whole else with_mask(address, None if mask == "+" else mask)
        )
    except ValueError:
        return call.fail(f"ifconfig: {address}: bad address")
    if any(a.value.ip == value.ip and a is not found and a.up for a in call.host.addresses):
        return call.fail(f"ifconfig: SIOCSLIFADDR: {found.interface}: Cannot assign requested address")
    found.value = value
    return 0


def ping(call: Call) -> int:
    """`ping ADDRESS [TIMEOUT]`."""
    words = [w for w in call.words if not re.fullmatch(r"-[ns]|\d+", w)]
    if len(words) != 1:
        return call.fail("usage: ping host [timeout]")
    if call.host.world.answers(words[0]):
        call.line(f"{words[0]} is alive")
        return 0
    call.line(f"no answer from {words[0]}")
    return 1


PROGRAMS: dict[str, Program] = {"netstat": netstat, "ifconfig": ifconfig, "ping": ping}
