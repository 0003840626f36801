"""HP-UX: netstat -in, ifconfig, ping."""

from __future__ import annotations

import ipaddress
import re

from lab.hosts.service import Address, with_mask
from lab.shell.call import Call, Program

HEAD = (
    "Name      Mtu  Network         Address         Ipkts              Ierrs Opkts              Oerrs Coll\n"
)


def netstat(call: Call) -> int:
    letters = "".join(w[1:] for w in call.words)
    if any(not w.startswith("-") for w in call.words) or set(letters) - set("inw") or "i" not in letters:
        return call.fail("usage: netstat [-i] [-n] [-w]")
    call.out(HEAD)
    rows = [(a.interface + ("" if a.up else "*"), 1500, a.value) for a in call.host.addresses]
    rows.append(("lo0", 4136, ipaddress.IPv4Interface("127.0.0.1/8")))
    shown = {a.interface.split(":")[0] for a in call.host.addresses}
    bare = [i for i in call.host.interfaces if i not in shown]
    for name, mtu, value in sorted(rows, key=lambda r: r[0]):
        call.line(
            f"{name:<9} {mtu:<4} {value.network.network_address!s:<15} {value.ip!s:<15}"
            f" {1204:<18} {0:<5} {988:<18}"
            f" {0:<5} {0}"
        )
    for name in bare:
        call.line(f"{name + '*':<9} {1500:<4} {'none':<15} {'none':<15} {0:<18} {0:<5} {0:<18} {0:<5} {0}")
    return 0


def ifconfig(call: Call) -> int:
    if not call.words:
        return call.fail("usage: ifconfig interface [ address_family ] [ address ] [ parameters ]")
    name, *rest = call.words
    host = call.host
    match = re.fullmatch(r"([a-z]+\d+)(?::\d+)?", name)
    if not match or match.group(1) not in host.interfaces:
        return call.fail("ifconfig: no such interface")
    found: Address | None = next((a for a in host.addresses if a.interface == name), None)
    if rest and rest[0] == "inet":
        rest = rest[1:]
    if not rest:
        return _show(call, name, found)
    if rest == ["0.0.0.0"]:
        host.addresses = [a for a in host.addresses if a is not found]
        return 0
    if rest in (["up"], ["down"]):
        if found is None:
            return call.fail("ifconfig: no such interface")
        found.up = rest == ["up"]
        return 0
    return _set(call, name, rest, found)


def _show(call: Call, name: str, found: Address | None) -> int:
    if found is None:
        return call.fail("ifconfig: no such interface")
    number, words = (
        ("1843", "UP,BROADCAST,RUNNING,MULTICAST,CKO")
        if found.up
        else ("1842", "BROADCAST,RUNNING,MULTICAST,CKO")
    )
    net = found.value.network
    call.line(f"{name}: flags={number}<{words}>")
    call.line(f"\tinet {found.value.ip} netmask {int(net.netmask):x} broadcast {net.broadcast_address}")
    return 0


def _set(call: Call, name: str, words: list[str], found: Address | None) -> int:
    address, *rest = words
    mask, up = None, True
    while rest:
        word = rest.pop(0)
        if word == "netmask" and rest:
            mask = rest.pop(0)
        elif word == "broadcast" and rest:
            rest.pop(0)
        elif word in ("up", "down"):
            up = word == "up"
        else:
            return call.fail(f"ifconfig: {word}: bad value")
    try:
        value = with_mask(address, mask)
    except ValueError:
        return call.fail(f"ifconfig: {address}: bad value")
    host = call.host
    if any(a.value.ip == value.ip and a is not found for a in host.addresses):
        return call.fail("ifconfig: ioctl (SIOCSIFADDR): Can't assign requested address")
    host.addresses = [a for a in host.addresses if a is not found]
    host.addresses.append(Address(name, value, up, own=bool(found and found.own)))
    return 0


def ping(call: Call) -> int:
    """`ping ADDRESS [-n COUNT [-m TIMEOUT]]`. Whether anything in the lab has the address up."""
    words = [w for w in call.words if not re.fullmatch(r"-[nm]|\d+", w)]
    if len(words) != 1:
        return call.fail("usage: ping host [-n count]")
    up = call.host.world.answers(words[0])
    call.line(f"PING {words[0]}: 64 byte packets")
    if up:
        call.line(f"64 bytes from {words[0]}: icmp_seq=0. time=0. ms")
    call.line(f"\n----{words[0]} PING Statistics----")
    call.line(f"1 packets transmitted, {int(up)} packets received, {0 if up else 100}% packet loss")
    return 0 if up else 1


PROGRAMS: dict[str, Program] = {"netstat": netstat, "ifconfig": ifconfig, "ping": ping}
