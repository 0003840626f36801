"""Whether a copy that is not in use was touched: what the demonstration with two target sets rests on."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.real.kept import Blocks, FormerKept
from demo.real.site import Copy
from lab import Lab
from tests.real.test_blocks import config, symclone, write
from tests.support.site import until


def test_one_byte_is_seen_whoever_writes_it(tmp_path: Path) -> None:
    with Lab(config(), directory=tmp_path / "lab") as lab:
        blocks = Blocks(lab, Copy("target", ("data", "archivelogs"), {"data": "2002"}))
        empty, first = blocks.checksum(), blocks.written
        assert (blocks.checksum(), blocks.written) == (empty, first)
        write(lab, "target", 7)
        one, second = blocks.checksum(), blocks.written
        assert one != empty and second > first
        write(lab, "target", 8)
        assert blocks.checksum() not in (empty, one)
        third = blocks.written
        symclone(lab, "recreate -precopy")
        assert blocks.checksum() == empty and blocks.written > third > second
        assert not blocks.mounted


class Disks:
    """A set whose blocks are a text."""

    def __init__(self, *, mounted: bool) -> None:
        self.mounted, self.text, self.written = mounted, "left", (1_000_000_000,)

    def checksum(self) -> str:
        return self.text

    def write(self, at: float) -> None:
        self.text, self.written = f"{self.text}!", (int(at * 1e9),)


@pytest.mark.parametrize(
    ("back", "written", "whole"),
    [
        (False, None, True),
        (False, 50.0, False),
        (True, None, True),
        (True, 50.0, False),
        (True, 70.0, True),  # by the start on it
    ],
)
def test_what_is_written_to_the_former_set_is_seen(back: bool, written: float | None, whole: bool) -> None:
    former, new = Disks(mounted=True), Disks(mounted=False)
    with FormerKept(former, new) as kept:  # type: ignore[arg-type]
        former.mounted, new.mounted = False, True
        until(lambda: len(kept.checksums) == 1, 10, "it does not look")
        if back:
            new.mounted = False
            until(lambda: len(kept.checksums) == 2, 10, "it does not look again")
        if written:
            former.write(written)
            until(lambda: bool(kept.writes), 10, "it does not see the write")
        if back:
            former.mounted = True
            until(lambda: kept.mounted_again, 10, "it does not see the mount")
    assert kept.whole(until=60.0 if back else None) is whole


def test_a_run_that_does_not_change_over_proves_nothing() -> None:
    with FormerKept(Disks(mounted=True), Disks(mounted=False)) as kept:  # type: ignore[arg-type]
        pass
    assert not kept.whole()
