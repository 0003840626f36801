"""Linux: ip addr, arping, ping."""

from __future__ import annotations

import ipaddress
import re

from lab.hosts.service import Address
from lab.shell.call import Call, Program

LIFE = "       valid_lft forever preferred_lft forever"


def ip(call: Call) -> int:
    """`ip [-o] [-4] addr [show [dev X]]`, `ip addr add A/P dev X [label L]`, `ip addr del A/P dev X`."""
    words = list(call.words)
    one_line = False
    while words and words[0].startswith("-"):
        option = words.pop(0)
        if option in ("-o", "-oneline"):
            one_line = True
        elif option not in ("-4", "-f", "inet"):
            return call.fail(f'Option "{option}" is unknown, try "ip -help".', 255)
    if not words or not "address".startswith(words[0]) or len(words[0]) < 1:
        name = words[0] if words else ""
        return call.fail(f'Object "{name}" is unknown, try "ip help".', 1)
    action, rest = (words[1], words[2:]) if len(words) > 1 else ("show", [])
    if action in ("show", "list", "ls"):
        return _show(call, rest, one_line)
    if action in ("add", "del", "delete"):
        return _change(call, action == "add", rest)
    return call.fail(f'Command "{action}" is unknown, try "ip address help".', 255)


def _interfaces(call: Call) -> list[str]:
    return ["lo", *call.host.interfaces]


def _of(call: Call, name: str) -> list[Address]:
    if name == "lo":
        return [Address("lo", ipaddress.IPv4Interface("127.0.0.1/8"), own=True)]
    return [a for a in call.host.addresses if a.interface.split(":")[0] == name]


def _show(call: Call, words: list[str], one_line: bool) -> int:
    names = _interfaces(call)
    if words[:1] == ["dev"]:
        words = words[1:]
    if len(words) > 1:
        return call.fail(f'Error: either "dev" is duplicate, or "{words[1]}" is a garbage.', 255)
    if words:
        if words[0] not in names:
            return call.fail(f'Device "{words[0]}" does not exist.')
        names = words
    for name in names:
        number = _interfaces(call).index(name) + 1
        if not one_line:
            flags, state = (
                ("LOOPBACK,UP,LOWER_UP", "UNKNOWN")
                if name == "lo"
                else ("BROADCAST,MULTICAST,UP,LOWER_UP", "UP")
            )
            mtu, queue = (65536, "noqueue") if name == "lo" else (1500, "mq")
            call.line(
                f"{number}: {name}: <{flags}> mtu {mtu} qdisc {queue} state {state} group default qlen 1000"
            )
            kind = "loopback 00:00:00:00:00:00" if name == "lo" else f"ether 52:54:00:00:00:{number:02x}"
            call.line(f"    link/{kind} brd {'00:00:00:00:00:00' if name == 'lo' else 'ff:ff:ff:ff:ff:ff'}")
        networks: set[ipaddress.IPv4Network] = set()
        for address in _of(call, name):
            text = _inet(address, secondary=address.value.network in networks)
            networks.add(address.value.network)
            call.line(f"{number}: {name}    {text}\\{LIFE}" if one_line else f"    {text}\n{LIFE}")
    return 0


def _inet(address: Address, secondary: bool) -> str:
    name = address.interface
    if name == "lo":
        return f"inet {address.value} scope host lo"
    brd = address.value.network.broadcast_address
    return f"inet {address.value} brd {brd} scope global {'secondary ' if secondary else ''}{name}"


def _change(call: Call, add: bool, words: list[str]) -> int:
    value, device, label = None, None, None
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word in ("dev", "label", "brd", "broadcast") and rest:
            following = rest.pop(0)
            device = following if word == "dev" else device
            label = following if word == "label" else label
        elif value is None:
            value = word
        else:
            return call.fail(f'Error: either "local" is duplicate, or "{word}" is a garbage.', 255)
    try:
        address = ipaddress.IPv4Interface(value or "")
    except ValueError:
        return call.fail(f'Error: any valid prefix is expected rather than "{value}".')
    if device is None:
        return call.fail('Not enough information: "dev" argument is required.', 255)
    if device not in _interfaces(call):
        return call.fail(f'Cannot find device "{device}"')
    host = call.host
    found = [a for a in _of(call, device) if a.value == address]
    if add:
        if found:
            return call.fail("RTNETLINK answers: File exists", 2)
        host.addresses.append(Address(label or device, address))
        return 0
    if not found:
        return call.fail("RTNETLINK answers: Cannot assign requested address", 2)
    host.addresses = [a for a in host.addresses if a is not found[0]]
    return 0


def arping(call: Call) -> int:
    """`arping -U|-A [-c N] -I DEV [-s A] A`: accepted when the address is up here."""
    words = call.words
    if not words or words[-1].startswith("-") or "-I" not in words:
        return call.fail("Usage: arping [-AU] [-c count] [-I device] [-s source] destination", 2)
    call.line(
        f"ARPING {words[-1]} from {words[-1]} {words[words.index('-I') + 1]}\n"
        "Sent 1 probes (1 broadcast(s))\nReceived 0 response(s)"
    )
    return 0


def ping(call: Call) -> int:
    """`ping [-c N] [-W S] [-w S] ADDRESS`."""
    words = [w for w in call.words if not re.fullmatch(r"-[cWwq]|-[cWw]?\d+|\d+", w)]
    if len(words) != 1:
        return call.fail("ping: usage error: Destination address required", 2)
    up = call.host.world.answers(words[0])
    call.line(f"PING {words[0]} ({words[0]}) 56(84) bytes of data.")
    if up:
        call.line(f"64 bytes from {words[0]}: icmp_seq=1 ttl=64 time=0.031 ms")
    call.line(f"\n--- {words[0]} ping statistics ---")
    call.line(f"1 packets transmitted, {int(up)} received, {0 if up else 100}% packet loss, time 0ms")
    return 0 if up else 1


PROGRAMS: dict[str, Program] = {"ip": ip, "arping": arping, "ping": ping}
