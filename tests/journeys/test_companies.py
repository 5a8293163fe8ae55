"""Bank tax and VAT on sales to other countries: what goes wrong, and where."""

from __future__ import annotations

import pytest

from journeys import JourneyFailed, Reason
from tests.drivers import someone, walk_by_hand

LOGIN = {
    "open-login": (200, '{"request": "r"}'),
    "start-login": (200, '{"transaction": "x"}'),
    "read-code": (200, '{"code": "1"}'),
    "enter-code": (200, '{"artifact": "a"}'),
    "log-in": (200, '{"ticket": "t"}'),
}
GOOD = {
    "file-bank-tax": {
        "open-bank-tax": (200, '{"returns": {}}'),
        "file-bank-tax": (200, '{"receipt": "K1", "owed": 1}'),
        "check-bank-tax": (200, '{"returns": {"2025": {"receipt": "K1"}}}'),
    },
    "file-vat-ecommerce": {
        "open-vat-ecommerce": (200, '{"track": "emergency"}'),
        "file-vat-ecommerce": (200, '{"receipt": "K1"}'),
        "check-vat-ecommerce": (200, '{"owed": 1}'),
    },
}


@pytest.mark.parametrize(
    ("journey", "step", "status", "body", "reason"),
    [
        ("file-bank-tax", "open-bank-tax", 403, "", Reason.SESSION_LOST),
        ("file-bank-tax", "file-bank-tax", 422, "", Reason.RETURN_NOT_ACCEPTED),
        ("file-bank-tax", "file-bank-tax", 200, '{"receipt": "K1"}', Reason.CONTENT_MISSING),
        ("file-bank-tax", "check-bank-tax", 200, '{"returns": {}}', Reason.RETURN_NOT_ACCEPTED),
        ("file-bank-tax", "check-bank-tax", 200, '{"returns": null}', Reason.RETURN_NOT_ACCEPTED),
        ("file-bank-tax", "check-bank-tax", 200, '{"returns": {"2025": {}, "2024": 1}}', Reason.RETURN_NOT_ACCEPTED),
        ("file-bank-tax", "check-bank-tax", 401, "", Reason.SESSION_LOST),
        ("file-vat-ecommerce", "open-vat-ecommerce", 200, "Wegens onderhoud gesloten", Reason.MAINTENANCE_PAGE),
        ("file-vat-ecommerce", "file-vat-ecommerce", 400, "", Reason.RETURN_NOT_ACCEPTED),
        ("file-vat-ecommerce", "check-vat-ecommerce", 404, "", Reason.RETURN_NOT_ACCEPTED),
        ("file-vat-ecommerce", "check-vat-ecommerce", 200, '{"owed": 1}', Reason.CONTENT_MISSING),
        ("file-vat-ecommerce", "open-login", 500, "", Reason.UNEXPECTED_STATUS),
    ],
)
def test_each_failure_has_its_reason_and_step(journey: str, step: str, status: int, body: str, reason: Reason) -> None:
    """What goes wrong is named, at the step at which it did."""
    with pytest.raises(JourneyFailed) as caught:
        walk_by_hand(journey, someone(), {**LOGIN, **GOOD[journey], step: (status, body)})
    assert (caught.value.reason, caught.value.step) == (reason, step)


def test_a_bank_that_finds_its_return_passes() -> None:
    """Every step is taken."""
    assert walk_by_hand("file-bank-tax", someone(), {**LOGIN, **GOOD["file-bank-tax"]})
