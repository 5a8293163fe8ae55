"""`docs/phone-lines.md` says what the program does: its stages, its limits, its configuration."""

from __future__ import annotations

import re

import yaml

from config import AriCallProbe, CallProbe, Environment, SipOptionsProbe, Trunk
from config.phone import CALL_AT_MOST, RING_AT_MOST
from monitors import metrics
from monitors.probes.phone.evidence import Sound, Stage
from tests.conftest import ROOT

TEXT = (ROOT / "docs" / "phone-lines.md").read_text(encoding="utf-8")
BLOCKS = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)]


def test_every_stage_and_sound_is_explained() -> None:
    """Whoever reads a ladder finds the word."""
    words = TEXT.lower()
    assert [stage for stage in Stage if stage is not Stage.START and stage.replace("_", " ") not in words] == []
    missing = [sound for sound in Sound if sound is not Sound.ACTIVE and sound.replace("_", " ") not in words]
    assert missing == []


def test_every_metric_that_is_named_exists() -> None:
    """A name that was changed is changed here too."""
    named = set(re.findall(r"piekwacht_\w+", TEXT))
    assert named
    assert named <= {metric.name for metric in metrics.ALL}


def test_the_configuration_that_is_shown_is_valid() -> None:
    """Anybody may copy it."""
    environment, estate = BLOCKS
    place = Environment.model_validate(
        {"title": "as shown", "endpoints": {"website": "http://127.0.0.1"}, "allow": ["127.0.0.1"], **environment}
    )
    assert isinstance(place.trunks["carrier"], Trunk)
    assert not place.trunks["platform"].own
    kinds = {"call": CallProbe, "sip_options": SipOptionsProbe, "ari_call": AriCallProbe}
    for probe in estate["probes"].values():
        shown = kinds[probe["kind"]].model_validate(probe)
        assert getattr(shown, "trunk", None) in {None, *place.trunks}
    assert {probe["kind"] for probe in estate["probes"].values()} == set(kinds)


def test_the_limits_that_are_named_are_those_of_the_program() -> None:
    """Seconds of ringing and of talking."""
    assert f"{RING_AT_MOST:g} s and {CALL_AT_MOST:g} s at most" in TEXT
