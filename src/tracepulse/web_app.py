"""Port 8600, put together: REST, MCP and the page over one running server."""

from importlib.resources import files
from pathlib import Path

from starlette.applications import Starlette

from tracepulse.config import webhook_secret
from tracepulse.core import Core
from tracepulse.deliver.api.app import api_app
from tracepulse.deliver.api.services import Services
from tracepulse.investigate import StoreInvestigator
from tracepulse.operation import RunningServer
from tracepulse.regression_watch import RegressionWatch
from tracepulse.watch import Watch

__all__ = ["web_app"]


def web_app(core: Core, watch: Watch, regressions: RegressionWatch | None = None) -> Starlette:
    """Return the application of the dashboard's port."""
    page = Path(str(files("tracepulse"))) / "static"
    return api_app(
        Services(
            telemetry=core.telemetry,
            state=core.state,
            clock=core.clock,
            gate=core.gate,
            investigator=StoreInvestigator(core, watch.collector),
            operation=RunningServer(core, watch),
            aside=core.set_aside,
            connectors=core.connectors,
            redaction_key=core.folder.secret("redaction"),
            allowed_hosts=(core.settings.host, *core.settings.allowed_hosts),
            static_folder=page if (page / "index.html").exists() else None,
            github_secret=webhook_secret(core.settings, "github"),
            sentry_secret=webhook_secret(core.settings, "sentry"),
            regression_coverage=lambda: regressions.coverage if regressions else None,
            on_signal=watch.look_now,
        )
    )
