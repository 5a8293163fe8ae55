"""Dashboard *Phone lines*: whether the lines can be called, on which leg and at which stage it stops, what is heard."""

from __future__ import annotations

from grafanalib.core import Panel

from config import Configuration, PhoneProbe
from config.metric import Metric
from config.promql import increase, or_zero, rate, select, total
from dashboards import palette
from dashboards.grafana import JsonObject, dashboard, variable
from dashboards.layout import Band, Section
from dashboards.panels import NOTHING, Labels, Query, Steps, bars, stat, text, time_series, timeline
from dashboards.shared import (
    AVAILABILITY_UID,
    NONE_IS_GOOD,
    PHONE_UID,
    RANGE,
    RATE,
    failing_now,
    firing_alerts,
    load_tests,
    marks,
    oldest_success,
    probe_states,
)
from monitors import metrics

_SCOPE = {"system": "$system", "vantage": "$vantage"}
_LOOKED = f"max({select(metrics.INTERVAL, **_SCOPE)})"
_SPENT: Steps = [(None, palette.GOOD), (0.8, palette.WARNING), (1, palette.BAD)]
_SKIPPED: Steps = [(None, palette.GOOD), (1, palette.WARNING)]
_AGES: Steps = [(None, palette.GOOD), (900, palette.WARNING), (1800, palette.BAD)]
"""Calls are minutes apart."""
_STAGES = (
    *("resolve", "connect", "invite", "trying", "progress", "answer"),
    *("first_rtp", "first_audio", "prompt", "menu", "queue"),
)
"""How far a call can come, in order; its end is no progress."""


_PURPOSE = """
**Can the lines be called? If not, on which leg, and how far does a call come?** Each line has legs: the public number
through another carrier, the platform's own address, and its border, which is only asked whether it is there. Where the
public number fails alone, it is the number, its forwarding or the carrier; where all fail, it is the platform. Calls
from inside to outside are a leg of their own.

**First look:** the red leg in *State of each probe*, then *How far the last call came* and the class. One call with all
that was seen of it: `piekwacht call NUMBER --trunk NAME --explain`. What stages and classes mean:
`docs/phone-lines.md`; what each alert means: `docs/runbooks/` of the project.
"""


def lines(configuration: Configuration) -> list[str]:
    """Return the systems that are probed by telephone, in order."""
    return sorted({system for system, _, probe in configuration.probes() if isinstance(probe, PhoneProbe)})


def build(configuration: Configuration) -> JsonObject:
    """Return the dashboard as plain data."""
    every = "|".join(lines(configuration))
    legs = palette.probes(configuration)
    parts: list[Band | Section] = [
        Band(5, [text("Purpose", "What is this dashboard for?", _PURPOSE)]),
        Band(
            4,
            [
                failing_now(**_SCOPE),
                firing_alerts("$system"),
                oldest_success(_AGES, **_SCOPE),
                _leaked(),
                _skipped_in_all(),
                _spent_most(),
            ],
        ),
        Band(10, [probe_states({"Availability": AVAILABILITY_UID}, **_SCOPE)]),
        Band(10, [_how_far()]),
        Band(8, [_classes(), _failed_stages()]),
        Band(8, [_post_dial_delay(legs), _answer_delay(legs)]),
        Band(8, [_sounds(), _stage_times()]),
        Band(7, [_loss(legs), _jitter(legs)]),
        Section("Limits", [Band(7, [_skipped(), _spent(), _in_progress()])], "Does the prober keep within its limits?"),
    ]
    return dashboard(
        PHONE_UID,
        "Phone lines",
        "Telephone lines: legs, stages, classes of calls, audio, leaks and limits",
        parts,
        variables=[
            variable("system", metrics.INTERVAL, everything=every, system=every),
            variable("vantage", metrics.INTERVAL, system=every),
        ],
        annotations=[*marks(system="$system"), load_tests()],
        period="3h",
        refresh="30s",
    )


def _leaked() -> Panel:
    return stat(
        "Calls not released",
        "How many calls may still be up, because the far end never confirmed their end? Of this range, over all lines.",
        [Query(total(increase(metrics.CALLS_LEAKED, RANGE)), instant=True)],
        steps=NONE_IS_GOOD,
        decimals=0,
    )


def _skipped_in_all() -> Panel:
    return stat(
        "Calls skipped",
        "How many calls of this range were not made because of a limit? They say nothing about a line.",
        [Query(_or_none(total(increase(metrics.CALLS_SKIPPED, RANGE, **_SCOPE))), instant=True)],
        steps=_SKIPPED,
        decimals=0,
    )


def _spent_most() -> Panel:
    return stat(
        "Budget used",
        "How much of today's calls or minutes has the trunk used that has least left?",
        [Query(_or_none(f"max(1 - {select(metrics.TRUNK_BUDGET_LEFT)})"), instant=True)],
        unit="percentunit",
        steps=_SPENT,
        decimals=0,
    )


def _how_far() -> Panel:
    """Show the last stage of each leg as a number: the highest of the stages that were reached.

    max over the stages s of  0 · seconds(s) + number(s)
    """
    reached = " or ".join(
        f"(0 * {select(metrics.CALL_STAGE, **_SCOPE, stage=stage)} + {number})"
        for number, stage in enumerate(_STAGES, 1)
    )
    labels: Labels = {
        0: ("no call", palette.UNKNOWN),
        **{number: (_spoken(stage), palette.STAGES[stage]) for number, stage in enumerate(_STAGES, 1)},
    }
    return timeline(
        "How far the last call came",
        "Which stage did each leg reach? A failure names the last one.",
        [
            Query(
                or_zero(f"max by (probe, vantage) ({reached})", _LOOKED, probe="no call", vantage=NOTHING),
                "{{probe}} @ {{vantage}}",
            )
        ],
        labels=labels,
    )


def _classes() -> Panel:
    per_second = rate(metrics.CALLS, RATE, **_SCOPE)
    return time_series(
        "Calls a minute, by class",
        "What do calls come to? The table of classes: docs/phone-lines.md.",
        [Query(_or_none(f"60 * {total(per_second, 'class')} > 0", **{"class": NOTHING}), "{{class}}")],
        colours=palette.CLASSES | {NOTHING: palette.PLANNED},
        stacked=True,
    )


def _failed_stages() -> Panel:
    failed = increase(metrics.FAILURES_BY_STEP, RANGE, **_SCOPE)
    by_stage = or_zero(f"{total(failed, 'probe', 'step')} > 0", total(failed), probe="no leg", step="no stage failed")
    return bars(
        "Failed calls by last stage reached, this range",
        "How far did those calls come that failed?",
        [Query(f"sort_desc({by_stage})", "{{probe}}: {{step}}", instant=True)],
        other=palette.BAD,
        decimals=0,
    )


def _post_dial_delay(legs: dict[str, str]) -> Panel:
    return time_series(
        "Post-dial delay",
        "How long does a caller hear nothing, from dialling to the first ringing?",
        [Query(_by_leg(select(metrics.CALL_POST_DIAL_DELAY, **_SCOPE)), "{{probe}}")],
        unit="s",
        colours=legs,
        ranked=True,
    )


def _answer_delay(legs: dict[str, str]) -> Panel:
    return time_series(
        "Time to the answer",
        "How long does it take from dialling to the answer?",
        [Query(_by_leg(select(metrics.CALL_ANSWER_DELAY, **_SCOPE)), "{{probe}}")],
        unit="s",
        colours=legs,
        ranked=True,
    )


def _sounds() -> Panel:
    return time_series(
        "What was heard in the last calls",
        "Of what does the audio consist, on average over the legs? Silence and tones should be rare.",
        [Query(_or_none(_mean(metrics.CALL_AUDIO, "sound"), sound=NOTHING), "{{sound}}")],
        unit="percentunit",
        colours=palette.SOUNDS,
        stacked=True,
        top=1,
    )


def _stage_times() -> Panel:
    return time_series(
        "Time to each stage in the last calls",
        "Where does the time of a call go, on average over the legs?",
        [Query(_or_none(_mean(metrics.CALL_STAGE, "stage"), stage=NOTHING), "{{stage}}")],
        unit="s",
        colours=palette.STAGES,
        stacked=True,
    )


def _loss(legs: dict[str, str]) -> Panel:
    return time_series(
        "Audio packets lost in the last calls",
        "Does the audio arrive whole? From 5 % on people notice.",
        [Query(_by_leg(select(metrics.CALL_LOSS, **_SCOPE)), "{{probe}}")],
        unit="percentunit",
        colours=legs,
        ranked=True,
    )


def _jitter(legs: dict[str, str]) -> Panel:
    return time_series(
        "Jitter of the audio in the last calls",
        "Does the audio arrive evenly?",
        [Query(_by_leg(select(metrics.CALL_JITTER, **_SCOPE)), "{{probe}}")],
        unit="s",
        colours=legs,
        ranked=True,
    )


def _skipped() -> Panel:
    per_second = rate(metrics.CALLS_SKIPPED, RATE, **_SCOPE)
    return time_series(
        "Calls skipped a minute, by limit",
        "Which limit keeps calls from being made?",
        [Query(_or_none(f"60 * {total(per_second, 'reason')} > 0", reason=NOTHING), "{{reason}}")],
        colours={NOTHING: palette.GOOD},
        stacked=True,
    )


def _spent() -> Panel:
    used = f"max by (trunk, budget) (1 - {select(metrics.TRUNK_BUDGET_LEFT)})"
    return time_series(
        "Budget of the day used",
        "Will the calls and minutes of today last? At 100 % calls are skipped until tomorrow.",
        [Query(_or_none(used, trunk="no trunk", budget="calls"), "{{trunk}}: {{budget}}")],
        unit="percentunit",
        colours={},
        lines_at=_SPENT,
        top=1,
    )


def _in_progress() -> Panel:
    return time_series(
        "Calls in progress",
        "How many calls are up at once? They end by themselves; those that do not are counted as not released.",
        [Query(total(select(metrics.CALLS_IN_PROGRESS)), "calls")],
        colours={"calls": palette.NEUTRAL},
    )


def _mean(metric: Metric, label: str) -> str:
    """Return the mean over the legs that have a last call; a leg without a value of the label counts as 0 for it."""
    values = select(metric, **_SCOPE)
    return f"{total(values, label)} / on () group_left () count(count by (probe, vantage) ({values}))"


def _by_leg(value: str) -> str:
    return _or_none(f"max by (probe) ({value})", probe=NOTHING)


def _or_none(expression: str, **labels: str) -> str:
    """Show 0 where no call was made yet: the environment may have no trunk."""
    return or_zero(expression, _LOOKED, **labels)


def _spoken(stage: str) -> str:
    return stage.replace("_", " ").replace("rtp", "RTP")
