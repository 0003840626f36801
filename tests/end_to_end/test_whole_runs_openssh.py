"""The same refresh with the lab behind real OpenSSH servers, whose behaviour is nobody's here."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.site import check_refresh, running_site


@pytest.mark.airflow
def test_refresh(tmp_path_factory: pytest.TempPathFactory) -> None:
    home: Path = tmp_path_factory.mktemp("s")
    with running_site(home, sshd=True) as site:
        check_refresh(site)
