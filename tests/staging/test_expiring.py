from __future__ import annotations

from staging.expiring import Expiring


def test_an_entry_lives_for_its_lifetime_and_no_longer() -> None:
    """The value is there until the lifetime is over, then it is gone."""
    memory: Expiring[str, int] = Expiring(10.0)
    memory.put("a", 1, 0.0)
    assert memory.get("a", 9.9) == 1
    assert memory.get("a", 10.0) is None


def test_touching_lets_an_entry_live_anew() -> None:
    """A session that is used stays; getting alone does not keep it."""
    memory: Expiring[str, int] = Expiring(10.0)
    memory.put("used", 1, 0.0)
    memory.put("read", 2, 0.0)
    assert memory.touch("used", 8.0) == 1
    assert memory.get("read", 8.0) == 2
    assert memory.keys(12.0) == ["used"]


def test_a_popped_entry_is_gone() -> None:
    """What may be used once is there once."""
    memory: Expiring[str, int] = Expiring(10.0)
    memory.put("a", 1, 0.0)
    assert memory.pop("a", 1.0) == 1
    assert memory.pop("a", 1.0) is None


def test_memory_stays_bounded_while_a_crowd_passes() -> None:
    """A hundred thousand people at ten a second leave no more than a lifetime's worth behind."""
    memory: Expiring[int, int] = Expiring(60.0)
    for person in range(100_000):
        memory.put(person, person, person / 10)
        assert len(memory._entries) <= 600
