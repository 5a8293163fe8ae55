"""The ground floor: one description of the estate, its campaigns and environments, and the models that validate it.

The YAML files lie beside these modules (`estate/`, `campaigns/`, `environments/`, `maintenance/`); every command takes
`--config DIR` to read another folder of the same layout. `load` is the way in.
"""

from config.behaviour import Behaviour
from config.campaign import Campaign, Day, JourneyShare, Stream
from config.environment import Environment
from config.estate import Channel, HttpProbe, JourneyProbe, Objective, Owner, Probe, ProbeTiming, System
from config.house import Configuration, load
from config.source import ConfigError, Problem
from config.thresholds import GeneratorLimits, Thresholds

__all__ = [
    "Behaviour",
    "Campaign",
    "Channel",
    "ConfigError",
    "Configuration",
    "Day",
    "Environment",
    "GeneratorLimits",
    "HttpProbe",
    "JourneyProbe",
    "JourneyShare",
    "Objective",
    "Owner",
    "Probe",
    "ProbeTiming",
    "Problem",
    "Stream",
    "System",
    "Thresholds",
    "load",
]
