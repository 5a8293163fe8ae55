"""The post-mortem: one page that needs nothing else. One axis of time, then what was noticed, and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from demo.incidents.chronicle import Chronicle, Finding, blind
from demo.incidents.duty import Owed
from demo.incidents.picture import WIDTH, picture, ticks
from demo.incidents.script import Script


@dataclass(frozen=True, slots=True)
class Told:
    """What the public of one system must be told: the first and the last message, and how many by each rule."""

    system: str
    first: Owed
    last: Owed
    counts: str


def render(script: Script, chronicle: Chronicle, found: Sequence[Finding], owed: Sequence[Owed]) -> str:
    """Return the page."""
    environment = Environment(
        loader=PackageLoader("demo.incidents"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    harmed = [each for each in chronicle.accounts if _lost(each)]
    return environment.get_template("post-mortem.html.j2").render(
        script=script,
        chronicle=chronicle,
        found=found,
        groups=picture(script, chronicle, owed),
        ticks=ticks(script, chronicle),
        width=WIDTH,
        blind=blind(chronicle),
        harmed=harmed,
        unharmed=[each["system"] for each in chronicle.accounts if each not in harmed],
        duties=list(_duties(owed)),
    )


def _lost(account: Mapping[str, Any]) -> bool:
    """Tell whether a system lost anything, planned or not, or was not measured."""
    shares = (account["availability_excluding_planned"], account["availability_including_planned"])
    return any(share is None or share < 1 for share in shares) or bool(account["bad"])


def _duties(owed: Sequence[Owed]) -> Iterator[Told]:
    for system in dict.fromkeys(each.system for each in owed):
        mine = [each for each in owed if each.system == system]
        counts = Counter(f"{each.rule} {each.kind}" for each in mine)
        yield Told(system, mine[0], mine[-1], ", ".join(f"{number} {what}" for what, number in counts.items()))
