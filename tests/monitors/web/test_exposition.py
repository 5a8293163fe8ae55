"""The exposition of a known state, and what it costs a scraper."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from prometheus_client.exposition import choose_encoder
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from config import Configuration
from config.hours import ZONE
from config.metric import Metric
from journeys import Reason
from monitors import metrics
from monitors.availability.accounting import Account, Counts
from monitors.availability.to_date import to_date
from monitors.instruments import Histogram
from monitors.probes import targets
from monitors.probes.phone.evidence import CallEvidence, Heard, Received, Sound, Stage
from monitors.record.ledger import Ledger, Schedule
from monitors.record.totals import Durations, State, Totals
from monitors.verdict import Called, Cause, Fail, Pass, Phases, Run, Unknown, Window
from monitors.web import exposition
from monitors.web.exposition import SLICE, Phone, Snapshot, render
from monitors.windows.calendars import AnnouncedWindow
from tests.monitors.snapshots import AT, UNUSED, Collected, whole

A_CALL = CallEvidence(
    reached={Stage.INVITE: 0.1, Stage.PROGRESS: 0.4, Stage.ANSWER: 2.1},
    status=200,
    heard=(Heard(Sound.RINGBACK, 0.5, 2.0, early=True), Heard(Sound.ACTIVE, 2.0, 6.5)),
    received=Received(packets=190, lost=10, jitter=0.004, sources=1),
)


@pytest.fixture
def recorded(tmp_path: Path) -> Totals:
    """Return what a ledger says after five runs and a skipped one."""
    phases = Phases(0.125, 0.25, 0.5, 0.0625)
    runs = [
        Run("website", "home-page", AT, 0.25, Pass(), Window.NONE, phases),
        Run("website", "home-page", AT + 15, 0.5, Fail(Reason.TIMEOUT, "request"), Window.PLANNED, phases),
        Run("website", "home-page", AT + 30, 0.0, Unknown(Cause.OWN_NETWORK)),
        Run("digid-activation", "activate-app", AT, 30.0, Fail(Reason.CODE_REJECTED, "enter-code"), Window.NONE),
        Run("digid-activation", "activate-app", AT + 15, 1.0, Fail(Reason.CODE_REJECTED, "a-former-step"), Window.NONE),
    ]
    with Ledger.open(tmp_path / "ledger.sqlite", vantage="rotterdam") as ledger:
        ledger.record(runs, [("website", "home-page")])
        return ledger.totals()


async def test_the_exposition_of_a_known_ledger(
    snapshot: Snapshot, recorded: Totals, golden: Callable[[str, str], None]
) -> None:
    """Every metric with every combination of labels, as Prometheus reads it."""
    body, content_type = await render(replace(snapshot, totals=recorded))
    golden("exposition.txt", body.decode())
    assert content_type.startswith("text/plain; version=0.0.4")


async def test_what_is_declared_is_exported_and_nothing_else(configuration: Configuration, recorded: Totals) -> None:
    """Names, kinds, help and labels are those of the declarations; messages, certificates and calls have gauges too."""
    chosen = targets(configuration, "local", "rotterdam")
    chosen[0].memory.certificate_expires = AT
    chosen[0].memory.call = A_CALL
    more = replace(
        whole(configuration, chosen),
        totals=recorded,
        phone=Phone(budgets={"carrier": {"calls": 0.5, "minutes": 1.0}}),
        window_ends={"website": AT},
        notices={("website", "N5"): AT},
        periods={"website": {"month": Account("website", 0.999, counts={Window.NONE: Counts(1, 1)})}},
    )
    body, _ = await render(more)
    exported = {family.name: family for family in parse_text(body.decode())}
    assert set(exported) == {metric.name.removesuffix("_total") for metric in metrics.ALL}
    for metric in metrics.ALL:
        family = exported[metric.name.removesuffix("_total")]
        assert (family.type, family.documentation) == (metric.kind, metric.help)
        assert {frozenset(sample.labels) - {"le"} for sample in family.samples} == {frozenset(metric.labels)}
    assert b"_created" not in body


async def test_every_counter_is_there_at_zero_before_the_first_run(snapshot: Snapshot, recorded: Totals) -> None:
    """No series of a counter or histogram appears only after something happened."""

    async def series(totals: Totals) -> set[tuple[str, ...]]:
        body, _ = await render(replace(snapshot, totals=totals))
        return {
            (sample.name, *sorted(sample.labels.values()))
            for family in parse_text(body.decode())
            if family.type != "gauge"
            for sample in family.samples
        }

    new = await series(recorded) - await series(UNUSED)
    assert new == {(str(metrics.FAILURES_BY_STEP), "a-former-step", "activate-app", "digid-activation", "rotterdam")}


async def test_failures_by_reason_and_by_step_add_up(snapshot: Snapshot, recorded: Totals) -> None:
    """Three ways of counting failures give one number for each probe."""
    body, _ = await render(replace(snapshot, totals=recorded))
    families = {family.name: family for family in parse_text(body.decode())}
    for probe in ("home-page", "activate-app", "visit-website"):
        sums = {
            sum(
                sample.value
                for sample in families[str(metric).removesuffix("_total")].samples
                if sample.labels["probe"] == probe
            )
            for metric in (metrics.FAILURES, metrics.FAILURES_BY_REASON, metrics.FAILURES_BY_STEP)
        }
        assert len(sums) == 1, probe


OPENMETRICS = "application/openmetrics-text; version=1.0.0"
SERIES_BUDGET = 63
MARCH = datetime(2027, 3, 1, tzinfo=ZONE).timestamp()
CALL_BUDGET = 105


@pytest.mark.parametrize(
    "accept", ["", "text/plain; version=0.0.4", OPENMETRICS, f"{OPENMETRICS}; escaping=allow-utf-8"]
)
async def test_it_is_what_the_official_library_would_write(snapshot: Snapshot, recorded: Totals, accept: str) -> None:
    """Byte for byte, in every format that a scraper may ask for; with large, small and odd numbers and labels."""
    odd = [replace(target, name='say "a\\b"\nc') for target in snapshot.targets[:1]]
    durations = {("website", odd[0].name): Durations(sum=1e22, buckets=(("1.0", 1_234_567.0), ("+Inf", 5e15)))}
    more = replace(
        snapshot,
        targets=[*snapshot.targets, *odd],
        totals=replace(recorded, durations={**recorded.durations, **durations}),
        loop_lag=1.25e-07,
        config_loaded=float("inf"),
    )
    encode, content_type = choose_encoder(accept)
    assert await render(more, accept) == (encode(Collected(more)), content_type)


@pytest.mark.parametrize("scheme", ["dots", "values"])
async def test_a_scheme_that_would_rename_everything_is_not_promised(snapshot: Snapshot, scheme: str) -> None:
    """Names stay as dashboards know them, and the content type says so."""
    body, content_type = await render(snapshot, f"{OPENMETRICS}; escaping={scheme}")
    assert content_type.endswith("escaping=underscores")
    assert b"# TYPE piekwacht_probe_runs counter" in body


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        (f"{OPENMETRICS};q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1", True),
        (f"text/plain;version=0.0.4;q=0.6,{OPENMETRICS};q=0.5", False),
        (f"text/plain;version=0.0.4,{OPENMETRICS}", True),
        (f"{OPENMETRICS};q=0", False),
        (f"{OPENMETRICS};q=much", False),
        ("*/*", False),
    ],
)
async def test_the_scraper_has_the_choice(snapshot: Snapshot, accept: str, openmetrics: bool) -> None:
    """By weight, as Prometheus' `scrape_protocols` puts it; of two that weigh the same it is OpenMetrics."""
    body, content_type = await render(snapshot, accept)
    assert (body.endswith(b"# EOF\n"), "openmetrics" in content_type) == (openmetrics, openmetrics)


async def test_openmetrics_parses(snapshot: Snapshot, recorded: Totals) -> None:
    """The stricter format is understood by its own parser, and ends as it must."""
    body, content_type = await render(replace(snapshot, totals=recorded), OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert body.endswith(b"# EOF\n")
    assert len(list(parse_openmetrics(body.decode()))) == len(metrics.ALL)


@pytest.mark.parametrize("environment", ["local", "staging"])
async def test_the_series_budget(configuration: Configuration, environment: str) -> None:
    """No probe of the shipped estate has more series than the longest journey once it has run, but for telephone calls.

    Of those every class is a series, and so is every reason. What belongs to no probe (systems, the process, reference
    targets) is little beside them.
    """
    chosen = targets(configuration, environment, "rotterdam")
    ran = {(target.system, target.name): State(AT, AT, passed=True) for target in chosen}
    body, _ = await render(replace(whole(configuration, chosen), totals=replace(UNUSED, states=ran)))
    samples = [sample for family in parse_text(body.decode()) for sample in family.samples]
    by_probe = Counter(sample.labels["probe"] for sample in samples if "probe" in sample.labels)
    assert set(by_probe) == {target.name for target in chosen}
    calls = {target.name for target in chosen if target.probe.kind == "call"}
    assert max(by_probe[name] for name in by_probe.keys() - calls) == by_probe["file-return"] == SERIES_BUDGET
    assert max(by_probe[name] for name in calls) <= CALL_BUDGET
    assert len(samples) - by_probe.total() < 10 * len(configuration.systems) + 50
    assert len(samples) <= SERIES_BUDGET * len(chosen) + (CALL_BUDGET - SERIES_BUDGET) * len(calls)


async def test_rendering_gives_the_loop_its_turns(
    configuration: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a large estate is rendered, others have a turn whenever the time is up."""
    chosen = targets(configuration, "local", "rotterdam")
    many = [replace(target, name=f"{target.name}-{number}") for target in chosen for number in range(30)]
    monkeypatch.setattr(exposition, "TURN", 0.0)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    busy = asyncio.create_task(others())
    body, _ = await render(whole(configuration, many))
    busy.cancel()
    assert turns >= body.count(b"\n") // SLICE - 1 > 50


def test_a_bound_belongs_to_its_bucket() -> None:
    """Buckets are cumulative, and le means less than or equal."""
    histogram = Histogram((0.1, 1.0))
    for value in (0.1, 0.5, 7.0):
        histogram.observe(value)
    assert histogram.snapshot() == Durations((("0.1", 1.0), ("1.0", 2.0), ("+Inf", 3.0)), pytest.approx(7.6))


async def test_the_last_call_and_what_all_calls_came_to(configuration: Configuration, tmp_path: Path) -> None:
    """Delays, stages, audio and loss of the last call; classes and limits counted; nobody's number in any label."""
    [target] = [each for each in targets(configuration, "local", "here") if each.name == "nhd-line-public"]
    target.memory.call = A_CALL
    called = [Called(result="answered"), Called(result="line_busy"), Called(skipped="calls_per_day")]
    runs = [Run(target.system, target.name, AT + 15 * k, 1.0, Pass(), called=each) for k, each in enumerate(called)]
    with Ledger.open(tmp_path / "ledger.sqlite", vantage="here") as ledger:
        ledger.record(runs)
        totals = ledger.totals()
    phone = Phone(in_progress=2, leaked=1, budgets={"carrier": {"calls": 0.75}})
    body, _ = await render(replace(whole(configuration, [target]), totals=totals, phone=phone))
    samples = [sample for family in parse_text(body.decode()) for sample in family.samples]

    def of(metric: Metric, label: str = "") -> dict[str, float]:
        mine = [each for each in samples if each.name == str(metric) and each.value]
        return {each.labels.get(label, ""): round(each.value, 6) for each in mine}

    assert of(metrics.CALLS, "class") == {"answered": 1, "line_busy": 1}
    assert of(metrics.CALLS_SKIPPED, "reason") == {"calls_per_day": 1}
    assert of(metrics.CALL_POST_DIAL_DELAY) == {"": 0.3}
    assert of(metrics.CALL_ANSWER_DELAY) == {"": 2.0}
    assert of(metrics.CALL_STAGE, "stage") == {"invite": 0.1, "progress": 0.3, "answer": 1.7}
    assert of(metrics.CALL_AUDIO, "sound") == {"ringback": 0.25, "active": 0.75}
    assert (of(metrics.CALL_LOSS), of(metrics.CALL_JITTER)) == ({"": 0.05}, {"": 0.004})
    assert (of(metrics.CALLS_IN_PROGRESS), of(metrics.CALLS_LEAKED)) == ({"": 2}, {"": 1})
    assert of(metrics.TRUNK_BUDGET_LEFT, "budget") == {"calls": 0.75}
    assert b"+31" not in body


async def test_the_month_and_the_year_come_from_the_ledger(configuration: Configuration, tmp_path: Path) -> None:
    """Runs, failures and what was due, by class of time that there was; the time that has passed and is ahead."""
    now, minute = MARCH + 3600.0, 60.0
    runs = [
        Run("website", "home-page", at, 0.1, Fail(Reason.TIMEOUT, "request") if number % 4 == 0 else Pass())
        for number in range(120)
        for at in [MARCH - 3600 + minute * number + 3]
        if number != 119
    ]
    work = AnnouncedWindow(MARCH, MARCH + 600, "w", "planned", ("website",), "work")
    with Ledger.open(tmp_path / "ledger.sqlite", vantage="here") as ledger:
        ledger.expect([Schedule("website", "home-page", minute, 3.0)], MARCH - 3600)
        ledger.record(runs)
        ledger.add_window(work, MARCH - 9e5, by="me", why="agreed")
        periods = to_date(ledger, configuration, now + 60)
    body, _ = await render(replace(whole(configuration, []), periods=periods))
    samples = [sample for family in parse_text(body.decode()) for sample in family.samples]

    def of(metric: Metric, period: str) -> dict[str, float]:
        mine = [each for each in samples if each.name == str(metric) and each.labels["system"] == "website"]
        assert {each.labels["vantage"] for each in mine} == {"rotterdam"}
        last = metric.labels[-1]
        return {each.labels[last]: each.value for each in mine if each.labels["period"] == period}

    assert of(metrics.PERIOD_RUNS, "month") == {"none": 49, "planned": 10}
    assert of(metrics.PERIOD_FAILURES, "month") == {"none": 12, "planned": 3}
    assert of(metrics.PERIOD_EXPECTED, "month")["planned"] == 10
    assert of(metrics.PERIOD_EXPECTED, "month")["none"] >= 50
    assert of(metrics.PERIOD_RUNS, "year") == {"none": 109, "planned": 10}
    month, year = (of(metrics.PERIOD_TIME, period) for period in ("month", "year"))
    assert month["passed"] == 51 * minute
    assert sum(month.values()) == 31 * 86_400 - 3600 - 600  # March 2027 has 743 hours, ten minutes of them planned
    assert year["passed"] == month["passed"] + 3600


async def test_whose_a_system_is_and_when_its_planned_work_ends(snapshot: Snapshot) -> None:
    """The owner is a label; the end is there while a window applies, and absent otherwise."""
    body, _ = await render(replace(snapshot, window_ends={"website": AT}))
    lines = body.decode().splitlines()
    assert 'piekwacht_system_info{owner="kis",system="website"} 1.0' in lines
    ends = [line for line in lines if line.startswith(f"{metrics.WINDOW_END}{{")]
    assert ends == ['piekwacht_system_window_end_timestamp_seconds{system="website"} 1.7e+09']
