"""The ground floor: one description of the estate, its campaigns and environments, and the models that validate it.

The YAML files lie beside these modules (`estate/`, `campaigns/`, `environments/`, `maintenance/`); every command takes
`--config DIR` to read another folder of the same layout. `load` is the way in.
"""

from config.behaviour import Behaviour
from config.campaign import Campaign, Day, JourneyShare, Stream
from config.environment import Environment
from config.estate import Objective, Owner, System
from config.house import Configuration, load
from config.phone import Asterisk, Script, Trunk
from config.probes import (
    AriCallProbe,
    BannerProbe,
    CallProbe,
    CertificateProbe,
    Channel,
    DnsProbe,
    Family,
    HttpProbe,
    JourneyProbe,
    MessageProbe,
    NetworkProbe,
    PhoneProbe,
    Probe,
    ProbeTiming,
    RedirectProbe,
    SipOptionsProbe,
    WebsocketProbe,
)
from config.source import ConfigError, Problem
from config.thresholds import GeneratorLimits, Thresholds

__all__ = [
    "AriCallProbe",
    "Asterisk",
    "BannerProbe",
    "Behaviour",
    "CallProbe",
    "Campaign",
    "CertificateProbe",
    "Channel",
    "ConfigError",
    "Configuration",
    "Day",
    "DnsProbe",
    "Environment",
    "Family",
    "GeneratorLimits",
    "HttpProbe",
    "JourneyProbe",
    "JourneyShare",
    "MessageProbe",
    "NetworkProbe",
    "Objective",
    "Owner",
    "PhoneProbe",
    "Probe",
    "ProbeTiming",
    "Problem",
    "RedirectProbe",
    "Script",
    "SipOptionsProbe",
    "Stream",
    "System",
    "Thresholds",
    "Trunk",
    "WebsocketProbe",
    "load",
]
