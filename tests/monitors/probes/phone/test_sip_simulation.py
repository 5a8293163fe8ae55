"""Whatever the network does: the far end ends with no call up."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.monitors.probes.phone.sip_far_end import Network, Plan, Simulation

AT = st.floats(0, 40)
SOON = st.floats(0.0, 3.0)


def _obliged(plan: Plan) -> Plan:
    """Have a far end that takes long send 100, as RFC 3261, 17.2.1 demands: without it nothing may be cancelled."""
    if plan.final is None or plan.final > 25:
        plan.trying = plan.trying or 0.1
    return plan


PLANS = st.builds(
    Plan,
    trying=st.none() | st.floats(0, 0.2),
    ringing=st.none() | SOON,
    final=st.none() | st.floats(0, 25),
    status=st.sampled_from([200, 200, 200, 404, 486, 503]),
    forks=st.integers(1, 3),
    hangs_up=st.none() | st.floats(0, 20),
    offers=st.none() | SOON,
    challenge=st.booleans(),
).map(_obliged)
NETWORKS = st.builds(
    Network, loss=st.sampled_from([0.0, 0.05, 0.2, 0.5]), twice=st.sampled_from([0.0, 0.3]), delay=st.floats(0.002, 1.0)
)
SEEDS = st.integers(0, 2**32)
ENDS = ("Released", "Unreleased")


def ended(simulation: Simulation) -> list[str]:
    return [name for name in simulation.names() if name in ENDS]


@settings(max_examples=100)
@given(PLANS, NETWORKS, SEEDS, AT)
def test_no_call_stays_up_however_messages_get_lost_doubled_and_reordered(
    plan: Plan, network: Network, seed: int, leave: float
) -> None:
    """With loss of up to half of everything, at any instant of hanging up, nothing is up at the far end; we know it."""
    simulation = Simulation(plan, network, seed)
    simulation.start()
    simulation.later(leave, simulation.hang_up)
    simulation.run()
    assert simulation.far_end.up == []
    assert simulation.far_end.gave_up == []
    assert simulation.far_end.unacknowledged == []
    assert simulation.call.done
    assert set(ended(simulation)) == {"Released"}


@settings(max_examples=40)
@given(PLANS, SEEDS, AT, st.sampled_from(["TCP", "TLS"]))
def test_no_call_stays_up_over_a_reliable_transport(plan: Plan, seed: int, leave: float, transport: str) -> None:
    """Without repetitions of our own a stream is enough, and every kind of request of ours goes out just once."""
    simulation = Simulation(plan, Network(delay=0.002), seed, transport)
    simulation.start()
    simulation.later(leave, simulation.hang_up)
    simulation.run()
    assert simulation.far_end.up == []
    assert simulation.far_end.gave_up == []
    assert simulation.call.done
    sent = [(each.branch, each.method) for each in simulation.sent if hasattr(each, "method") and each.method != "ACK"]
    assert len(sent) == len(set(sent))


@settings(max_examples=100)
@given(PLANS, NETWORKS, SEEDS, AT)
def test_a_killed_process_leaves_nothing_up_once_its_journal_is_worked_off(
    plan: Plan, network: Network, seed: int, killed: float
) -> None:
    """Another process that knows the journal alone ends the call, at whatever instant the first one was killed.

    It does not repeat the INVITE. If its one provisional answer gets lost, it takes the final one to know of the call.
    """
    if network.loss and plan.final is None:
        plan.final = 20.0
    simulation = Simulation(plan, network, seed)
    simulation.start()
    simulation.later(killed, simulation.kill)
    simulation.run()
    assert simulation.far_end.up == []
    assert simulation.call.done


@settings(max_examples=40)
@given(PLANS, NETWORKS, SEEDS, AT, AT)
def test_a_call_into_nothing_ends_by_itself(plan: Plan, network: Network, seed: int, leave: float, dead: float) -> None:
    """When the network dies at any instant, the call ends all the same, tells so, and asks for nothing more."""
    network.dead_from = dead
    simulation = Simulation(plan, network, seed)
    simulation.start()
    simulation.later(leave, simulation.hang_up)
    simulation.run()
    assert simulation.call.done
    assert simulation.call.state == "over"
    assert ended(simulation)
    first, last = simulation.told[0][0], simulation.told[-1][0]
    assert last - first < 150


@settings(max_examples=10)
@given(SEEDS)
def test_half_of_everything_lost_is_half_lost(seed: int) -> None:
    """The network of these tests does lose messages, and in a row."""
    simulation = Simulation(Plan(final=None), Network(loss=0.5, in_a_row=2), seed)
    for _ in range(100):
        simulation._carry(simulation.call._caller.outside_dialog("INVITE", 1, "z9hG4bK1"), simulation.far_end.receive)
    assert 20 < len(simulation._queue) < 90
