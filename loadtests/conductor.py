"""Locust as orchestrator: the only module that knows its runners.

    conductor (local or master)                     section (local or worker)
      send "plan": which share                 --->   draw the arrivals, make an engine
      wait until all are ready                 <---   send "ready"
      send "go": the common time zero          --->   start the engine
      add up, watch for lost workers           <---   send "seconds" as they finish, feed Locust's own statistics
      send "stop"                              --->   stop the engine

In one process both halves live side by side: Locust's LocalRunner delivers messages to itself. The work is done by the
engines; the one Locust user that is spawned only keeps Locust's state machine going.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import gevent
from gevent import monkey
from locust import User, task
from locust.env import Environment
from locust.rpc import Message
from locust.runners import STATE_MISSING, LocalRunner, MasterRunner, WorkerRunner
from locust.stats import RequestStats, bucket_response_time

from loadtests.engine import Engine
from loadtests.plan import Plan
from loadtests.statistics import PackedSecond, Results, pack
from loadtests.summary import Summary, summarise

PLAN, READY, GO, SECONDS, STOP = (f"piekwacht.{name}" for name in ("plan", "ready", "go", "seconds", "stop"))

HEAD_START = 0.5
"""Seconds between "go" and the time zero, so that it has reached every worker by then."""

PUMP = 0.25
"""Seconds between looks at what the engine has finished."""


class CrowdUser(User):
    """The one Locust user of a run: it does nothing, the engine walks the citizens."""

    host = "the endpoints of the environment (--env)"  # shown by the web page; hosts come from the configuration only

    fixed_count = 1

    @task
    def wait(self) -> None:
        """Wait."""
        gevent.sleep(1)


class Section:
    """The half that works: runs one engine for one share of the arrivals."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self._engine: Engine | None = None
        runner = _runner(environment)
        runner.register_message(PLAN, self._on_plan)
        runner.register_message(GO, self._on_go)
        runner.register_message(STOP, self._on_stop)

    def _on_plan(self, msg: Message, **_: object) -> None:
        try:
            plan = Plan.model_validate_json(msg.data["plan"])
            self._engine = Engine(plan, msg.data["index"], msg.data["count"])
        except Exception as error:  # noqa: BLE001 - whatever it is, the conductor must not wait for ever
            self._engine = None
            self._report([], finished=True, error=error)
        else:
            _runner(self.environment).send_message(READY, {})

    def _on_go(self, msg: Message, **_: object) -> None:
        if self._engine is None:
            return  # came too late for this run
        zero = time.monotonic() + (msg.data["begin"] - time.time())
        self._engine.start(zero, monkey.get_original("_thread", "start_new_thread"))
        gevent.spawn(self._pump, self._engine)

    def _on_stop(self, **_: object) -> None:
        if self._engine is not None:
            self._engine.stop()

    def _pump(self, engine: Engine) -> None:
        finished = False
        while not finished:
            gevent.sleep(PUMP)
            finished = engine.finished  # read before collecting: the last second is queued before it turns true
            seconds = [pack(second) for second in engine.collect()]
            for second in seconds:
                _feed_locust(self.environment.stats, second)
            if seconds or finished:
                self._report(seconds, finished=finished, error=engine.error)

    def _report(self, seconds: list[PackedSecond], *, finished: bool, error: BaseException | None) -> None:
        said = f"{type(error).__name__}: {error}" if error else ""
        _runner(self.environment).send_message(SECONDS, {"seconds": seconds, "finished": finished, "error": said})


class Conductor:
    """The half that leads: hands out the plan, adds up the results, knows whether the run is over and sound.

    `on_end` is called once for each run, when every section has finished or is lost.
    """

    def __init__(self, environment: Environment, on_end: Callable[[Conductor], None] | None = None) -> None:
        self.environment = environment
        self._on_end = on_end
        self._running: set[str] = set()
        self._preparing: set[str] = set()
        self._plan: Plan | None = None
        self.results = Results()
        self.begun_at = 0.0
        self.sections = 0
        self.errors: list[str] = []
        self.interrupted = False
        self.ended = threading.Event()
        _runner(environment).register_message(READY, self._on_ready)
        _runner(environment).register_message(SECONDS, self._on_seconds)

    @property
    def plan(self) -> Plan:
        """The plan of the present run."""
        assert self._plan is not None
        return self._plan

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return bool(self._running)

    @property
    def elapsed(self) -> float:
        """Seconds since the plan's time zero; 0 before."""
        return max(0.0, time.time() - self.begun_at) if self.begun_at else 0.0

    def start(self, plan: Plan) -> None:
        """Begin a run: hand out the plan to every worker that is there."""
        runner = _runner(self.environment)
        nodes = sorted(runner.clients.keys()) if isinstance(runner, MasterRunner) else ["local"]
        self._plan, self._running, self._preparing, self.sections = plan, set(nodes), set(nodes), len(nodes)
        self.results, self.errors, self.interrupted, self.begun_at = Results(), [], False, 0.0
        self.ended.clear()
        for index, node in enumerate(nodes):
            share = {"plan": plan.model_dump_json(), "index": index, "count": len(nodes)}
            runner.send_message(PLAN, share, node)
        gevent.spawn(self._watch)

    def stop(self) -> None:
        """End the run early; what is measured so far stays."""
        if not self._running:
            return
        self.interrupted = True
        _runner(self.environment).send_message(STOP, {})
        if not self.begun_at:
            self._running.clear()  # nobody has started yet, so nobody will report

    def summary(self, command: str) -> Summary:
        """Return the result so far; `command` is how to run the same again."""
        return summarise(
            self.plan,
            self.results,
            began=datetime.fromtimestamp(self.begun_at, UTC),
            seconds=min(self.elapsed, float(self.results.seconds)),
            processes=self.sections,
            command=command,
            interrupted=self.interrupted,
            errors=self.errors,
        )

    def _on_ready(self, msg: Message, **_: object) -> None:
        self._preparing.discard(msg.node_id)
        self._go_if_ready()

    def _go_if_ready(self) -> None:
        if self._running and not self._preparing and not self.begun_at:
            self.begun_at = time.time() + HEAD_START
            _runner(self.environment).send_message(GO, {"begin": self.begun_at})

    def _on_seconds(self, msg: Message, **_: object) -> None:
        for second in msg.data["seconds"]:
            self.results.add(second)
        if msg.data["error"] and msg.data["error"] not in self.errors:
            self.errors.append(msg.data["error"])
        if msg.data["finished"]:
            self._running.discard(msg.node_id)
            self._preparing.discard(msg.node_id)
            self._go_if_ready()

    def _watch(self) -> None:
        """Wait for the end; a worker that vanishes makes the run invalid."""
        while self._running:
            gevent.sleep(PUMP)
            for node in self._lost():
                self._running.discard(node)
                self._preparing.discard(node)
                self.errors.append("a worker was lost; its arrivals are missing")
                self._go_if_ready()
        self.ended.set()
        if self._on_end is not None:
            self._on_end(self)

    def _lost(self) -> list[str]:
        runner = _runner(self.environment)
        if not isinstance(runner, MasterRunner):
            return []
        clients = {node: runner.clients.get(node) for node in sorted(self._running)}
        return [node for node, client in clients.items() if client is None or client.state == STATE_MISSING]


def _runner(environment: Environment) -> LocalRunner | MasterRunner | WorkerRunner:
    runner = environment.runner
    assert isinstance(runner, LocalRunner | MasterRunner | WorkerRunner)
    return runner


def _feed_locust(stats: RequestStats, second: PackedSecond) -> None:
    """Add one second to Locust's own statistics, in bulk: its web page, CSV and HTML files keep working."""
    now = int(time.time())
    batch = RequestStats(use_response_times_cache=False)
    for (journey, step, method), received, (values, counts), _ in second["steps"]:
        part = batch.get(f"{journey}/{step}", method)
        part.num_requests = sum(counts)
        part.total_content_length = received
        part.num_reqs_per_sec[now] = part.num_requests
        part.last_request_timestamp = float(now)
        for value, count in zip(values, counts, strict=True):
            part.total_response_time += round(value / 1000 * count)
            part.response_times[bucket_response_time(value / 1000)] += count
        part.min_response_time, part.max_response_time = round(values[0] / 1000), round(values[-1] / 1000)
        stats.entries[part.name, method].extend(part)
        stats.total.extend(part)
    for (journey, step, reason), count, _ in second["failed"]:
        for _ in range(count):
            stats.log_error("", f"{journey}/{step}", reason)
