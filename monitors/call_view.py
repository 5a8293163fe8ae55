"""One call, drawn for an engineer with a broken line at hand: verdict, facts, stages, ladder of messages, audio. Pure.

Nothing here judges: the class comes with its verdict and its words, the rest is what `CallEvidence` says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from monitors.evidence import verdict_data
from monitors.probes.phone.classes import Class, Language, in_words, title, verdict_of
from monitors.probes.phone.evidence import CallEvidence, EndedBy, Exchanged, Heard, Received, Sound, Stage
from monitors.verdict import Fail, Pass, Unknown

_LANGUAGES: tuple[Language, ...] = ("en", "nl")
NARROWEST, WIDEST = 60, 120
"""Columns between which the drawing keeps; a line of 200 columns is not read by anybody."""
_PAUSE = 1.0
"""Seconds between two messages from which the ladder shows the wait as a line of its own."""
_NAMES = 20
"""Columns before the axis of the audio: the longest name of a sound."""
_SECONDS = 9
"""Columns behind it: how long each sound was heard."""
_TICKS = (1.0, 2.0, 5.0, 10.0, 20.0, 60.0)
_MARKED = {Stage.PROGRESS: "progress", Stage.ANSWER: "answer", Stage.MENU: "menu", Stage.QUEUE: "queue"}

COLOURS = {
    Sound.NOTHING: "bright_black",
    Sound.SILENCE: "white",
    Sound.ACTIVE: "green",
    Sound.MUSIC: "cyan",
    Sound.RINGBACK: "blue",
    Sound.BUSY: "red",
    Sound.CONGESTION: "bright_red",
    Sound.SPECIAL_INFORMATION: "magenta",
}
_WHO = {EndedBy.US: "by us", EndedBy.FAR_END: "by the far end", EndedBy.NOBODY: "by nobody: it was never up"}


@dataclass(frozen=True, slots=True)
class Signs:
    """The characters that the drawing is made of."""

    line: str
    side: str
    right: str
    left: str
    early: str
    full: str
    mark: str
    tick: str
    gap: str
    dot: str


UNICODE = Signs("─", "│", "▶", "◀", "▒", "█", "▲", "┴", "⋮", "·")
ASCII = Signs("-", "|", ">", "<", ":", "#", "^", "+", ":", "-")


def as_data(evidence: CallEvidence, found: Class) -> dict[str, Any]:
    """Return a call as plain data for a machine: the verdict first. Times are seconds from the beginning."""
    return {
        **verdict_data(verdict_of(found, evidence)),
        "class": str(found),
        "words": {language: in_words(found, evidence, language) for language in _LANGUAGES},
        "stage": str(evidence.stage),
        "post_dial_delay": _rounded(evidence.post_dial_delay),
        **{name: _rounded(value) for name, value in asdict(evidence).items()},
    }


def _rounded(value: Any) -> Any:
    """Return plain data with its times in whole microseconds."""
    match value:
        case float():
            return round(value, 6)
        case dict():
            return {str(name): _rounded(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_rounded(inner) for inner in value]
    return value


def draw(evidence: CallEvidence, found: Class, *, width: int = 80, signs: Signs = UNICODE, explain: bool) -> Group:
    """Draw a call, `width` columns wide: the verdict and the facts; with `explain` everything that was seen."""
    width = max(NARROWEST, min(width, WIDEST))
    parts: list[RenderableType] = [
        _headline(evidence, found),
        Constrain(f" {signs.dot} ".join(_facts(evidence)), width),
    ]
    if explain:
        parts += [*_titled("Stages", _stages(evidence)), *_titled("Messages", _ladder(evidence.ladder, width, signs))]
        parts += _titled("Audio", _audio(evidence, width, signs))
    return Group(*parts)


def _titled(title: str, body: RenderableType) -> list[RenderableType]:
    return [Text(f"\n{title}", style="bold"), Padding(body, (0, 0, 0, 2))]


def _headline(evidence: CallEvidence, found: Class) -> Text:
    """Say the verdict, and what it means in both languages: one of them is for whoever is told of it."""
    match verdict_of(found, evidence):
        case Pass():
            said, style = f"PASS  {found}", "bold green"
        case Fail(reason, step):
            said, style = f"FAIL  {reason} at {step}", "bold red"
        case Unknown(cause):
            said, style = f"UNKNOWN  {cause}", "bold yellow"
    told = (f"\n{language}: {title(found, language)}" for language in _LANGUAGES)
    return Text.assemble((said, style), *told)


def _facts(evidence: CallEvidence) -> Iterator[str]:
    """Say in order of the call how far it came and how it ended."""
    yield f"last stage reached: {_spoken(evidence.stage)}"
    if evidence.trouble is not None:
        yield f"own trouble: {_spoken(evidence.trouble)}"
    if evidence.status is not None:
        yield f"final answer {evidence.status}"
    if evidence.cause is not None:
        yield f"Q.850 cause {evidence.cause}"
    if evidence.post_dial_delay is not None:
        yield f"post-dial delay {evidence.post_dial_delay:.2f} s"
    if evidence.ring_limit:
        yield "rang until patience ended"
    if evidence.missed is not None:
        yield f"expected and not met: {evidence.missed}"
    if evidence.retry_after is not None:
        yield f"retry after {evidence.retry_after:g} s"
    yield f"ended {_WHO[evidence.ended_by]}"
    yield "released" if evidence.released else "NOT RELEASED: the far end never confirmed the end"


def _stages(evidence: CallEvidence) -> Table:
    """List the stages in order, when each was reached and how long that took after the one reached before it."""
    table = Table.grid(padding=(0, 2))
    for side in ("left", "right", "right"):
        table.add_column(justify=side)
    before = 0.0
    for stage in list(Stage)[1:]:
        at = evidence.reached.get(stage)
        if at is None:
            table.add_row(_spoken(stage), "not reached", style="bright_black")
            continue
        table.add_row(_spoken(stage), f"{at:.3f} s", f"+{max(0.0, at - before):.3f} s")
        before = max(before, at)
    return table


def _ladder(messages: tuple[Exchanged, ...], width: int, signs: Signs) -> Text:
    """Draw the messages between us and the trunk; a wait of a second or more is a line of its own."""
    if not messages:
        return Text("no message was sent", style="bright_black")
    room = min(width - 16, 64)
    rows = [Text(f"{'':>10}  {'us':<{room // 2}}{'trunk':>{room - room // 2}}", style="bright_black")]
    rows.append(_rung(messages[0], room, signs))
    for earlier, later in pairwise(messages):
        if (waited := later.at - earlier.at) >= _PAUSE:
            said = f"{signs.gap} {waited:.1f} s"
            rows.append(Text(f"{'':>10}  {signs.side}{said:^{room - 2}}{signs.side}", style="bright_black"))
        rows.append(_rung(later, room, signs))
    return Text("\n").join(rows)


def _rung(message: Exchanged, room: int, signs: Signs) -> Text:
    shown = message.what if len(message.what) <= room - 8 else message.what[: room - 11] + "..."
    arrow = f" {shown} ".center(room - 3, signs.line)
    arrow = arrow + signs.right if message.sent else signs.left + arrow
    style = "" if message.sent else "cyan"
    return Text.assemble(f"{message.at:8.3f} s  {signs.side}", (arrow, style), signs.side)


def _audio(evidence: CallEvidence, width: int, signs: Signs) -> Text:
    """Draw what was heard: one row for each sound on one axis of time, then the stages, then the packets."""
    if not evidence.heard:
        return Text(_packets(evidence.received), style="bright_black")
    axis = _Axis(_end_of(evidence), width - _NAMES - _SECONDS - 4)
    rows = [Text(f"{'':<{_NAMES}}{axis.scale(signs)}", style="bright_black")]
    for sound in dict.fromkeys(heard.sound for heard in evidence.heard):
        stretches = [heard for heard in evidence.heard if heard.sound is sound]
        lasted = sum(heard.end - heard.start for heard in stretches)
        bar = (axis.bar(stretches, signs), COLOURS[sound])
        rows.append(Text.assemble(f"{_spoken(sound):<{_NAMES}}", bar, f"{lasted:6.1f} s"))
    rows += [
        Text(f"{name:<{_NAMES}}{axis.mark(evidence.reached[stage], signs)}", style="bright_black")
        for stage, name in _MARKED.items()
        if stage in evidence.reached
    ]
    rows.append(Text(_packets(evidence.received)))
    if any(heard.early for heard in evidence.heard):
        rows.append(Text(f"{signs.early} before the answer, {signs.full} after it", style="bright_black"))
    return Text("\n").join(rows)


def _end_of(evidence: CallEvidence) -> float:
    return max(*(heard.end for heard in evidence.heard), *evidence.reached.values(), 1.0)


@dataclass(frozen=True, slots=True)
class _Axis:
    """Time from 0 to `end` seconds on `width` columns."""

    end: float
    width: int

    def column(self, at: float) -> int:
        return max(0, min(self.width - 1, int(at / self.end * self.width)))

    def bar(self, stretches: list[Heard], signs: Signs) -> str:
        cells = [" "] * self.width
        for heard in stretches:
            first, last = self.column(heard.start), max(self.column(heard.start) + 1, self.column(heard.end))
            cells[first:last] = [signs.early if heard.early else signs.full] * (last - first)
        return "".join(cells)[: self.width]

    def mark(self, at: float, signs: Signs) -> str:
        """Point at a moment and name it, on the side where there is room."""
        column, said = self.column(at), f"{at:.1f} s"
        if column + len(said) + 2 <= self.width:
            return " " * column + f"{signs.mark} {said}"
        return " " * (column - len(said) - 1) + f"{said} {signs.mark}"

    def scale(self, signs: Signs) -> str:
        """Write round seconds where they are, never into each other: five columns at least for each."""
        step = next((step for step in _TICKS if step / self.end * self.width >= 6), _TICKS[-1])
        cells = [" "] * self.width
        for number in range(int(self.end / step) + 1):
            column, label = self.column(number * step), f"{signs.tick}{number * step:g} s"
            if column + len(label) <= self.width:
                cells[column : column + len(label)] = label
        return "".join(cells)


def _packets(received: Received) -> str:
    """Say what came in: lost ones are counted by RFC 3550, A.3, jitter is that of 6.4.1."""
    if not received.packets:
        return "no RTP came in"
    sources = f"{received.sources} source" + ("" if received.sources == 1 else "s")
    return (
        f"{received.packets} RTP packets, {received.lost} lost ({received.loss:.1%}),"
        f" jitter {1000 * received.jitter:.1f} ms, {sources}"
    )


def _spoken(name: str) -> str:
    return str(name).replace("_", " ").replace("rtp", "RTP")
