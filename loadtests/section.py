"""The half of a distributed run that works: one engine in each process, led by messages of the conductor.

Everything an engine needs is in the plan it is sent, but for the secrets that this names: a worker reads no
configuration. A message belongs to one membership of one run, by its ticket: what comes late from an earlier one is
ignored.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from operator import mul
from typing import Any

import gevent
from gevent import monkey
from locust import User, task
from locust.env import Environment
from locust.rpc import Message
from locust.runners import LocalRunner, MasterRunner, WorkerRunner
from locust.stats import RequestStats, StatsEntry

from config import ConfigError
from loadtests.accounts import Pool, pool_of
from loadtests.engine import Engine
from loadtests.lending import Lending
from loadtests.plan import Plan
from loadtests.schedule import Order
from loadtests.second import PackedSecond, Second, locust_buckets, pack
from loadtests.tenancy import Handover

PLAN, READY, GO, ORDER, ACCOUNTS, SECONDS, CLOSE, STOP = (
    f"piekwacht.{name}" for name in ("plan", "ready", "go", "order", "accounts", "seconds", "close", "stop")
)

PUMP = 0.25
"""Seconds between looks at what the engine has finished."""

LOOKS_WITHOUT_MASTER = 24
"""So many looks (6 s) an engine goes on without a sign of the master: load that nobody watches has to stop.

Looks are counted, not seconds: a machine that stood still for a while has not looked.
"""

LOCUST_LOOKS_BACK = 30
"""Seconds of which Locust keeps the counts: it shows the mean of ten, those before the last two (`current_rps`)."""


class CrowdUser(User):
    """The one Locust user of a run: it does nothing, the engine walks the citizens."""

    host = "the endpoints of the environment (--env)"  # shown by the web page; hosts come from the configuration only

    fixed_count = 1

    @task
    def wait(self) -> None:
        """Wait."""
        gevent.sleep(1)


class Section:
    """Runs one engine for one share of the arrivals; `say` tells people what it does."""

    def __init__(self, environment: Environment, say: Callable[[str], None] = lambda _text: None) -> None:
        self.environment = environment
        self._say = say
        self._engine: Engine | None = None
        self._ticket = 0
        self._looks_without_master = 0
        self.master_lost = False
        runner = runner_of(environment)
        for name, listener in (
            (PLAN, self._on_plan),
            (GO, self._on_go),
            (ORDER, self._on_order),
            (ACCOUNTS, self._on_accounts),
            (CLOSE, self._on_close),
            (STOP, self._on_stop),
        ):
            runner.register_message(name, guarded(listener, self._cannot_go_on))
        if isinstance(runner, WorkerRunner):
            environment.events.report_to_master.add_listener(self._on_report_to_master)
            environment.events.heartbeat_received.add_listener(self._on_heartbeat)

    @property
    def in_flight(self) -> int:
        """How many citizens are on their way."""
        return self._engine.in_flight if self._engine is not None else 0

    # --- messages of the conductor

    def _on_plan(self, msg: Message) -> None:
        if msg.data["ticket"] == self._ticket:
            return  # it is said again until the answer comes
        if self._engine is not None:
            self._engine.stop()
        self._engine, self._ticket = None, msg.data["ticket"]
        gevent.spawn(self._prepare, **msg.data)

    def _prepare(self, ticket: int, plan: str, lanes: list[int] | None, accounts: list[int] | None) -> None:
        """Draw the arrivals and read the accounts, with the heartbeat going on meanwhile."""
        try:
            the_plan = Plan.model_validate_json(plan)
            digest = draw(the_plan)
            pool = read(the_plan)
            engine = Engine(the_plan, lanes, Lending(the_plan, pool, accounts))
        except Exception as error:  # noqa: BLE001 - whatever it is, the conductor must not wait for ever
            self._say(f"cannot take part: {error}")
            self._report(ticket, [], finished=True, error=error)
            return
        if ticket == self._ticket:
            self._engine = engine
            self._say(f"takes part in: {the_plan.campaign.title}")
            who = {"ticket": ticket, "pid": os.getpid(), "clock": time.time()}
            self._send(READY, {**who, "digest": digest, "pool": fingerprint(pool)})

    def _on_go(self, msg: Message) -> None:
        engine = self._engine_for(msg)
        if engine is not None:
            self._looks_without_master = 0
            zero = time.monotonic() + (msg.data["begin"] - time.time())
            engine.start(zero, monkey.get_original("_thread", "start_new_thread"))
            gevent.spawn(self._pump, engine, self._ticket)

    def _on_order(self, msg: Message) -> None:
        engine = self._engine_for(msg)
        if engine is not None:
            engine.order(Order(**msg.data["order"]))

    def _on_accounts(self, msg: Message) -> None:
        engine = self._engine_for(msg)
        if engine is not None:
            engine.lending.hand_over(Handover(**msg.data["handover"]))

    def _on_close(self, msg: Message) -> None:
        engine = self._engine_for(msg)
        if engine is not None:
            engine.close()

    def _on_stop(self, msg: Message) -> None:
        engine = self._engine_for(msg)
        if engine is not None:
            engine.stop()
        if msg.data["reason"]:
            self._say(f"has to stop: {msg.data['reason']}")

    def _engine_for(self, msg: Message) -> Engine | None:
        return self._engine if msg.data["ticket"] == self._ticket else None

    def _cannot_go_on(self, ticket: int, error: Exception) -> None:
        gevent.spawn(self._give_up, ticket, error)  # on its own: in one process the conductor is still sending

    def _give_up(self, ticket: int, error: Exception) -> None:
        """Stop for an error of our own, and tell the conductor, which else would wait for the end for ever."""
        if self._engine is not None and self._ticket == ticket:
            self._engine.stop()
        self._say(f"cannot go on: {error}")
        self._report(ticket, [], finished=True, error=error)

    # --- what goes back

    def _pump(self, engine: Engine, ticket: int) -> None:
        try:
            self._pass_on(engine, ticket)
        except Exception as error:  # noqa: BLE001 - whatever it is, the conductor must not wait for ever
            self._give_up(ticket, error)
        self._say("has come to its end")
        if self._engine is engine:
            self._engine = None

    def _pass_on(self, engine: Engine, ticket: int) -> None:
        """Report what an engine has measured, until it has finished."""
        finished = False
        while not finished:
            gevent.sleep(PUMP)
            finished = engine.finished  # read before collecting: the last second is queued before it turns true
            seconds = engine.collect()
            if seconds or finished:
                self._report(ticket, seconds, finished=finished, error=engine.error)
            self._look_for_master(engine)

    def _report(self, ticket: int, seconds: list[Second], *, finished: bool, error: BaseException | None) -> None:
        packed = [pack(second) for second in seconds]
        for second in packed:
            _feed_locust(self.environment.stats, second)
        done = [(item.id, item.since, item.at) for second in seconds for item in second.orders]
        said = f"{type(error).__name__}: {error}" if error else ""
        reached = seconds[-1].reached if seconds else 0
        parted = [account for second in seconds for account in second.parted]
        report = {"seconds": packed, "orders": done, "reached": reached, "finished": finished, "error": said}
        self._send(SECONDS, {"ticket": ticket, "parted": parted, **report})

    def _send(self, name: str, data: dict[str, Any]) -> None:
        runner_of(self.environment).send_message(name, data)

    def _on_report_to_master(self, data: dict[str, Any], **_: object) -> None:
        """Report citizens as Locust's users: its page, charts and CSV files show how many are on their way."""
        data["user_count"] = self.in_flight
        data["user_classes_count"] = {CrowdUser.__name__: self.in_flight}

    # --- the master

    def _on_heartbeat(self, **_: object) -> None:
        self._looks_without_master = 0

    def _look_for_master(self, engine: Engine) -> None:
        runner = runner_of(self.environment)
        if not isinstance(runner, WorkerRunner):
            return
        self._looks_without_master += 1
        if self._looks_without_master == LOOKS_WITHOUT_MASTER:
            self.master_lost = True
            engine.stop()
            gevent.spawn(runner.quit)  # on its own: it ends the greenlets that led here


class CrowdRunner(LocalRunner):
    """Locust's local runner, whose users are the citizens on their way: its page, charts and CSV files show them."""

    section: Section

    @property
    def user_count(self) -> int:
        """How many citizens are on their way."""
        return self.section.in_flight


def runner_of(environment: Environment) -> LocalRunner | MasterRunner | WorkerRunner:
    """Return Locust's runner, whichever it is."""
    runner = environment.runner
    assert isinstance(runner, LocalRunner | MasterRunner | WorkerRunner)
    return runner


def guarded(handle: Callable[[Message], None], fail: Callable[[int, Exception], None]) -> Callable[..., None]:
    """Return a handler of messages that gives its errors to `fail`, with the ticket of the message.

    Locust logs them: the load would go on, and the run blame something else for what came of it, or never end.
    """

    def handler(msg: Message, **_: object) -> None:
        try:
            handle(msg)
        except Exception as error:  # noqa: BLE001 - whatever it is, the run must end with it
            fail(msg.data["ticket"], error)

    return handler


def draw(plan: Plan) -> str:
    """Draw a plan's arrivals in a native thread, so that greenlets go on meanwhile; return their digest."""

    def digest() -> str:
        return plan.arrivals.digest()

    drawn: str = gevent.get_hub().threadpool.apply(digest)
    return drawn


def read(plan: Plan) -> Pool | None:
    """Read a plan's accounts in a native thread, like `draw`: it may take the arrivals. Raises `ConfigError`."""

    def attempt() -> Pool | ConfigError | None:
        try:
            return pool_of(plan)
        except ConfigError as error:
            return error  # what is raised there, gevent prints

    found: Pool | ConfigError | None = gevent.get_hub().threadpool.apply(attempt)
    if isinstance(found, ConfigError):
        raise found
    return found


def fingerprint(pool: Pool | None) -> tuple[int, str]:
    """Return size and SHA-256 of a pool, by which processes know that they have the same; of none, zero and nothing."""
    return (len(pool), pool.digest) if pool is not None else (0, "")


def forget_past(stats: RequestStats) -> None:
    """Drop Locust's counts of single seconds that it does not look at any more: it keeps them for ever."""
    for entry in (stats.total, *stats.entries.values()):
        for counts in (entry.num_reqs_per_sec, entry.num_fail_per_sec):
            latest = max(counts, default=0)
            for second in [second for second in counts if second < latest - LOCUST_LOOKS_BACK]:
                del counts[second]


def _feed_locust(stats: RequestStats, second: PackedSecond) -> None:
    """Add one second to Locust's own statistics, in bulk: its web page, CSV and HTML files keep working.

    An entry knows the statistics it belongs to. They must not know it: the collector, which would find such a circle,
    is asleep while a run goes on.
    """
    now = int(time.time())
    for (journey, step, method), received, (values, counts), _ in second["steps"]:
        part = StatsEntry(stats, f"{journey}/{step}", method)
        part.num_requests = sum(counts)
        part.total_content_length = received
        part.num_reqs_per_sec[now] = part.num_requests
        part.last_request_timestamp = float(now)
        part.total_response_time = round(sum(map(mul, values, counts)) / 1000)
        part.response_times.update(locust_buckets((values, counts)))
        part.min_response_time, part.max_response_time = round(values[0] / 1000), round(values[-1] / 1000)
        stats.entries[part.name, method].extend(part)
        stats.total.extend(part)
    for (journey, step, reason), count, _ in second["failed"]:
        for _ in range(count):
            stats.log_error("", f"{journey}/{step}", reason)
    forget_past(stats)
