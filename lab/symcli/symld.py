"""`symld -g DG list [-v]`, `add` and `remove`. Of -v the labels are relied on by field code, the page around
them is assumed; `add` is recalled, and like `symdg add`; `remove LDNAME` is recalled."""

from __future__ import annotations

from lab.array.refused import Refused
from lab.shell.call import Call
from lab.symcli import lock, scope
from lab.symcli.action import Action
from lab.symcli.layout import layout
from lab.symcli.options import Options
from lab.symcli.pages import device_page
from lab.symcli.symdg import ADD, RETRY, print_blocks


@layout("symld list -v: text")
async def _list(call: Call, options: Options) -> int:
    if "-g" not in options.values:
        raise Refused("scope_needed", command=call.name)
    name = options.values["-g"]
    await lock.acquire(call, control=False)
    array, members = scope.group_of(call.host.arrays, name)
    if "-v" not in options.flags:
        print_blocks(call, array, members)
        return 0
    call.out(f"\nDevice Group (DG) Name: {name}\n")
    for member in members.values():
        device_page(call, array, member.device, member.name, name)
    return 0


async def _remove(call: Call, options: Options) -> int:
    if "-g" not in options.values:
        raise Refused("scope_needed", command=call.name)
    await lock.acquire(call, control=False, interval=options.number("-i"), count=options.number("-c"))
    name = options.values["-g"]
    _, members = scope.group_of(call.host.arrays, name)
    if options.words[1] not in members:
        raise Refused("no_such_ld", name=options.words[1], group=name)
    del members[options.words[1]]
    return 0


ACTIONS = {
    "list": Action(frozenset({"-v"}), frozenset({"-g", "-sid"}), _list),
    "add": ADD,
    "remove": Action(frozenset(), RETRY | {"-g"}, _remove, words=1),
}
