"""
Calls that a mesh counted: `istio_requests_total`, connections of TCP, and how long requests took.

Both proxies of a call count it, the caller's with `reporter="source"` and the callee's with
`"destination"`; a side that has no proxy is `unknown` to the other. What was blocked or went to where the
mesh knows nobody by name is no call to anybody.

Source: https://istio.io/latest/docs/reference/config/metrics/
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

from tracepulse.derive.flow_names import NameBook
from tracepulse.model.flow_graph import MeshSeries, NameFact, Sighting
from tracepulse.model.lengths import bucket_of_ns

__all__ = ["mesh_facts", "mesh_sightings"]

_UNKNOWN = ("", "unknown")
_GRPC_FAILURES = frozenset({"2", "4", "12", "13", "14", "15"})
_CONNECTIONS = {"grpc": "rpc", "http": "http", "tcp": "tcp"}
_DURATIONS = "istio_request_duration_milliseconds_bucket"


def mesh_facts(series: Iterable[MeshSeries], services: Collection[str]) -> Iterator[NameFact]:
    """Yield which service names lead to which workloads."""
    for each in series:
        host = each.labels.get("destination_service_name", "")
        node = _node(each.labels, "destination", services)
        if host not in _UNKNOWN and "Cluster" not in host and node and each.metric != _DURATIONS:
            yield NameFact(host, node, each.grew_by)


def mesh_sightings(
    series: Iterable[MeshSeries], services: Collection[str], names: NameBook
) -> Iterator[Sighting]:
    """Yield the calls that were counted; how long they took goes with one of the same ends and side."""
    counted = list(series)
    lengths = _lengths(counted, services, names)
    for each in counted:
        ends = _ends(each.labels, services, names)
        if each.metric == _DURATIONS or ends is None:
            continue
        side = "caller" if each.labels.get("reporter") == "source" else "callee"
        tcp = each.metric.startswith("istio_tcp")
        protocol = each.labels.get("request_protocol", "")
        yield Sighting(
            caller=ends[0],
            callee=ends[1],
            connection="tcp" if tcp else _CONNECTIONS.get(protocol, "http"),
            kind="mesh",
            calls=each.grew_by,
            errors=each.grew_by if _failed(each.labels) else 0,
            lengths=tuple(sorted(lengths.pop((*ends, side), {}).items())),
            first_unix_ns=each.first_unix_ns,
            last_unix_ns=each.last_unix_ns,
            side=side,
        )


def _ends(
    labels: Mapping[str, str], services: Collection[str], names: NameBook
) -> tuple[str, str] | None:
    callee = _node(labels, "destination", services)
    host = labels.get("destination_service_name", "")
    if "BlackHoleCluster" in host:
        return None
    if not callee:
        whole = labels.get("destination_service", "")
        callee = whole if "Cluster" in host or host in _UNKNOWN else host
        if callee in _UNKNOWN or "Cluster" in callee:
            return None
        callee = names.node(callee) or callee
    return _node(labels, "source", services), callee


def _node(labels: Mapping[str, str], end: str, services: Collection[str]) -> str:
    """Return the service at one end: under the name that its telemetry has, else its canonical one."""
    told = [labels.get(f"{end}_{name}", "") for name in ("canonical_service", "app", "workload")]
    if end == "destination":
        told.append(labels.get("destination_service_name", ""))
    known = [name for name in told if name in services]
    named = [name for name in told[:3] if name not in _UNKNOWN]
    return next(iter([*known, *named]), "")


def _failed(labels: Mapping[str, str]) -> bool:
    code = labels.get("response_code", "")
    if labels.get("grpc_response_status", "") in _GRPC_FAILURES:
        return True
    flags = labels.get("response_flags", "-")
    return code.startswith("5") or (code == "0" and flags not in ("-", "", "DC"))


def _lengths(
    series: Iterable[MeshSeries], services: Collection[str], names: NameBook
) -> dict[tuple[str, str, str], Counter[int]]:
    """Return how many requests lasted how long, from what classic histograms grew by."""
    upto: dict[tuple[str, str, str], Counter[float]] = {}
    for each in series:
        ends = _ends(each.labels, services, names) if each.metric == _DURATIONS else None
        if ends is not None:
            side = "caller" if each.labels.get("reporter") == "source" else "callee"
            end_ms = float(each.labels.get("le", "inf").replace("+Inf", "inf"))
            upto.setdefault((*ends, side), Counter())[end_ms] += each.grew_by
    found: dict[tuple[str, str, str], Counter[int]] = {}
    for key, counts in upto.items():
        before, below_ms = 0, 0.0
        lengths = found[key] = Counter()
        for end_ms in sorted(counts):
            middle_ms = below_ms if end_ms == float("inf") else (below_ms + end_ms) / 2
            calls = max(counts[end_ms] - before, 0)
            if calls:
                lengths[bucket_of_ns(round(middle_ms * 1e6))] += calls
            before, below_ms = max(before, counts[end_ms]), end_ms
    return found
