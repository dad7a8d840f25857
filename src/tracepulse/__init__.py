"""TracePulse: production telemetry in, answers with their evidence out."""

from importlib.metadata import PackageNotFoundError, version

__all__ = ["__version__"]

try:
    __version__ = version("tracepulse")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"
