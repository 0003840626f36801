"""The same refresh with the lab behind real OpenSSH servers, whose behaviour is nobody's here."""

from __future__ import annotations

import pytest

from tests.support.shared import SharedAirflow
from tests.support.site import check_refresh


@pytest.mark.airflow
def test_refresh(shared: SharedAirflow, tmp_path_factory: pytest.TempPathFactory) -> None:
    with shared.site(tmp_path_factory.mktemp("s"), sshd=True) as site:
        check_refresh(site)
