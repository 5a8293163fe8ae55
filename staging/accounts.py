"""The test accounts at DigiD: every number of the test range has one, and its secrets follow from the number.

Password, PIN and app of the citizen with number 999123459 are `Test-999123459`, `23459` and `app-999123459`. No other
number has an account, so no real person can ever log in here.
"""

from __future__ import annotations

import secrets

from staging.expiring import Expiring

_WEIGHTS = (9, 8, 7, 6, 5, 4, 3, 2, -1)
_INSTALLED = "app-"


class Accounts:
    """Test accounts, and the apps that were activated for them within the last `lifetime` seconds."""

    def __init__(self, lifetime: float) -> None:
        self._activated: Expiring[str, tuple[str, str]] = Expiring(lifetime)

    def accepts_password(self, bsn: str, password: str) -> bool:
        """Tell whether this number has an account with this password."""
        return _exists(bsn) and password == f"Test-{bsn}"

    def activate_app(self, bsn: str, pin: str, now: float) -> str:
        """Register one more app of this citizen and return its id."""
        app = secrets.token_urlsafe(12)
        self._activated.put(app, (bsn, pin), now)
        return app

    def owner_of_app(self, app: str, pin: str, now: float) -> str | None:
        """Return the number of the citizen whose app this is, or None if app or PIN is wrong."""
        if app.startswith(_INSTALLED):
            bsn = app.removeprefix(_INSTALLED)
            owner = (bsn, bsn[-5:]) if _exists(bsn) else None
        else:
            owner = self._activated.get(app, now)
        return owner[0] if owner and owner[1] == pin else None


def _exists(bsn: str) -> bool:
    """Tell whether this is a test number: nine digits, the first three 999, and it passes the 11-test."""
    wellformed = len(bsn) == 9 and bsn.isdecimal() and bsn.startswith("999")
    return wellformed and sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, bsn, strict=True)) % 11 == 0
