"""Tables of the transactional state. Records are kept as JSON beside the columns asked by."""

from sqlalchemy import BigInteger, Index, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

__all__ = ["AlertRow", "ApiKeyRow", "Base", "ChangeRow", "IncidentRow", "RegressionRow"]


class Base(DeclarativeBase):
    """Root of the tables."""


class ChangeRow(Base):
    """A deploy, flag or setting that changed."""

    __tablename__ = "change"

    change_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    service: Mapped[str] = mapped_column(String(256))
    at_unix_ns: Mapped[int] = mapped_column(BigInteger)
    record: Mapped[str] = mapped_column(Text)

    __table_args__ = (Index("ix_change_at", "at_unix_ns"),)


class AlertRow(Base):
    """The latest state of an alert of another system."""

    __tablename__ = "alert"

    fingerprint: Mapped[str] = mapped_column(String(256), primary_key=True)
    starts_unix_ns: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    received_unix_ns: Mapped[int] = mapped_column(BigInteger)
    record: Mapped[str] = mapped_column(Text)

    __table_args__ = (Index("ix_alert_received", "received_unix_ns"),)


class IncidentRow(Base):
    """An incident as last derived."""

    __tablename__ = "incident"

    incident_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    state: Mapped[str] = mapped_column(String(32))
    onset_unix_ns: Mapped[int] = mapped_column(BigInteger)
    updated_unix_ns: Mapped[int] = mapped_column(BigInteger)
    record: Mapped[str] = mapped_column(Text)

    __table_args__ = (Index("ix_incident_onset", "onset_unix_ns"),)


class RegressionRow(Base):
    """A regression as last derived."""

    __tablename__ = "regression"

    regression_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    state: Mapped[str] = mapped_column(String(32))
    onset_unix_ns: Mapped[int] = mapped_column(BigInteger)
    record: Mapped[str] = mapped_column(Text)

    __table_args__ = (Index("ix_regression_onset", "onset_unix_ns"),)


class ApiKeyRow(Base):
    """An API key: its hash, never the key."""

    __tablename__ = "api_key"

    key_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(256))
    scope: Mapped[str] = mapped_column(String(32))
    hashed: Mapped[str] = mapped_column(String(64), unique=True)
    created_unix_ns: Mapped[int] = mapped_column(BigInteger)
    revoked_unix_ns: Mapped[int | None] = mapped_column(BigInteger, nullable=True)
