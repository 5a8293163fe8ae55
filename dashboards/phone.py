"""Dashboard *Phone lines*: whether the lines can be called, on which leg and at which stage it stops, what is heard."""

from __future__ import annotations

from grafanalib.core import Panel

from config import Configuration, PhoneProbe
from config.metric import Metric
from config.promql import increase, or_zero, select, total
from dashboards import palette
from dashboards.about import about, dashboard_about, standing
from dashboards.fields import Labels, Steps
from dashboards.grafana import JsonObject
from dashboards.layout import Band, Section, rows_high
from dashboards.links import PHONE_UID, Site
from dashboards.panels import NOTHING, Query, bars, stat, time_series, timeline
from dashboards.shared import (
    NONE_IS_BETTER,
    NONE_IS_GOOD,
    RANGE,
    purpose,
    states_band,
)
from dashboards.subject import Subject
from monitors import metrics

_SCOPE = {"system": "$system", "vantage": "$vantage"}
_LOOKED = f"max({select(metrics.INTERVAL, **_SCOPE)})"
_SPENT: Steps = [(None, palette.GOOD), (0.8, palette.WARNING), (1, palette.BAD)]
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


def probes(configuration: Configuration) -> list[tuple[str, str]]:
    """Return (system, probe) of every leg of a telephone line."""
    return [(system, name) for system, name, probe in configuration.probes() if isinstance(probe, PhoneProbe)]


def build(configuration: Configuration, site: Site) -> JsonObject:
    """Return the dashboard as plain data."""
    found = probes(configuration)
    subject = about(configuration, site, found)
    legs = palette.probes(configuration)
    limits = Band(7, [_skipped(subject), _spent(), _in_progress()])
    parts: list[Band | Section] = [
        purpose(_PURPOSE),
        Band(4, [*standing(subject), _leaked(), _skipped_in_all(), _spent_most()]),
        states_band(subject, len(found)),
        Band(rows_high(len(found), least=6, most=20), [_how_far(site)]),
        Band(8, [_classes(subject), _post_dial_delay(legs)]),
        Band(8, [_failed_stages(), _answer_delay(legs)]),
        Band(8, [_sounds(), _stage_times()]),
        Band(8, [_loss(legs), _jitter(legs)]),
        Section("Saturation", [limits], "Does the prober keep within its limits?", collapsed=True),
    ]
    return dashboard_about(
        subject,
        found,
        PHONE_UID,
        "Phone lines",
        "Telephone lines: legs, stages, classes of calls, audio, leaks and limits",
        parts,
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
        steps=NONE_IS_BETTER,
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


def _how_far(site: Site) -> Panel:
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
        links=[site.debug_page()],
    )


def _classes(subject: Subject) -> Panel:
    per_second = subject.pace.rate(metrics.CALLS, **_SCOPE)
    return time_series(
        "Calls an hour, by class",
        "What do calls come to? Only 'answered' (and 'closed' outside service hours) is well. Over "
        f"{subject.pace.period} at a time, because calls are minutes apart. The table of classes: docs/phone-lines.md.",
        [Query(_or_none(f"3600 * {total(per_second, 'class')} > 0", **{"class": NOTHING}), "{{class}}")],
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
        steps=NONE_IS_GOOD,
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
        "Of what does the audio consist, on average over the legs? 'active' is speech; silence and tones are rare.",
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


def _skipped(subject: Subject) -> Panel:
    per_second = subject.pace.rate(metrics.CALLS_SKIPPED, **_SCOPE)
    return time_series(
        "Calls skipped an hour, by limit",
        "Which limit keeps calls from being made?",
        [Query(_or_none(f"3600 * {total(per_second, 'reason')} > 0", reason=NOTHING), "{{reason}}")],
        colours=palette.SKIPPED | {NOTHING: palette.GOOD},
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
