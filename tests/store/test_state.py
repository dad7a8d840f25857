"""The transactional state, on SQLite and on PostgreSQL."""

import glob
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory

from tracepulse.errors import BadSetting, Unavailable
from tracepulse.model.change import Change
from tracepulse.model.incident import Incident, IncidentState
from tracepulse.model.trigger import ExternalAlert, Trigger, TriggerKind
from tracepulse.receive.access import ApiKey, Scope, key_hash
from tracepulse.store.state.keys_at_start import VERSION, keys_at_start
from tracepulse.store.state.records import StateStore


def _program(name: str) -> str:
    found = shutil.which(name) or next(
        iter(sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), reverse=True)), ""
    )
    if not found:
        message = "PostgreSQL is not installed: make system-deps"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    """Return the address of an empty PostgreSQL that lives as long as this file's tests."""
    initdb, postgres = _program("initdb"), _program("pg_ctl")
    user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    folder = tempfile.mkdtemp(prefix="tracepulse-pg-")
    if os.getuid() == 0:
        shutil.chown(folder, user)
    data = f"{folder}/data"

    def run(*command: str) -> None:
        done = subprocess.run(
            command,
            user=user if os.getuid() == 0 else None,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=120,
            check=False,
        )
        assert 0 == done.returncode, done.stderr.decode()

    try:
        run(initdb, "-D", data, "-U", "us", "-A", "trust", "--no-sync")
        options = f"-k {folder} -c listen_addresses='' -c fsync=off"
        run(postgres, "-D", data, "-o", options, "-l", f"{folder}/log", "-w", "start")
        try:
            yield f"postgresql+psycopg://us:secret@/postgres?host={folder}"
        finally:
            run(postgres, "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Each kind of state database in turn, empty."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'state.db'}"
        return
    address: str = request.getfixturevalue("postgresql")
    engine = sa.create_engine(address)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA public"))
    engine.dispose()
    yield address


@pytest.fixture
def state(url: str) -> Iterator[StateStore]:
    """An open state store."""
    opened = StateStore(url)
    yield opened
    opened.close()


CHANGE = Change("c1", "deploy", "pay", 5, "2", "1", "abc", "abb", "/repo", 'it\'s "é" 𝄞\n')
TRIGGER = Trigger("t1", TriggerKind("error_burst"), "pay", "POST", True, 5, 6, 7, 8, None)


def _incident(name: str, onset: int, state: IncidentState) -> Incident:
    return Incident(
        name, "f", state, onset, 1, 2, 2**62, (TRIGGER,), ("pay", "web"), path=("web", "pay")
    )


def test_changes_come_back_in_order(state: StateStore) -> None:
    """Whole, by time and id, in a half-open window; the same id replaces."""
    others = [Change(f"c{n}", "flag", "web", n) for n in (9, 7, 8)]
    for each in (*others, CHANGE, Change("c0", "deploy", "pay", 5)):
        state.put_change(each)
    assert (Change("c0", "deploy", "pay", 5), CHANGE) == state.changes(5, 6)
    assert [7, 8] == [c.at_unix_ns for c in state.changes(6, 9)]
    state.put_change(Change("c1", "deploy", "pay", 2**62))
    assert ["c0"] == [c.change_id for c in state.changes(0, 6)]


def test_the_latest_state_of_an_alert_is_kept(state: StateStore) -> None:
    """One row per source, fingerprint and start."""
    first = ExternalAlert("am", "f1", "High", 10, 20, labels={"a": "é"})
    later = ExternalAlert("am", "f1", "High", 10, 30, ends_unix_ns=29)
    again = ExternalAlert("am", "f1", "High", 40, 50)
    for each in (first, later, again):
        state.put_alert(each)
    assert (later, again) == state.alerts(30)
    assert (again,) == state.alerts(31)


def test_incidents_come_back_newest_first(state: StateStore) -> None:
    """Whole, by onset, filtered by state; putting one again replaces it."""
    states = list(IncidentState)
    made = [_incident(f"i{n}", n, states[n % len(states)]) for n in range(4)]
    for each in made:
        state.put_incident(each, 1)
    assert made[2] == state.incident("i2")
    assert state.incident("none") is None
    assert tuple(reversed(made)) == state.incidents()
    assert (made[3], made[2]) == state.incidents(limit=2)
    wanted = tuple(i for i in reversed(made) if i.state is states[0])
    assert wanted == state.incidents([states[0]])
    changed = _incident("i0", 99, states[0])
    state.put_incident(changed, 2)
    assert changed == state.incidents()[0]


def test_keys_are_kept_as_hashes_and_revoked(url: str, state: StateStore) -> None:
    """The key itself is nowhere; a revoked one is not in force, in another process either."""
    keys = tuple(ApiKey(f"k{n}", "ci", scope, key_hash(f"s{n}")) for n, scope in enumerate(Scope))
    for each in reversed(keys):
        state.put_key(each, 1)
    assert keys == state.keys()
    assert state.revoke_key("k1", 2)
    assert not state.revoke_key("none", 2)
    other = StateStore(url)
    assert (keys[0], *keys[2:]) == other.keys()
    other.close()


def test_a_second_start_finds_what_the_first_left(url: str) -> None:
    """Migrations run once, and lose nothing."""
    for _ in range(2):
        opened = StateStore(url)
        opened.put_change(CHANGE)
        opened.close()
    opened = StateStore(url)
    assert (CHANGE,) == opened.changes(0, 10)
    opened.close()


def test_a_newer_version_is_refused(url: str) -> None:
    """What a newer version wrote is left alone, and the password is not shown."""
    StateStore(url).close()
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Unavailable, match="newer version") as refused:
        StateStore(url)
    assert "secret" not in str(refused.value)
    with engine.begin() as connection:
        found = connection.execute(sa.text("SELECT version_num FROM alembic_version"))
        assert ["9999"] == list(found.scalars())
    engine.dispose()


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("nonsense", BadSetting),
        ("nosuch+driver://x/y", BadSetting),
        ("sqlite:////proc/no/state.db", Unavailable),
        ("postgresql+psycopg://us:hunter2@127.0.0.1:1/x?connect_timeout=2", Unavailable),
    ],
)
def test_an_address_that_cannot_be_used_is_said(address: str, kind: type[Exception]) -> None:
    """In one message, without the password."""
    with pytest.raises(kind, match="state database") as refused:
        StateStore(address)
    assert "hunter2" not in str(refused.value)


def test_the_version_that_needs_nothing_done_is_the_newest() -> None:
    """Starts skip the migrations by it, so a new migration must change it."""
    config = Config()
    folder = files("tracepulse.store.state").joinpath("migrations")
    config.set_main_option("script_location", str(folder))
    config.set_main_option("path_separator", "os")
    assert VERSION == ScriptDirectory.from_config(config).get_current_head()


def test_keys_at_the_start_are_those_of_the_store(tmp_path: Path) -> None:
    """Read the quick way they are the same; where that cannot be, the ordinary way is asked for."""
    path = tmp_path / "it's state.db"
    assert keys_at_start(path) is None
    store = StateStore(f"sqlite:///{path}")
    for name, scope in (("b", Scope.READ), ("a", Scope.ADMIN), ("c", Scope.INGEST)):
        store.put_key(ApiKey(name, name, scope, key_hash(name)), 1)
    store.revoke_key("b", 2)
    assert store.keys() == keys_at_start(path)
    store.close()
    (tmp_path / "rubbish.db").write_bytes(b"this is no database" * 100)
    assert keys_at_start(tmp_path / "rubbish.db") is None
