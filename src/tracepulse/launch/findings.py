"""What was found of OpenTelemetry for a program, and what it still needs."""

from dataclasses import dataclass

__all__ = ["Findings"]


@dataclass(frozen=True, slots=True)
class Findings:
    """Whether a program can be started with OpenTelemetry, and with how much of it."""

    language: str
    """For people: `Python 3.11.7`."""
    start: str = ""
    """The folder or file that loads the instrumentation; empty: there is none."""
    instrumentations: tuple[str, ...] = ()
    """Names of the libraries that would be seen; by name."""
    missing: tuple[str, ...] = ()
    """Why it cannot be loaded and what to do, line by line; empty if it can."""
    uncovered: tuple[str, ...] = ()
    """Packages that would show more of what is installed; by name."""
    advice: str = ""
    """The command that installs them."""
