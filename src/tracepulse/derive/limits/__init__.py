"""
Every number that decides something, once: value, unit, and why it is that. A file for each subject.

A limit is a plain number under its name; `ALL_LIMITS` lists them for the reference.
"""

from tracepulse.derive.limits.causes import LIMITS as _CAUSES
from tracepulse.derive.limits.cohorts import LIMITS as _COHORTS
from tracepulse.derive.limits.dependencies import LIMITS as _DEPENDENCIES
from tracepulse.derive.limits.detection import LIMITS as _DETECTION
from tracepulse.derive.limits.findings import LIMITS as _FINDINGS
from tracepulse.derive.limits.flows import LIMITS as _FLOWS
from tracepulse.derive.limits.incidents import LIMITS as _INCIDENTS
from tracepulse.derive.limits.log_flows import LIMITS as _LOG_FLOWS
from tracepulse.derive.limits.log_templates import LIMITS as _LOG_TEMPLATES
from tracepulse.derive.limits.regressions import LIMITS as _REGRESSIONS
from tracepulse.derive.limits.what_if import LIMITS as _WHAT_IF

__all__ = ["ALL_LIMITS"]

ALL_LIMITS = (
    *_DETECTION,
    *_INCIDENTS,
    *_CAUSES,
    *_LOG_TEMPLATES,
    *_FLOWS,
    *_LOG_FLOWS,
    *_DEPENDENCIES,
    *_COHORTS,
    *_WHAT_IF,
    *_REGRESSIONS,
    *_FINDINGS,
)
"""By subject, then in the order of the file."""
