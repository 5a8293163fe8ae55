"""The income-tax return: pre-filled, drafted, signed, submitted; and what it refuses.

A citizen may send a corrected return after the first; the last one counts. So opening the return after a submission
starts a correction, while the return that was submitted stays closed: submitting it a second time is refused.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from staging.answers import Refused
from staging.expiring import Expiring


@dataclass(slots=True)
class TaxReturn:
    """One return. `signature` fits the present version only; `receipt` is empty until it was submitted."""

    id: str
    bsn: str
    amounts: dict[str, int]
    version: int = 0
    signature: str = ""
    receipt: str = ""

    def save(self, changes: Mapping[str, Any]) -> None:
        """Change amounts (whole euros) of the draft; what was signed before is signed no more. Raises `Refused`."""
        self._check_open()
        for name, amount in changes.items():
            if name not in self.amounts or type(amount) is not int or amount < 0:
                raise Refused(400, "bad_amount", "Vul bij elke vraag een bedrag in hele euro's in.")
        self.amounts.update(changes)
        self.version += 1
        self.signature = ""

    def sign(self, version: Any) -> str:
        """Sign the version that the citizen saw and return the signature. Raises `Refused` (409) for any other."""
        self._check_open()
        if version != self.version:
            raise Refused(409, "changed", "De aangifte is intussen gewijzigd. Controleer hem opnieuw.")
        self.signature = secrets.token_urlsafe(12)
        return self.signature

    def submit(self, signature: str) -> str:
        """Close the return; return the number of its receipt. Raises `Refused`: 409 if closed, 422 if unsigned."""
        self._check_open()
        if not self.signature or signature != self.signature:
            raise Refused(422, "not_signed", "Onderteken eerst uw aangifte.")
        self.receipt = secrets.token_hex(8).upper()
        return self.receipt

    def _check_open(self) -> None:
        if self.receipt:
            raise Refused(409, "submitted_before", "Deze aangifte is al verzonden.")


def pre_filled(bsn: str) -> TaxReturn:
    """Return a new return with the amounts (whole euros) that employer and bank reported: always the same for a BSN."""
    draw = Random(f"return/{bsn}")
    wage = draw.randrange(12_000, 90_000)
    amounts = {
        "wage": wage,
        "withheld": wage * draw.randrange(20, 38) // 100,
        "savings": draw.randrange(0, 60_000),
        "mortgage_interest": draw.choice((0, draw.randrange(1_500, 12_000))),
        "gifts": 0,
    }
    return TaxReturn(secrets.token_urlsafe(12), bsn, amounts)


def shown(tax_return: TaxReturn) -> dict[str, Any]:
    """Return what its owner sees of a return, as plain data."""
    return {"return": tax_return.id, "version": tax_return.version, "amounts": tax_return.amounts}


class Returns:
    """All returns of the last while: one draft for each citizen, and what was submitted by its id."""

    def __init__(self, draft_lifetime: float, receipt_lifetime: float) -> None:
        self._drafts: Expiring[str, TaxReturn] = Expiring(draft_lifetime)
        self._submitted: Expiring[str, TaxReturn] = Expiring(receipt_lifetime)
        self.submissions = 0

    def open(self, bsn: str, now: float) -> TaxReturn:
        """Return the citizen's draft, or a new pre-filled one."""
        draft = self._drafts.touch(bsn, now)
        if draft is None:
            draft = pre_filled(bsn)
            self._drafts.put(bsn, draft, now)
        return draft

    def find(self, bsn: str, key: str, now: float) -> TaxReturn:
        """Return the citizen's own return with this id. Raises `Refused` (404) if there is none."""
        draft = self._drafts.touch(bsn, now)
        found = draft if draft and draft.id == key else self._submitted.get(key, now)
        if found is None or found.bsn != bsn:
            raise Refused(404, "no_return", "Deze aangifte is er niet.")
        return found

    def submit(self, tax_return: TaxReturn, signature: str, now: float) -> str:
        """Submit a return and return the number of its receipt. Raises `Refused`."""
        receipt = tax_return.submit(signature)
        self._drafts.pop(tax_return.bsn, now)
        self._submitted.put(tax_return.id, tax_return, now)
        self.submissions += 1
        return receipt

    def drafts(self, now: float) -> int:
        """Return how many drafts are kept."""
        return self._drafts.count(now)
