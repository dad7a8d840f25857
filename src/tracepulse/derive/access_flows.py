"""
Calls that access logs of proxies tell of, and what their addresses say of who is who.

A sidecar writes a line for each request that leaves its pod and one for each that arrives:

    caller's pod   outbound|8000||httpbin.foo.svc.cluster.local   from its own address to the callee's
    callee's pod   inbound|8000||                                 from the caller's address to its own

The first names the callee and the second shows the caller's address, which is that pod's own in the lines
it writes itself. So either alone is enough, and no request id is needed. Lines about what went nowhere
(no cluster, or BlackHoleCluster) are no calls.

Source: https://istio.io/latest/docs/tasks/observability/logs/access-log/
"""

import re
from collections.abc import Iterable, Iterator

from tracepulse.derive.flow_names import ADDRESS, HOST, POD, NameBook, is_service_name, party
from tracepulse.model.flow_graph import AccessHop, NameFact, Sighting

__all__ = ["access_facts", "access_sightings"]

_SERVER_NAME = re.compile(r"outbound_\.\d+_\.[^_]*_\.(.+)")
_LOCAL = ("127.", "::1", "0.0.0.0")  # noqa: S104


def access_facts(hops: Iterable[AccessHop]) -> Iterator[NameFact]:
    """Yield what lines say of whose pods, addresses and names are whose."""
    for hop in hops:
        writer = _writer(hop)
        if is_service_name(hop.service) and hop.pod:
            yield NameFact(POD + hop.pod, hop.service, hop.calls, own=True)
        direction, host = _way(hop)
        own = hop.downstream_local if direction == "inbound" else hop.upstream_local
        if writer and _is_address(own) and not writer.startswith(ADDRESS):
            yield NameFact(ADDRESS + own.strip("[]"), writer, hop.calls, own=True)
        if direction == "inbound":
            asked_for = _SERVER_NAME.fullmatch(hop.server_name)
            named = host or (asked_for[1] if asked_for else "")
            if named and writer:
                yield NameFact(named, writer, hop.calls, own=True)
            elif writer and party(hop.authority).startswith(HOST):
                yield NameFact(hop.authority, writer, hop.calls)
        elif host and ".svc" in host and _is_address(hop.upstream_host):
            yield NameFact(host, party(hop.upstream_host), hop.calls)


def access_sightings(hops: Iterable[AccessHop], names: NameBook) -> Iterator[Sighting]:
    """Yield the calls that lines tell of, parties as they were written."""
    for hop in hops:
        writer = _writer(hop)
        direction, host = _way(hop)
        if not writer or not direction:
            continue
        caller, callee = writer, host
        if direction == "inbound":
            if hop.downstream_remote.startswith(_LOCAL):
                continue
            caller = ADDRESS + hop.downstream_remote.strip("[]")
            caller = caller if _is_address(hop.downstream_remote) else ""
            callee = writer
        elif direction == "passed":
            callee = _passed_to(hop, names)
        if callee:
            yield Sighting(
                caller=caller,
                callee=callee,
                connection=hop.connection,
                kind="access_log",
                calls=hop.calls,
                errors=hop.errors,
                lengths=hop.lengths,
                first_unix_ns=hop.first_unix_ns,
                last_unix_ns=hop.last_unix_ns,
                side="callee" if direction == "inbound" else "caller",
            )


def _writer(hop: AccessHop) -> str:
    if is_service_name(hop.service):
        return hop.service
    if hop.pod:
        return POD + hop.pod
    direction, _ = _way(hop)
    own = hop.downstream_local if direction == "inbound" else hop.upstream_local
    return ADDRESS + own.strip("[]") if _is_address(own) else ""


def _way(hop: AccessHop) -> tuple[str, str]:
    """
    Return which way a line tells of, inbound, outbound or passed on unknown, and the host it names.

    ('', '') where the request went nowhere.
    """
    cluster = hop.cluster
    parts = cluster.split("|")
    if len(parts) == 4:
        if parts[0] in ("inbound", "outbound"):
            return parts[0], parts[3]
        return ("outbound", parts[3]) if parts[0] == "inbound-vip" else ("", "")
    named = _SERVER_NAME.fullmatch(cluster)
    if named:
        return "outbound", named[1]
    if cluster.startswith("InboundPassthrough"):
        return "inbound", ""
    return ("passed", "") if cluster.startswith("PassthroughCluster") else ("", "")


def _passed_to(hop: AccessHop, names: NameBook) -> str:
    """Return who a request went to that the mesh knew no service for: by address, else by name."""
    address = hop.upstream_host if _is_address(hop.upstream_host) else ""
    if names.node(address):
        return address
    return hop.authority if hop.authority not in ("", "-") else address


def _is_address(text: str) -> bool:
    return text not in ("", "-") and party(text).startswith(ADDRESS)
