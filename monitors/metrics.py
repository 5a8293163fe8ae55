"""The metrics that a monitor exports; dashboards and rules refer to these names and to no others.

Runs that say nothing about the target are not in `RUNS`: they are in `UNKNOWN`. So the error ratio is FAILURES / RUNS.
Every label combination of a counter or histogram exists from the start, at 0. `SUCCESS`, `LAST_RUN` and
`LAST_SUCCESS` appear with the first run that they can tell of, gauges of the last call with the first call. `LATENESS`,
`LEDGER_WRITE` and `CALLS_LEAKED` are about this process and begin at 0 with it; every other counter comes from the
ledger and never goes down. Numbers, Call-IDs and phrases of servers are in no label.
"""

from __future__ import annotations

from config.metric import Metric

PROBE = ("system", "probe", "vantage")

RUNS = Metric("piekwacht_probe_runs_total", "counter", "Probe runs with a verdict, pass or fail", (*PROBE, "window"))
FAILURES = Metric("piekwacht_probe_failures_total", "counter", "Probe runs that failed", (*PROBE, "window"))
UNKNOWN = Metric("piekwacht_probe_unknown_total", "counter", "Probe runs without a verdict", (*PROBE, "cause"))
FAILURES_BY_REASON = Metric(
    "piekwacht_probe_failures_by_reason_total", "counter", "Failed probe runs by reason", (*PROBE, "reason")
)
FAILURES_BY_STEP = Metric(
    "piekwacht_probe_failures_by_step_total", "counter", "Failed probe runs by the step that failed", (*PROBE, "step")
)
DURATION = Metric(
    "piekwacht_probe_duration_seconds",
    "histogram",
    "Duration of probe runs with a verdict, without thinking time",
    PROBE,
    (0.1, 0.5, 1.0, 2.5, 5.0, 10.0),
)
PHASES = Metric(
    "piekwacht_probe_phase_seconds_total", "counter", "Time spent by phase, summed over requests", (*PROBE, "phase")
)
SUCCESS = Metric("piekwacht_probe_success", "gauge", "1 if the last run with a verdict passed, else 0", PROBE)
LAST_RUN = Metric("piekwacht_probe_last_run_timestamp_seconds", "gauge", "When the last run started", PROBE)
LAST_SUCCESS = Metric("piekwacht_probe_last_success_timestamp_seconds", "gauge", "When the last pass started", PROBE)
CERTIFICATE_EXPIRY = Metric(
    "piekwacht_certificate_expiry_timestamp_seconds", "gauge", "When the first certificate of the chain expires", PROBE
)
OLDEST_UNANSWERED = Metric(
    "piekwacht_message_oldest_unanswered_seconds",
    "gauge",
    "Age of the oldest message whose return has not come, 0 if there is none",
    PROBE,
)
CALLS = Metric("piekwacht_calls_total", "counter", "Telephone calls by what they came to", (*PROBE, "class"))
CALLS_SKIPPED = Metric(
    "piekwacht_calls_skipped_total", "counter", "Telephone calls not made because of a limit", (*PROBE, "reason")
)
CALL_POST_DIAL_DELAY = Metric(
    "piekwacht_call_post_dial_delay_seconds", "gauge", "From the last INVITE to its first 18x or 2xx", PROBE
)
CALL_ANSWER_DELAY = Metric("piekwacht_call_answer_delay_seconds", "gauge", "From the last INVITE to its answer", PROBE)
CALL_STAGE = Metric(
    "piekwacht_call_stage_seconds",
    "gauge",
    "How long the last call took to each stage that it reached, from the stage before",
    (*PROBE, "stage"),
)
CALL_AUDIO = Metric(
    "piekwacht_call_audio_ratio", "gauge", "Which part of the last call's audio sounded like what", (*PROBE, "sound")
)
CALL_LOSS = Metric(
    "piekwacht_call_rtp_loss_ratio", "gauge", "Which part of the last call's audio packets was lost", PROBE
)
CALL_JITTER = Metric(
    "piekwacht_call_rtp_jitter_seconds", "gauge", "Interarrival jitter of the last call's audio", PROBE
)
CALLS_IN_PROGRESS = Metric("piekwacht_calls_in_progress", "gauge", "Telephone calls set up, up, or being ended now")
CALLS_LEAKED = Metric("piekwacht_calls_leaked_total", "counter", "Telephone calls whose end was never confirmed")
TRUNK_BUDGET_LEFT = Metric(
    "piekwacht_trunk_budget_left_ratio", "gauge", "Which part of today's calls or minutes is left", ("trunk", "budget")
)
INTERVAL = Metric("piekwacht_probe_interval_seconds", "gauge", "How often the probe runs", PROBE)

OBJECTIVE = Metric(
    "piekwacht_system_objective_ratio", "gauge", "The availability to achieve, 0.999 for 99.9 %", ("system",)
)
WINDOW_ACTIVE = Metric(
    "piekwacht_system_window_active", "gauge", "1 while the window applies now", ("system", "window")
)
WINDOW_END = Metric(
    "piekwacht_system_window_end_timestamp_seconds",
    "gauge",
    "Announced end of the planned window that applies now, or that is being overrun",
    ("system",),
)
NOTICE_DUE = Metric(
    "piekwacht_notice_due_timestamp_seconds",
    "gauge",
    "By when people must be told; there is none when nothing has to be told now",
    ("system", "rule"),
)
SYSTEM_INFO = Metric("piekwacht_system_info", "gauge", "1; the owner is in the label", ("system", "owner"))

PERIOD = ("system", "vantage", "period")
"""`period` is `month` or `year`: those of the calendar that go on now, local time of the estate, from their beginning
or that of the record up to now. They come from the ledger, because Prometheus knows no calendar and forgets."""
PERIOD_RUNS = Metric(
    "piekwacht_system_period_runs",
    "gauge",
    "Runs with a verdict that count for the objective, in the calendar period to date",
    (*PERIOD, "window"),
)
PERIOD_FAILURES = Metric(
    "piekwacht_system_period_failures",
    "gauge",
    "Runs that failed and count for the objective, in the calendar period to date",
    (*PERIOD, "window"),
)
PERIOD_EXPECTED = Metric(
    "piekwacht_system_period_expected_runs",
    "gauge",
    "Runs that were due and count for the objective, in the calendar period to date",
    (*PERIOD, "window"),
)
PERIOD_TIME = Metric(
    "piekwacht_system_period_seconds",
    "gauge",
    "Time of the calendar period that counts outside planned windows: passed and ahead",
    (*PERIOD, "part"),
)

LATENESS = Metric(
    "piekwacht_scheduler_lateness_seconds",
    "histogram",
    "How late probe runs start",
    (),
    (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0),
)
SKIPPED = Metric(
    "piekwacht_scheduler_skipped_total",
    "counter",
    "Runs not started: the previous one of the same probe was still going",
    ("system", "vantage"),
)
LOOP_LAG = Metric("piekwacht_loop_lag_seconds", "gauge", "Largest lag of the event loop in the last 15 s")
LEDGER_WRITE = Metric(
    "piekwacht_ledger_write_seconds",
    "histogram",
    "Duration of durable ledger writes",
    (),
    (0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0),
)
REFERENCE_UP = Metric(
    "piekwacht_reference_up", "gauge", "1 if the reference target took the last connection, else 0", ("reference",)
)
OPEN_DESCRIPTORS = Metric("piekwacht_open_descriptors", "gauge", "File descriptors that the monitor has open")
DESCRIPTOR_LIMIT = Metric("piekwacht_descriptor_limit", "gauge", "File descriptors that the monitor may have open")
CONFIG_RELOADED = Metric(
    "piekwacht_config_last_reload_successful", "gauge", "1 if the last reload took its configuration, else 0"
)
CONFIG_LOADED = Metric("piekwacht_config_last_load_timestamp_seconds", "gauge", "When the configuration was read")
BUILD = Metric("piekwacht_build_info", "gauge", "1; the version is in the label", ("version",))

ALL = tuple(value for value in vars().values() if isinstance(value, Metric))
"""Every metric above."""
