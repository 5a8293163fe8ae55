"""What can be measured: faults that the replica has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.measure import Fault, UnknownFaultError, require
from demo.processes import Child
from demo.stage import Stage
from tests.conftest import ROOT
from tests.waiting import LONG


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Stage]:
    """Stage a replica alone."""
    (tmp_path / "logs").mkdir()
    with Child("replica", ["staging", "run", "--port", "0"], tmp_path / "logs") as replica:
        url = replica.says(r"(http://127\.0\.0\.1:\d+)", within=LONG)
        yield Stage(tmp_path, ROOT / "config", url, "", 15.0, (replica,))


def test_a_fault_that_the_replica_does_not_have_is_refused_before_anything_is_measured(scene: Stage) -> None:
    """By name and by parameter, with what there is; a known one passes."""
    require(scene, Fault("error-share", {"system": "digid-app"}))
    with pytest.raises(UnknownFaultError, match=r"There is no fault 'none'; there is: .*forwarding-broken"):
        require(scene, Fault("none"))
    with pytest.raises(UnknownFaultError, match="maintenance-page has no parameter 'share'; it has: none"):
        require(scene, Fault("maintenance-page", {"share": "1"}))
