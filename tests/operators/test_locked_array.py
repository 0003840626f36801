"""What rests on the proof that a service is down waits for a locked array only while that proof is young."""

from __future__ import annotations

from typing import Any

import pytest

from clones.errors import Locked, Refused
from operators.service import ServiceStopOperator
from operators.symclone import SymcloneRecreateOperator
from tests.conftest import ONE_ARRAY, new_context, sent, typed
from tests.support.locked import under_lock

SERVICE, HOST, SYMID = "lnxpp", "lnxpp01", "000297600001"
STARTED = ("/usr/sbin/vgchange -a y vg_ppdata", "/usr/bin/mount -t ext4 /dev/vg_ppdata/lv_data /pp/data")
LOCKS = pytest.mark.parametrize("code", [2, 3, 19], ids=["database", "array", "gatekeeper"])


def stop() -> None:
    ServiceStopOperator(task_id="stop", service=SERVICE).execute(new_context())  # type: ignore[arg-type]


def recreate() -> None:
    operator = SymcloneRecreateOperator(task_id="recreate", service=SERVICE, sync="data")
    operator.execute(new_context())  # type: ignore[arg-type]


def states(lab: Any) -> set[str]:
    return {lab.session(SYMID, *pair)["state"] for pair in (("01A10", "01AB4"), ("01A11", "01AB5"))}


@ONE_ARRAY
@LOCKS
def test_who_starts_the_service_meanwhile_is_not_overwritten(lab: Any, code: int) -> None:
    """The array is locked for five minutes; after four a person starts the service."""
    stop()
    lab.fault("lock", exit=code, seconds=300, match="noprompt recreate")
    error, waited = under_lock(lab, recreate, 300)
    assert isinstance(error, Locked) and f"exit code {code}" in str(error), error
    assert "Nothing was changed on the array" in str(error) and "symcfg list -lock" in str(error)
    assert waited == 30
    lab.advance(210)
    for line in STARTED:
        lab.administrator(HOST, line)
    with pytest.raises(Refused, match=f"Service {SERVICE} is not down"):
        recreate()
    lab.advance(300)
    assert states(lab) == {"Copied"} and len(sent(lab, "recreate")) == 1


@ONE_ARRAY
@LOCKS
def test_a_short_lock_is_waited_for(lab: Any, code: int) -> None:
    stop()
    lab.fault("lock", exit=code, seconds=20, match="noprompt recreate")
    error, waited = under_lock(lab, recreate, 300)
    assert error is None and waited == 20
    (command,) = sent(lab, "recreate")
    assert typed(command["command"]).endswith("-noprompt recreate -precopy -i 10 -c 3")
    assert states(lab) == {"PreCopy"}
