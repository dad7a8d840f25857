"""The demo shop works, breaks when told to, tells the truth about it, and leaves nothing behind."""

import ast
import filecmp
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from examples.shop.errors import ShopError
from examples.shop.faults import CHANGES, FIRST_VERSIONS
from examples.shop.history import SOURCE, build_history, commit_patch
from examples.shop.shop import Shop
from examples.shop.telemetry import service_command
from tests.otlp_sink import OtlpSink, otlp_sink

ROOT = Path(__file__).parents[2]
PATIENCE_S = 30.0
ACCESS_LINE = re.compile(
    r'^\[20\S+Z\] "POST /charges HTTP/1.1" 201 - via_upstream - "-" \d+ \d+ \d+ \d+ "-" '
    r'"python-requests/\S+" "req-[0-9a-f]{12}" "payment\S+" "127.0.0.1:\d+" inbound\|8080\|\| ',
    re.M,
)

START_AND_WAIT = """
import sys, time
from pathlib import Path
from examples.shop.shop import Shop
with Shop(Path(sys.argv[1]), telemetry="logs", customers=4) as shop:
    print(*shop.pids, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def sink() -> Iterator[OtlpSink]:
    """A place for telemetry to go."""
    with otlp_sink() as server:
        yield server


def wait_for(done: Callable[[], bool], what: str) -> None:
    """Return once it is so; fail if it takes too long."""
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline, f"not within {PATIENCE_S} s: {what}"
        time.sleep(0.1)


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def total(shop: Shop, key: str) -> int:
    """One of the sums over all that the customers met."""
    return int(shop.truth().get("totals", {}).get(key, 0))


def git(repository: Path, *words: str) -> str:
    """What git says."""
    return subprocess.run(
        ["git", *words], cwd=repository, check=True, capture_output=True, text=True
    ).stdout.strip()


def code_of(path: Path) -> str:
    """A file's text; of Python, only what runs: no comments, no strings that stand alone."""
    if path.suffix != ".py":
        return path.read_text()
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        for block in ("body", "orelse", "finalbody"):
            lines = getattr(node, block, None)
            if isinstance(lines, list):
                lines[:] = [line for line in lines if not is_prose(line)]
    return ast.unparse(tree)


def is_prose(line: ast.AST) -> bool:
    """Whether a statement is nothing but a string."""
    return (
        isinstance(line, ast.Expr)
        and isinstance(line.value, ast.Constant)
        and isinstance(line.value.value, str)
    )


def assert_same_tree(left: Path, right: Path) -> None:
    """Both folders hold the same files with the same bytes."""
    compared = filecmp.dircmp(left, right, ignore=[".git", "__pycache__"])
    names = (compared.left_only, compared.right_only, compared.diff_files, compared.funny_files)
    assert ([], [], [], []) == names
    for name in compared.common_dirs:
        assert_same_tree(left / name, right / name)


def test_the_seed_story_in_plain_logs(tmp_path: Path) -> None:
    """Healthy and after a harmless release no checkout fails; after the guilty one many do."""
    with Shop(tmp_path / "shop", telemetry="logs") as shop:
        pids = shop.pids
        wait_for(lambda: total(shop, "checkouts_ok") >= 5, "checkouts")
        decoy = shop.deploy_decoy()
        ok = total(shop, "checkouts_ok")
        wait_for(lambda: total(shop, "checkouts_ok") >= ok + 3, "checkouts after the decoy")
        assert (0, 0) == (total(shop, "server_errors"), total(shop, "unanswered"))

        deploy = shop.apply_fault("session-ttl")
        wait_for(lambda: total(shop, "checkouts_failed") >= 3, "failed checkouts")
        ok = total(shop, "checkouts_ok")
        wait_for(lambda: total(shop, "checkouts_ok") > ok, "checkouts that still work")
        shop.check()
        pids += shop.pids
        truth = shop.truth()
        logs = {path.stem: path.read_text() for path in shop.logs_dir.iterdir()}

    assert 0 == truth["totals"].get("unanswered", 0)
    assert truth["totals"]["server_errors"] == truth["totals"]["checkouts_failed"]
    assert truth["first_failed_checkout_unix_ns"] > deploy.at_unix_ns
    assert ("catalogue", "3.1.4", "3.2.0") == (
        decoy.service,
        decoy.previous_version,
        decoy.version,
    )
    assert ("session", "1.8.2", "1.8.3") == (
        deploy.service,
        deploy.previous_version,
        deploy.version,
    )
    assert sorted([*FIRST_VERSIONS, "payment"]) == sorted(logs)
    assert "SESSION_DROP session " in logs["session"]
    assert "checkout failed: upstream 401" in logs["checkout"]
    assert "POST /checkout failed: checkout answered 502" in logs["gateway"]
    assert ACCESS_LINE.search(logs["payment"])
    assert [] == [pid for pid in pids if alive(pid)]

    assert deploy.revision == git(shop.repository, "rev-parse", "HEAD")
    assert deploy.revision == git(shop.repository, "rev-parse", "session/1.8.3")
    assert deploy.previous_revision == git(shop.repository, "rev-parse", "HEAD~2")
    assert "services/session/store.py" == git(
        shop.repository, "diff", "--name-only", decoy.revision, deploy.revision
    )


def test_opentelemetry_comes_from_the_launcher_alone(tmp_path: Path, sink: OtlpSink) -> None:
    """All services send spans and logs of one trace, and name their version and revision."""
    sources = [path for path in SOURCE.rglob("*") if path.suffix in {".py", ".mjs", ".json"}]
    knowing = [path.name for path in sources if "opentelemetry" in path.read_text().lower()]
    assert ["queue.py"] == knowing

    with Shop(tmp_path / "shop", sink.url, customers=20) as shop:
        revision = git(shop.repository, "rev-parse", "HEAD")
        wait_for(lambda: total(shop, "checkouts_ok") >= 2, "checkouts")
        assert 0 == total(shop, "server_errors")

    services_of: dict[bytes, set[str]] = {}
    releases = set()
    for about, span in sink.spans():
        name = about["service.name"]
        releases.add((name, about["service.version"], about["vcs.ref.head.revision"]))
        services_of.setdefault(span.trace_id, set()).add(name)
    assert {(name, version, revision) for name, version in FIRST_VERSIONS.items()} == releases
    assert set(FIRST_VERSIONS) in services_of.values()
    bodies = [
        (record.trace_id in services_of, record.body.string_value) for _, record in sink.logs()
    ]
    for start in ("order o-", "checkout begins for session "):
        assert [True] == sorted({traced for traced, text in bodies if text.startswith(start)})
    waited = [span for _, span in sink.spans() if span.kind == span.SPAN_KIND_CONSUMER]
    sent = {span.span_id: span for _, span in sink.spans() if span.kind == span.SPAN_KIND_PRODUCER}
    assert waited
    assert {"process orders"} == {span.name for span in waited}
    assert {True} == {span.links[0].span_id in sent for span in waited}


def test_nothing_survives_a_killed_parent(tmp_path: Path) -> None:
    """Services and customers end by themselves when whoever started them is killed."""
    parent = subprocess.Popen(
        [sys.executable, "-c", START_AND_WAIT, str(tmp_path / "shop")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        parent.kill()
    assert len(FIRST_VERSIONS) + len({"payment", "sidecar", "customers"}) == len(pids)
    wait_for(lambda: not any(alive(pid) for pid in pids), "the end of the shop's processes")


def test_a_service_that_cannot_start_is_named_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error shows which service failed and what it said, and the others are stopped."""
    monkeypatch.setattr(
        "examples.shop.services.service_command",
        lambda service: (
            [sys.executable, "-c", "raise SystemExit('no such book')"]
            if service == "session"
            else service_command(service)
        ),
    )
    shop = Shop(tmp_path / "shop", telemetry="logs", customers=1)
    with pytest.raises(ShopError, match=r"(?s)service session ended.*no such book"):
        shop.start()
    assert [] == [pid for pid in shop.pids if alive(pid)]


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    """The shop empties only folders of its own."""
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ShopError, match="holds something else"):
        Shop(tmp_path, telemetry="logs").start()
    assert ["thesis.txt"] == [path.name for path in tmp_path.iterdir()]


def test_the_history_is_the_same_everywhere_and_ends_at_the_source(tmp_path: Path) -> None:
    """Two builds have one revision; the newest tree is `source/`; several people wrote it."""
    one, two = tmp_path / "one", tmp_path / "two"
    assert build_history(one) == build_history(two)
    assert_same_tree(SOURCE, one)
    assert "" == git(one, "status", "--porcelain")
    days = git(one, "log", "--format=%ad", "--date=short").splitlines()
    assert 10 <= len(days) <= 20
    assert days == sorted(days, reverse=True)
    assert len(set(git(one, "log", "--format=%an").splitlines())) >= 3


def test_each_change_can_be_committed_and_taken_back(tmp_path: Path) -> None:
    """A change fits the healthy source and can be taken back to the same tree."""
    build_history(tmp_path / "repo")
    before = git(tmp_path / "repo", "rev-parse", "HEAD^{tree}")
    for change in CHANGES.values():
        if change.by == "release":
            commit_patch(tmp_path / "repo", change.patch)
            changed = git(tmp_path / "repo", "diff", "--name-only", "HEAD~1").splitlines()
            assert [] == [p for p in changed if f"services/{change.service}/" not in p]
            commit_patch(tmp_path / "repo", change.patch, reverse=True)
            assert before == git(tmp_path / "repo", "rev-parse", "HEAD^{tree}")


def test_the_product_knows_no_change_of_the_shop() -> None:
    """No code under `src` names a fault or a marker of the shop's; prose may give examples."""
    told = [*CHANGES, *(name.replace("-", "_") for name in CHANGES), "SESSION_DROP", "SESSION_TTL"]
    code = {
        path: code_of(path).lower()
        for path in sorted((ROOT / "src").rglob("*"))
        if path.suffix in {".py", ".sql"}
    }
    assert len(code) > 0
    found = [(path.name, name) for path in code for name in told if name.lower() in code[path]]
    assert [] == found


def test_the_search_for_names_sees_code_and_not_prose(tmp_path: Path) -> None:
    """A comparison with a fault's name would be found; a docstring that tells of one is not."""
    module = tmp_path / "module.py"
    module.write_text('def f(x):\n    """Such as A1."""\n    # A2\n    return x == f"A3" or a4\n')
    code = code_of(module)
    assert [False, False, True, True] == [name in code for name in ("A1", "A2", "A3", "a4")]
