"""The metrics that a running load test exports; dashboards refer to these names and to no others."""

from __future__ import annotations

from config.metric import Metric

CAMPAIGN = ("campaign",)
LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

PLANNED = Metric("piekwacht_load_arrivals_planned_total", "counter", "Arrivals the rate curve expects by now", CAMPAIGN)
STARTED = Metric("piekwacht_load_arrivals_started_total", "counter", "Arrivals that were started", CAMPAIGN)
DROPPED = Metric(
    "piekwacht_load_arrivals_dropped_total", "counter", "Arrivals that were due and could not be started", CAMPAIGN
)
COMPLETED = Metric("piekwacht_load_journeys_completed_total", "counter", "Journeys that passed", (*CAMPAIGN, "journey"))
FAILED = Metric("piekwacht_load_journeys_failed_total", "counter", "Journeys that failed", (*CAMPAIGN, "journey"))
FAILED_BY_REASON = Metric(
    "piekwacht_load_failures_total", "counter", "Failed journeys by reason", (*CAMPAIGN, "reason")
)
IN_FLIGHT = Metric("piekwacht_load_citizens_in_flight", "gauge", "Citizens on their way now", CAMPAIGN)
ATTEMPTS = Metric(
    "piekwacht_load_attempts_total", "counter", "Journeys begun, retries and second tabs included", CAMPAIGN
)
SETBACKS = Metric(
    "piekwacht_load_setbacks_total",
    "counter",
    "Failed attempts that did not decide the journey",
    CAMPAIGN,
)
PASSAGES = Metric(
    "piekwacht_load_waiting_room_passages_total",
    "counter",
    "What happened to citizens at the waiting room; admissions are admitted and unqueued",
    (*CAMPAIGN, "channel", "passage"),
)
REQUESTS = Metric("piekwacht_load_requests_total", "counter", "Answers received", CAMPAIGN)
RESPONSE_TIME = Metric(
    "piekwacht_load_response_seconds",
    "histogram",
    "Response time from the intended start",
    (*CAMPAIGN, "journey", "step"),
    LATENCY_BUCKETS,
)
LATENESS_P99 = Metric(
    "piekwacht_load_start_lateness_p99_seconds", "gauge", "Start lateness, 99th percentile of the last second", CAMPAIGN
)
PROGRESS = Metric("piekwacht_load_progress_ratio", "gauge", "Part of the run that is over, 0 to 1", CAMPAIGN)
GENERATOR_CPU = Metric(
    "piekwacht_load_generator_cpu_ratio", "gauge", "CPU used by the busiest generator process, 1 = one core", CAMPAIGN
)
GENERATOR_STOLEN = Metric(
    "piekwacht_load_generator_stolen_ratio",
    "gauge",
    "CPU that the generator's machine wanted and its host gave to others, 1 = one core",
    CAMPAIGN,
)
GENERATOR_CONNECTIONS = Metric(
    "piekwacht_load_generator_connections_open", "gauge", "Connections that the generator has open", CAMPAIGN
)
GENERATOR_MEMORY = Metric(
    "piekwacht_load_generator_memory_bytes", "gauge", "Resident memory of all generator processes", CAMPAIGN
)
GENERATOR_LAG = Metric(
    "piekwacht_load_generator_loop_lag_seconds",
    "gauge",
    "How late the slowest event loop of the generator was in the last second",
    CAMPAIGN,
)
OUTCOME = Metric(
    "piekwacht_load_outcome",
    "gauge",
    "1 for what the run says, once it is over: passed, failed or invalid",
    (*CAMPAIGN, "outcome"),
)

ALL = tuple(value for value in vars().values() if isinstance(value, Metric))
"""Every metric above."""
