"""AIX: ifconfig with aliases, netstat -in, ping."""

from __future__ import annotations

import ipaddress
import re

from lab.hosts.service import Address, with_mask
from lab.shell.call import Call, Program

UP = "1e080863,480<UP,BROADCAST,NOTRAILERS,RUNNING,SIMPLEX,MULTICAST,GROUPRT,64BIT,CHECKSUM_OFFLOAD(ACTIVE)>"
DOWN = "1e080862,480<BROADCAST,NOTRAILERS,SIMPLEX,MULTICAST,GROUPRT,64BIT,CHECKSUM_OFFLOAD(ACTIVE)>"


LOOPBACK = (
    "lo0: flags=e08084b,c0<UP,BROADCAST,LOOPBACK,RUNNING,SIMPLEX,MULTICAST,GROUPRT,64BIT,LARGESEND,CHAIN>\n"
    "\tinet 127.0.0.1 netmask 0xff000000 broadcast 127.255.255.255\n"
    "\tinet6 ::1%1/0\n"
    "\t tcp_sendspace 131072 tcp_recvspace 131072 rfc1323 1\n"
)


def short_network(network: ipaddress.IPv4Network) -> str:
    """AIX leaves out the zero octets at the end."""
    octets = str(network.network_address).split(".")
    while len(octets) > 1 and octets[-1] == "0":
        octets.pop()
    return ".".join(octets)


def netstat(call: Call) -> int:
    letters = "".join(w[1:] for w in call.words)
    if any(not w.startswith("-") for w in call.words) or set(letters) - set("in") or "i" not in letters:
        return call.fail("usage: netstat [-in]")
    call.line("Name  Mtu   Network     Address            Ipkts Ierrs    Opkts Oerrs  Coll")
    for number, name in enumerate(call.host.interfaces, 2):
        shown = [a for a in call.host.addresses if a.interface == name]
        up = any(a.up for a in shown)
        label = name if up else f"{name}*"
        mac = f"fa.16.3e.0.0.{number:x}"
        call.line(
            f"{label:<5} {1500:<5} {f'link#{number}':<11} {mac:<17} {1204:>7} {0:>5} {988:>8} {0:>5} {0:>5}"
        )
        for a in shown:
            if a.up:
                net = short_network(a.value.network)
                row = f"{label:<5} {1500:<5} {net:<11} {a.value.ip!s:<17}"
                call.line(f"{row} {1204:>7} {0:>5} {988:>8} {0:>5} {0:>5}")
    call.line(f"{'lo0':<5} {16896:<5} {'127':<11} {'127.0.0.1':<17} {310:>7} {0:>5} {310:>8} {0:>5} {0:>5}")
    return 0


def ifconfig(call: Call) -> int:
    """`ifconfig en0`, `ifconfig en0 A netmask M alias`, `ifconfig en0 A delete`, `ifconfig -a`."""
    words = [w for w in call.words if w != "inet"]
    host = call.host
    if words == ["-a"]:
        for name in host.interfaces:
            _show(call, name)
        call.out(LOOPBACK)
        return 0
    if not words:
        return call.fail("usage: ifconfig interface [ address_family ] [ address ] [ parameters ]")
    name, *rest = words
    if name not in host.interfaces:
        return call.fail(f"ifconfig: 0821-524 The interface {name} does not exist.")
    if not rest:
        _show(call, name)
        return 0
    if rest in (["up"], ["down"]):
        for a in host.addresses:
            if a.interface == name:
                a.up = rest == ["up"]
        return 0
    return _change(call, name, rest)


def _show(call: Call, name: str) -> None:
    shown = [a for a in call.host.addresses if a.interface == name]
    call.line(f"{name}: flags={UP if any(a.up for a in shown) else DOWN}")
    for a in shown:
        net = a.value.network
        call.line(f"\tinet {a.value.ip} netmask 0x{int(net.netmask):08x} broadcast {net.broadcast_address}")
    call.line("\t tcp_sendspace 262144 tcp_recvspace 262144 rfc1323 1")


def _change(call: Call, name: str, words: list[str]) -> int:
    address, *rest = words
    mask, action = None, ""
    while rest:
        word = rest.pop(0)
        if word == "netmask" and rest:
            mask = rest.pop(0)
        elif word == "broadcast" and rest:
            rest.pop(0)
        elif word in ("alias", "delete", "-alias", "up"):
            action = "delete" if word == "-alias" else (word if word != "up" else action)
        else:
            return call.fail(f"ifconfig: 0821-195 {word}: bad value")
    host = call.host
    try:
        value = with_mask(address, mask)
    except ValueError:
        return call.fail(f"ifconfig: 0821-195 {address}: bad value")
    there = [a for a in host.addresses if a.interface == name and a.value.ip == value.ip]
    if action == "delete":
        if not there:
            return call.fail("ifconfig: 0821-155 ioctl (SIOCDIFADDR): Cannot assign requested address.")
        host.addresses = [a for a in host.addresses if a is not there[0]]
        return 0
    if action == "alias":
        # An alias that is there already is taken as it is (documented).
        if not there:
            host.addresses.append(Address(name, value))
        return 0
    # Without `alias` the address takes the place of the interface's first one.
    host.addresses = [a for a in host.addresses if a.interface != name]
    host.addresses.append(Address(name, value, own=True))
    return 0


def ping(call: Call) -> int:
    """`ping [-c COUNT] [-w SECONDS] ADDRESS`."""
    words = [w for w in call.words if not re.fullmatch(r"-[cwq]|\d+", w)]
    if len(words) != 1:
        return call.fail("usage: ping [-c count] [-w wait] host")
    up = call.host.world.answers(words[0])
    call.line(f"PING {words[0]} ({words[0]}): 56 data bytes")
    if up:
        call.line(f"64 bytes from {words[0]}: icmp_seq=0 ttl=255 time=0 ms")
    call.line(f"\n--- {words[0]} ping statistics ---")
    call.line(f"1 packets transmitted, {int(up)} packets received, {0 if up else 100}% packet loss")
    return 0 if up else 1


PROGRAMS: dict[str, Program] = {"netstat": netstat, "ifconfig": ifconfig, "ping": ping}
