"""Reading and writing the transactional state, as the records that other stages know."""

from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.orm import Session

from tracepulse.errors import BadSetting, Unavailable
from tracepulse.model.change import Change
from tracepulse.model.incident import Incident, IncidentState
from tracepulse.model.regression import Regression, RegressionState
from tracepulse.model.trigger import ExternalAlert
from tracepulse.receive.access import ApiKey, Scope
from tracepulse.store.state.keys_at_start import VERSION
from tracepulse.store.state.models import (
    AlertRow,
    ApiKeyRow,
    Base,
    ChangeRow,
    IncidentRow,
    RegressionRow,
)

__all__ = ["StateStore"]
_CHANGE = TypeAdapter(Change)
_ALERT = TypeAdapter(ExternalAlert)
_INCIDENT = TypeAdapter(Incident)
_REGRESSION = TypeAdapter(Regression)


class StateStore:
    """Incidents, regressions, changes, alerts and API keys."""

    def __init__(self, url: str) -> None:
        """
        Connect, and bring the tables up to this version.

        Args:
            url: SQLAlchemy's, `sqlite:///path` or `postgresql+psycopg://…`.
        Raises:
            BadSetting: the URL cannot be used.
            Unavailable: the database does not answer, or is of a newer version.
        """
        try:
            self._engine = sa.create_engine(url)
            if self._engine.dialect.name == "sqlite":
                sa.event.listen(self._engine, "connect", _tune_sqlite)
        except (sa.exc.ArgumentError, ImportError) as error:
            raise BadSetting(f"state database address: {error}") from error
        shown = self._engine.url.render_as_string(hide_password=True)
        try:
            with self._engine.begin() as connection:
                _migrate(connection)
        except Unavailable as error:
            self._engine.dispose()
            raise Unavailable(f"state database {shown} {error}") from error
        except sa.exc.SQLAlchemyError as error:
            self._engine.dispose()
            raise Unavailable(f"state database {shown} cannot be used: {error}") from error

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    # -- changes -------------------------------------------------------------------------------

    def put_change(self, change: Change) -> None:
        """Keep a change; one with the same id is replaced."""
        row = ChangeRow(
            change_id=change.change_id,
            service=change.service,
            at_unix_ns=change.at_unix_ns,
            record=_CHANGE.dump_json(change).decode(),
        )
        self._merge(row)

    def changes(self, since_unix_ns: int, until_unix_ns: int) -> tuple[Change, ...]:
        """Return the changes of [since, until), by time and id."""
        query = (
            sa.select(ChangeRow.record)
            .where(ChangeRow.at_unix_ns >= since_unix_ns, ChangeRow.at_unix_ns < until_unix_ns)
            .order_by(ChangeRow.at_unix_ns, ChangeRow.change_id)
        )
        return tuple(_CHANGE.validate_json(record) for record in self._scalars(query))

    # -- alerts --------------------------------------------------------------------------------

    def put_alert(self, alert: ExternalAlert) -> None:
        """Keep the latest state of an alert."""
        row = AlertRow(
            fingerprint=f"{alert.source}:{alert.fingerprint}",
            starts_unix_ns=alert.starts_unix_ns,
            received_unix_ns=alert.received_unix_ns,
            record=_ALERT.dump_json(alert).decode(),
        )
        self._merge(row)

    def end_alerts(self, resolution: ExternalAlert) -> int:
        """
        End what is open of an alert whose sender does not say when it began; return how many.

        Args:
            resolution: of that source and fingerprint, with its end.
        """
        key = f"{resolution.source}:{resolution.fingerprint}"
        with Session(self._engine) as session, session.begin():
            rows = session.scalars(sa.select(AlertRow).where(AlertRow.fingerprint == key)).all()
            still = [(row, _ALERT.validate_json(row.record)) for row in rows]
            open_ones = [(row, alert) for row, alert in still if alert.ends_unix_ns is None]
            for row, alert in open_ones:
                ended = replace(
                    alert,
                    ends_unix_ns=resolution.ends_unix_ns,
                    received_unix_ns=resolution.received_unix_ns,
                )
                row.received_unix_ns = resolution.received_unix_ns
                row.record = _ALERT.dump_json(ended).decode()
            return len(open_ones)

    def alerts(self, since_unix_ns: int) -> tuple[ExternalAlert, ...]:
        """Return the alerts heard of since an instant, by start and fingerprint."""
        query = (
            sa.select(AlertRow.record)
            .where(AlertRow.received_unix_ns >= since_unix_ns)
            .order_by(AlertRow.starts_unix_ns, AlertRow.fingerprint)
        )
        return tuple(_ALERT.validate_json(record) for record in self._scalars(query))

    # -- incidents -----------------------------------------------------------------------------

    def put_incident(self, incident: Incident, updated_unix_ns: int) -> None:
        """Keep an incident as last derived."""
        row = IncidentRow(
            incident_id=incident.incident_id,
            state=incident.state.value,
            onset_unix_ns=incident.onset_unix_ns,
            updated_unix_ns=updated_unix_ns,
            record=_INCIDENT.dump_json(incident).decode(),
        )
        self._merge(row)

    def incident(self, incident_id: str) -> Incident | None:
        """Return one incident."""
        found = self._scalars(
            sa.select(IncidentRow.record).where(IncidentRow.incident_id == incident_id)
        )
        return _INCIDENT.validate_json(found[0]) if found else None

    def incidents(
        self, states: Sequence[IncidentState] = (), limit: int = 100
    ) -> tuple[Incident, ...]:
        """Return incidents, newest onset first."""
        query = sa.select(IncidentRow.record)
        if states:
            query = query.where(IncidentRow.state.in_([state.value for state in states]))
        query = query.order_by(IncidentRow.onset_unix_ns.desc(), IncidentRow.incident_id)
        return tuple(_INCIDENT.validate_json(r) for r in self._scalars(query.limit(limit)))

    # -- regressions ---------------------------------------------------------------------------

    def put_regression(self, regression: Regression) -> None:
        """Keep a regression as last derived."""
        row = RegressionRow(
            regression_id=regression.regression_id,
            state=regression.state.value,
            onset_unix_ns=regression.onset_unix_ns,
            record=_REGRESSION.dump_json(regression).decode(),
        )
        self._merge(row)

    def regression(self, regression_id: str) -> Regression | None:
        """Return one regression."""
        found = self._scalars(
            sa.select(RegressionRow.record).where(RegressionRow.regression_id == regression_id)
        )
        return _REGRESSION.validate_json(found[0]) if found else None

    def regressions(
        self, states: Sequence[RegressionState] = (), limit: int = 100
    ) -> tuple[Regression, ...]:
        """Return regressions, newest onset first."""
        query = sa.select(RegressionRow.record)
        if states:
            query = query.where(RegressionRow.state.in_([state.value for state in states]))
        query = query.order_by(RegressionRow.onset_unix_ns.desc(), RegressionRow.regression_id)
        return tuple(_REGRESSION.validate_json(r) for r in self._scalars(query.limit(limit)))

    # -- API keys ------------------------------------------------------------------------------

    def put_key(self, key: ApiKey, created_unix_ns: int) -> None:
        """Keep a new API key's hash."""
        self._merge(
            ApiKeyRow(
                key_id=key.key_id,
                name=key.name,
                scope=key.scope.value,
                hashed=key.hashed,
                created_unix_ns=created_unix_ns,
            )
        )

    def revoke_key(self, key_id: str, at_unix_ns: int) -> bool:
        """Make a key useless from now on; False when there is none of that id."""
        with Session(self._engine) as session, session.begin():
            row = session.get(ApiKeyRow, key_id)
            if row is None:
                return False
            row.revoked_unix_ns = at_unix_ns
            return True

    def keys(self) -> tuple[ApiKey, ...]:
        """Return the keys that are in force, by id."""
        with Session(self._engine) as session:
            rows = session.scalars(
                sa.select(ApiKeyRow)
                .where(ApiKeyRow.revoked_unix_ns.is_(None))
                .order_by(ApiKeyRow.key_id)
            )
            return tuple(ApiKey(r.key_id, r.name, Scope(r.scope), r.hashed) for r in rows)

    def _merge(self, row: Base) -> None:
        with Session(self._engine) as session, session.begin():
            session.merge(row)

    def _scalars(self, query: "sa.Select[str]") -> list[str]:
        with Session(self._engine) as session:
            return list(session.scalars(query))


def _tune_sqlite(connection: object, _record: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA busy_timeout=5000")
    cursor.close()


def _migrate(connection: sa.Connection) -> None:
    """Bring the tables up to this version; raises Unavailable when they are newer."""
    if sa.inspect(connection).has_table("alembic_version"):
        found = connection.scalars(sa.text("SELECT version_num FROM alembic_version")).all()
        if list(found) == [VERSION]:
            return
    # Here, because most starts have nothing to do with it and should not wait for it to load.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util.exc import CommandError

    config = Config()
    folder = files("tracepulse.store.state").joinpath("migrations")
    config.set_main_option("script_location", str(folder))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    ScriptDirectory.from_config(config)
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise Unavailable(f"was made by a newer version of TracePulse ({error})") from error
