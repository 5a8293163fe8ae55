"""Piekwacht under plain Locust, with its web page or headless.

    locust -f loadtests/locustfile.py --campaign aangifte-2023-03-01 --env local --from 09:00 --to 09:02 --scale 0.1

The number of users and the spawn rate that Locust asks for have no meaning here: the campaign decides who comes when.
"""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import gevent
from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import LocalRunner, MasterRunner, WorkerRunner
from locust.stats import CSV_STATS_INTERVAL_SEC

import journeys
from config import ConfigError, load
from config.children import die_with_parent
from config.commands import Exit
from loadtests.accounts import check_enough
from loadtests.conductor import Conductor
from loadtests.options import growth_factors
from loadtests.plan import Plan, PlanError, make_plan
from loadtests.report import write
from loadtests.run import EXIT_CODES, RunError, check_trust, room_for_report
from loadtests.section import CrowdRunner, CrowdUser, Section, read

__all__ = ["CrowdUser"]  # Locust looks for user classes in this module

STOPPING = 10.0
"""Seconds that engines get to stop."""


@events.init_command_line_parser.add_listener
def add_options(parser: LocustArgumentParser) -> None:
    """Add Piekwacht's options; nothing binds to a public interface unless told to."""
    parser.set_defaults(web_host="127.0.0.1", master_bind_host="127.0.0.1")
    group = parser.add_argument_group("Piekwacht")
    group.add_argument(
        "--piekwacht-config",
        env_var="PIEKWACHT_CONFIG",
        default="config",
        help="Folder with estate, campaigns, environments",
    )
    group.add_argument("--campaign", default="smoke", help="Campaign to replay")
    group.add_argument("--env", default="local", dest="environment_id", help="Environment to load")
    group.add_argument("--day", default="", help="Day of the campaign (default: its first)")
    group.add_argument("--from", default="10:00", dest="start_clock", help="First moment of the day")
    group.add_argument("--to", default="10:01", dest="end_clock", help="Last moment of the day")
    group.add_argument("--compress", type=float, default=1.0, help="Replay this many times faster")
    group.add_argument(
        "--keep", choices=["volume", "rate"], default="volume", help="What --compress keeps: arrivals, or their rate"
    )
    group.add_argument("--scale", type=float, default=1.0, help="Multiply the number of arrivals")
    group.add_argument(
        "--growth", default="", help="Growth of a year: 1.1 for all, or for some streams: app-logins=1.64,visits=1.1"
    )
    group.add_argument("--years", type=float, default=1.0, help="Years of --growth")
    group.add_argument("--think", default="", help="Multiply thinking time (default: 1 / compress)")
    group.add_argument("--timeout", type=float, default=30.0, help="Seconds before a request is given up")
    group.add_argument(
        "--drain", type=float, default=30.0, help="Seconds for those on their way after the last arrival"
    )
    group.add_argument("--seed", type=int, default=1, help="Seed of every random choice")
    group.add_argument("--out", default="build/locust", help="Folder for summary.json and report.html")


@events.init.add_listener
def attach(environment: Environment, **_: Any) -> None:
    """Put the working half into local runners and workers, the leading half into local runners and masters."""
    runner, options = environment.runner, environment.parsed_options
    assert options is not None
    if not isinstance(runner, MasterRunner):
        section = Section(environment)
    if isinstance(runner, WorkerRunner) and options.processes:
        die_with_parent()
    if isinstance(runner, LocalRunner):
        runner.__class__ = CrowdRunner  # Locust makes its runner before anyone is asked
        cast("CrowdRunner", runner).section = section
    if not isinstance(runner, WorkerRunner):
        room = ExitStack()
        conductor = Conductor(environment, on_end=lambda conductor: finish(conductor, room))
        environment.events.test_start.add_listener(lambda **_: conductor.start(plan_of(environment, room)))
        environment.events.test_stopping.add_listener(lambda **_: cut_off(conductor))
        environment.events.quitting.add_listener(lambda **_: cut_off(conductor))


def cut_off(conductor: Conductor) -> None:
    """End the run if Locust ends before it does, and wait for the report."""
    if conductor.running:
        conductor.stop()
        conductor.ended.wait(STOPPING)


def plan_of(environment: Environment, room: ExitStack) -> Plan:
    """Make the plan from Locust's options and take `room` for its report.

    On bad input say what is wrong and quit, as `piekwacht load run` does.
    """
    options = environment.parsed_options
    assert options is not None
    try:
        configuration = load(Path(options.piekwacht_config), journeys.known_journeys)
        campaign = configuration.campaigns.get(options.campaign)
        factors = options.growth.split(",") if options.growth else []
        plan = make_plan(
            configuration,
            options.campaign,
            options.environment_id,
            day=options.day or None,
            start=options.start_clock,
            end=options.end_clock,
            compress=options.compress,
            keep=options.keep,
            scale=options.scale,
            growth=growth_factors(factors, campaign.streams if campaign else ()),
            years=options.years,
            think=options.think or None,
            timeout=options.timeout,
            drain=options.drain,
            seed=options.seed,
        )
        check_enough(plan, read(plan))
        if not isinstance(environment.runner, MasterRunner):  # else the files are those of other machines
            check_trust(plan.environment)
        room.enter_context(room_for_report(Path(options.out), plan.duration + plan.drain))
    except (ConfigError, PlanError, RunError) as error:
        print(error, file=sys.stderr, flush=True)  # nothing else will, before it is gone
        os._exit(Exit.USAGE)
    return plan


def finish(conductor: Conductor, room: ExitStack) -> None:
    """Write the report, for which `room` was taken; end Locust's run too, if it was not Locust that ended it."""
    environment = conductor.environment
    options = environment.parsed_options
    assert options is not None
    assert environment.runner is not None
    summary = conductor.summary(shlex.join(["locust", *sys.argv[1:]]))
    environment.process_exit_code = EXIT_CODES[summary.outcome]
    room.close()
    try:
        for path in write(summary, Path(options.out)):
            print(f"written: {path}")
    except OSError as error:
        print(f"cannot write to {options.out}: {error.strerror or error}", file=sys.stderr)
        environment.process_exit_code = Exit.INVALID
    if conductor.interrupted:
        return
    if options.csv_prefix:
        gevent.sleep(CSV_STATS_INTERVAL_SEC + 0.5)  # Locust writes once a second, and not at the end
    if options.headless:
        environment.runner.quit()
    else:
        environment.runner.stop()
