from __future__ import annotations

from config import Configuration
from staging.layout import LINES, SYSTEMS, endpoints


def test_the_replica_is_where_the_local_environment_looks(configuration: Configuration) -> None:
    """The endpoints of the environment 'local' are those of a replica on its default port."""
    assert endpoints("http://127.0.0.1:8600") == dict(configuration.environments["local"].endpoints)


def test_the_replica_plays_every_system_of_the_estate(configuration: Configuration) -> None:
    """No system of the shipped estate is missing."""
    assert set(configuration.systems) == {*SYSTEMS, *LINES}
