"""The doctor: finds out which assumptions about the vendor hold, and which settings fix those that do not.

``probe`` calls each read-only endpoint once, ``diagnose`` compares a response with a dataset definition,
``suggestions`` turns the differences into settings, and ``report`` collects everything.
"""

from assets.doctor.endpoint_contracts import known_values
from assets.doctor.probe import EndpointProber, ProbeResult, probe_targets
from assets.doctor.report import DoctorReport, EnvironmentCheck
from assets.doctor.suggestions import suggest_settings

__all__ = [
    "DoctorReport",
    "EndpointProber",
    "EnvironmentCheck",
    "ProbeResult",
    "known_values",
    "probe_targets",
    "suggest_settings",
]
