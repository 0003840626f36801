"""What does not go together is refused before anything starts."""

from __future__ import annotations

import pytest

from demo.__main__ import main


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--rotate"], "--rotate goes with --real"),
        (["--real", "--powermax"], "--powermax does not go with --real"),
        (["--real", "--keep"], "--keep does not go with --real"),
    ],
)
def test_refused(words: list[str], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert named in capsys.readouterr().err
