"""Locust as orchestrator: the half of a run that leads.

    conductor (local or master)                     section (local or worker)
      send "plan": which lanes                 --->   draw the arrivals, make an engine
      wait until all are ready                 <---   send "ready"
      send "go": the common time zero          --->   start the engine
      add up, see who joins and who is lost    <---   send "seconds" as they finish, feed Locust's own statistics
      send "order": move lanes                 --->   carry it out, say so with the next "seconds"
      send "accounts": hand over, ask for some --->   take them over, say so with the next "seconds"
      send "close" when all have started       --->   end with the last citizen
      send "stop" to end early                 --->   stop the engine

In one process both halves live side by side: Locust's LocalRunner delivers messages to itself. The work is done by the
engines; the one Locust user that is spawned only keeps Locust's state machine going.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

import gevent
import numpy as np
from locust.env import Environment
from locust.rpc import Message
from locust.runners import STATE_MISSING, MasterRunner

from loadtests.allotment import Allotment, Orders
from loadtests.plan import Plan
from loadtests.results import Results
from loadtests.schedule import Done
from loadtests.second import PackedSecond
from loadtests.section import (
    ACCOUNTS,
    CLOSE,
    GO,
    ORDER,
    PLAN,
    READY,
    SECONDS,
    STOP,
    draw,
    fingerprint,
    forget_past,
    guarded,
    read,
    runner_of,
)
from loadtests.steady import seconds_of
from loadtests.summarise import summarise
from loadtests.summary import Summary
from loadtests.tenancy import Handovers, Tenancy

HEAD_START = 0.5
"""Seconds between "go" and the time zero, so that it has reached every worker by then."""

NOTICE = 2.0
"""Seconds of the plan between asking for lanes and the first arrival that moves, so that nobody is started late."""

LOOK = 0.25
"""Seconds between looks at who is there."""

ASK_AGAIN = 8
"""A worker that has not said it is ready is invited again after so many looks (2 s): it may not have listened yet.

Locust hears messages before a worker knows ours, and forgets those.
"""

LOOKS_WITHOUT_SIGN = 14
"""A worker that gave no sign for so many looks (3.5 s) is lost; it sends a heartbeat and a report every second.

Looks are counted, not seconds: while the conductor itself stands still, nobody is lost.
"""

CLOCK_TOLERANCE = 2.0
"""Seconds that the clock of a worker may differ; "ready" may take part of them to arrive."""


@dataclass
class Member:
    """A section that takes part in a run, with the lanes and accounts it begins with: with all of them if None.

    `in_flight` are those it said it had started and not that they had ended.
    """

    node: str
    lanes: list[int] | None = None
    accounts: list[int] | None = None
    looks: int = 0
    ready: bool = False
    pid: int = 0
    in_flight: int = 0

    def count(self, second: PackedSecond) -> None:
        """Keep `in_flight`."""
        counts = second["counts"]
        failed = sum(number for _, number, _ in second["failed"])
        ended = sum(second["completed"].values()) + sum(second["unfinished"].values()) + failed + counts["aborted"]
        self.in_flight += counts["started"] - ended


@dataclass
class Losses:
    """Workers that were lost, citizens on their way there, and the longest time until others took over, in seconds."""

    workers: int = 0
    in_flight: int = 0
    gap: float = 0.0

    def explain(self, *, taken_over: bool) -> str:
        """Say it."""
        who = "a worker was" if self.workers == 1 else f"{self.workers} workers were"
        after = "others went on with the arrivals" if taken_over else "nobody was left to go on with the arrivals"
        gap = f" {self.gap:.1f} s later" if taken_over else ""
        return f"{who} lost with {self.in_flight:,} citizens on their way; {after}{gap}"


class Conductor:
    """Hands out the plan, adds up the results, moves lanes, knows whether the run is over and sound.

    `on_end` is called once for each run, when every section has finished or is lost. `dead` returns the process ids of
    workers that are known to have ended; those of other machines are missed by their heartbeat.
    """

    def __init__(
        self,
        environment: Environment,
        on_end: Callable[[Conductor], None] | None = None,
        dead: Callable[[], Collection[int]] = frozenset,
    ) -> None:
        self.environment = environment
        self.ended = threading.Event()
        self.running = False
        self._on_end = on_end
        self._dead = dead
        self._tickets = count(time.time_ns())  # a worker may hear of several masters, one after the other
        self._looks_without_sign: dict[str, int] = {}
        self._plan: Plan | None = None
        self._reset()
        # Locust waits for as many users as it has spawned whenever a worker joins; those it counts are citizens.
        os.environ.setdefault("LOCUST_WAIT_FOR_WORKERS_REPORT_AFTER_RAMP_UP", "0")
        runner_of(environment).register_message(READY, guarded(self._on_ready, lambda _, error: self._fail(error)))
        runner_of(environment).register_message(SECONDS, guarded(self._on_seconds, lambda _, error: self._fail(error)))
        environment.events.worker_report.add_listener(lambda **_: forget_past(environment.stats))
        environment.events.heartbeat_sent.add_listener(lambda client_id, **_: self._heard(client_id))

    def _reset(self) -> None:
        self.results = Results()
        self.errors: list[str] = []
        self.interrupted = False
        self.begun_at = 0.0
        self.sections = 0
        self._members: dict[int, Member] = {}
        self._allotment = Allotment(0)
        self._closed = False
        self._refused: set[str] = set()
        self._digest = ""
        self._pool = (0, "")
        self._tenancy = Tenancy(0)
        self._losses = Losses()
        self._takeovers: dict[int, float] = {}

    @property
    def plan(self) -> Plan:
        """The plan of the present run."""
        assert self._plan is not None
        return self._plan

    @property
    def elapsed(self) -> float:
        """Seconds since the plan's time zero; 0 before."""
        return max(0.0, time.time() - self.begun_at) if self.begun_at else 0.0

    def start(self, plan: Plan) -> None:
        """Begin a run with every worker that is there; those who come later join."""
        self._reset()
        self._plan, self.results = plan, Results(seconds_of(plan))
        self.running = True
        self.ended.clear()
        gevent.spawn(self._lead)

    def stop(self) -> None:
        """End the run early; what is measured so far stays."""
        self.interrupted = self.interrupted or self.running
        self._cut_off()

    def summary(self, command: str, ended_early: str | None = None) -> Summary:
        """Return the result so far; `command` is how to run the same again, `ended_early` why it was stopped."""
        errors = [*self.errors]
        if self._losses.workers:
            errors.insert(0, self._losses.explain(taken_over=self._allotment.done))
        seconds = min(self.elapsed, float(self.results.seconds))
        cut_off = self.interrupted or (not self._allotment.done and seconds < self.plan.duration)
        return summarise(
            self.plan,
            self.results,
            began=datetime.fromtimestamp(self.begun_at or time.time(), UTC),
            seconds=seconds,
            processes=self.sections,
            command=command,
            interrupted=cut_off,
            errors=errors,
            ended_early=ended_early,
            pool=self._pool[0],
        )

    # --- the course of a run

    def _lead(self) -> None:
        try:
            self._lead_to_the_end()
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody must wait for ever
            self._fail(error)
        self.running = False
        self.ended.set()
        if self._on_end is not None:
            self._on_end(self)

    def _lead_to_the_end(self) -> None:
        self._digest = draw(self.plan)
        self._allotment = Allotment(len(self.plan.arrivals))
        pool = read(self.plan)
        self._pool = fingerprint(pool)
        self._tenancy = Tenancy(0 if pool is None or pool.once else len(pool))
        if not self.interrupted:
            self._invite_all()
        while self._members:
            gevent.sleep(LOOK)
            self._look()

    def _invite_all(self) -> None:
        nodes = {next(self._tickets): node for node in sorted(self._present())}
        if not nodes:
            self.errors.append("no worker was there")
            return
        lanes, accounts = self._allotment.begin(nodes), self._tenancy.begin(nodes)
        for ticket, node in nodes.items():
            self._members[ticket] = Member(node, lanes[ticket], accounts[ticket]) if self._distributed else Member(node)
        for ticket in nodes:
            self._invite(ticket)

    def _invite(self, ticket: int) -> None:
        member = self._members[ticket]
        self._send(ticket, PLAN, plan=self.plan.model_dump_json(), lanes=member.lanes, accounts=member.accounts)

    def _go_if_ready(self) -> None:
        if self._members and not self.begun_at and all(member.ready for member in self._members.values()):
            self.begun_at = time.time() + HEAD_START
            for ticket in self._members:
                self._send(ticket, GO, begin=self.begun_at)

    def _close_if_started(self) -> None:
        """Once everyone has started no lanes move any more: who is still preparing is not needed."""
        if self._allotment.done and not self._closed:
            self._closed = True
            self._members = {ticket: member for ticket, member in self._members.items() if member.ready}
            for ticket in self._members:
                self._send(ticket, CLOSE)

    def _cut_off(self) -> None:
        """Have every engine stop; nobody waits for those who have not begun."""
        for ticket in self._members:
            self._send(ticket, STOP, reason="")
        self._closed = True
        self._members = {ticket: member for ticket, member in self._members.items() if member.ready and self.begun_at}

    def _fail(self, error: Exception) -> None:
        """End the run with an error of our own. Nobody is waited for: what would hear of their end may be broken."""
        said = f"{type(error).__name__}: {error}"
        if said not in self.errors:
            self.errors.append(said)
        with suppress(Exception):  # it may be the sending that fails
            self._cut_off()
        self._members = {}

    # --- messages

    def _on_ready(self, msg: Message) -> None:
        self._heard(msg.node_id)
        ticket = msg.data["ticket"]
        member = self._members.get(ticket)
        if member is None:
            return
        ahead = msg.data["clock"] - time.time()
        if abs(ahead) > CLOCK_TOLERANCE:
            self._refuse(ticket, f"the clock of a worker is {ahead:+.1f} s off: set the clocks of all machines by NTP")
            return
        if msg.data["digest"] != self._digest:
            self._refuse(ticket, "a worker draws other arrivals: install the same versions everywhere")
            return
        if tuple(msg.data["pool"]) != self._pool:
            said = f"{msg.data['pool'][0]:,} in all where there are {self._pool[0]:,} here, or not the same ones"
            self._refuse(ticket, f"a worker has other test accounts, {said}: give every machine the same pool")
            return
        member.ready, member.pid = True, msg.data["pid"]
        self.sections += 1
        if self.begun_at:
            self._send(ticket, GO, begin=self.begun_at)
            soon = np.searchsorted(self.plan.arrivals.instants, self.elapsed + NOTICE)
            self._order(self._allotment.join(ticket, int(soon)), takeover=True)
            self._hand_over(self._tenancy.join(ticket))
        else:
            self._go_if_ready()

    def _on_seconds(self, msg: Message) -> None:
        self._heard(msg.node_id)
        ticket, data = msg.data["ticket"], msg.data
        member = self._members.get(ticket)
        if member is None:
            return  # it was lost before, and others have taken over
        for second in data["seconds"]:
            self.results.add(second)
            member.count(second)
        done = [Done(*item) for item in data["orders"]]
        for item in done:
            self._losses.gap = max(self._losses.gap, item.at - self._takeovers.get(item.id, item.at))
        if data["seconds"]:
            self._order(self._allotment.report(ticket, data["reached"], done))
            self._hand_over(self._tenancy.report(ticket, data["parted"]))
        if data["error"] and not member.ready:
            self._refuse(ticket, data["error"])
            return
        if data["error"] and data["error"] not in self.errors:
            self.errors.append(data["error"])
        if data["finished"]:
            self._dismiss(ticket)
        if data["error"]:
            self._cut_off()
        self._close_if_started()

    def _refuse(self, ticket: int, reason: str) -> None:
        """Go on without a worker that cannot take part; a run that has not begun ends instead."""
        self._refused.add(self._members[ticket].node)
        self._send(ticket, STOP, reason=reason)
        if self.begun_at:
            self._dismiss(ticket)
        else:
            self.errors.append(reason)
            self._cut_off()

    def _dismiss(self, ticket: int) -> None:
        """Go on without a section; its lanes go to others."""
        del self._members[ticket]
        self._order(self._allotment.leave(ticket))
        self._hand_over(self._tenancy.leave(ticket))
        self._go_if_ready()

    def _order(self, orders: Orders, *, takeover: bool = False) -> None:
        """Send orders; those of a `takeover` end a gap that began where the one before had said it was."""
        if self._closed:
            return
        for ticket, order in orders:
            if takeover and order.action == "give":
                self._takeovers[order.id] = float(self.plan.arrivals.instants[order.since])
            self._send(ticket, ORDER, order=asdict(order))

    def _hand_over(self, handovers: Handovers) -> None:
        if self._closed:
            return
        for ticket, handover in handovers:
            self._send(ticket, ACCOUNTS, handover=asdict(handover))

    def _send(self, ticket: int, name: str, **data: Any) -> None:
        runner_of(self.environment).send_message(name, {"ticket": ticket, **data}, self._members[ticket].node)

    # --- who is there

    @property
    def _distributed(self) -> bool:
        return isinstance(self.environment.runner, MasterRunner)

    def _heard(self, node: str) -> None:
        self._looks_without_sign[node] = 0

    def _present(self) -> set[str]:
        """Return the nodes that are connected and give signs of life."""
        runner = runner_of(self.environment)
        if not isinstance(runner, MasterRunner):
            return {"local"}
        connected = {node for node, client in runner.clients.items() if client.state != STATE_MISSING}
        return {node for node in connected if self._looks_without_sign.get(node, 0) < LOOKS_WITHOUT_SIGN}

    def _look(self) -> None:
        """Let go of those who are lost, invite those who are new."""
        if not self._distributed:
            return
        for node in {member.node for member in self._members.values()}:
            self._looks_without_sign[node] = self._looks_without_sign.get(node, 0) + 1
        present, dead = self._present(), self._dead()
        for ticket, member in list(self._members.items()):
            if member.node not in present or (member.pid and member.pid in dead):
                self._lose(ticket)
        self._close_if_started()
        for ticket, member in list(self._members.items()):
            member.looks += 1
            if not member.ready and member.looks % ASK_AGAIN == 0:
                self._invite(ticket)
        if self.begun_at and not self._closed:
            for node in sorted(present - {member.node for member in self._members.values()} - self._refused):
                ticket = next(self._tickets)
                self._members[ticket] = Member(node, [], [])
                self._invite(ticket)

    def _lose(self, ticket: int) -> None:
        """Have others go on from where a lost worker had said it was; should it still live, it has to stop."""
        self._send(ticket, STOP, reason="it gave no sign for too long, others have taken over")
        member = self._members.pop(ticket)
        if member.ready or not self.begun_at:
            self._losses.workers += 1
            self._losses.in_flight += member.in_flight
        self._order(self._allotment.leave(ticket), takeover=True)
        self._hand_over(self._tenancy.leave(ticket))
        self._go_if_ready()
