"""
Access logs of a mesh for calls that are known: what each sidecar would write about each of them.

Written from Istio's and Envoy's documentation alone and never imported by the product. A call is
written by the caller's sidecar (cluster `outbound|port||host`) and by the callee's (`inbound|port||`),
in Istio's default layout since 1.9:

    [start] "method path protocol" code flags details termination "failure" received sent length upstream
        "forwarded for" "agent" "request id" "authority" "upstream host" cluster upstream-local
        downstream-local downstream-remote server-name route

The two lines share nothing that the application would have to pass on. Who is behind an address is
for the reader to find out.

Source:
    https://istio.io/latest/docs/tasks/observability/logs/access-log/
    https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage
"""

import random
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

__all__ = ["Call", "Mesh", "SidecarLine"]

_AGENTS = (
    "grpc-go/1.46.0", "grpc-node-js/1.6.7", "grpc-python/1.38.0 grpc-c/16.0.0 (linux; chttp2)",
    "Apache-HttpClient/4.5.13 (Java/11.0.16)", 'agent with "quotes" 1.0', "-",
)  # fmt: skip
_GATEWAY = "istio-ingressgateway"


@dataclass(frozen=True, slots=True)
class Call:
    """One call that took place."""

    caller: str
    """Service; '' is a client outside, whose request comes in by the gateway."""
    caller_pod: str
    callee: str
    callee_pod: str
    """'' for what has no sidecar."""
    path: str
    start_unix_ns: int
    duration_ns: int
    failed: bool = False
    external: bool = False
    """The callee is a host outside the cluster."""


@dataclass(frozen=True, slots=True)
class SidecarLine:
    """One line, and the pod whose sidecar wrote it."""

    pod: str
    line: str
    start_unix_ns: int


@dataclass(slots=True)
class Mesh:
    """Addresses and habits of one made-up cluster."""

    seed: int
    namespace: str = "shop"
    mtls: bool = True
    without_sidecar: frozenset[str] = frozenset()
    """Services whose pods write nothing."""
    _random: random.Random = field(init=False)
    _addresses: dict[str, str] = field(default_factory=dict)
    _ports: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def lines(self, calls: Iterable[Call]) -> Iterator[SidecarLine]:
        """Yield the lines of calls, in the order of the calls."""
        for call in calls:
            yield from self._of_call(call)

    def _of_call(self, call: Call) -> Iterator[SidecarLine]:
        gateway = call.caller == ""
        caller_pod = f"{_GATEWAY}-6d5f7c9b8c-x7k2p" if gateway else call.caller_pod
        common = _Common(
            agent=self._random.choice(_AGENTS),
            request_id=str(uuid.UUID(int=self._random.getrandbits(128), version=4)),
            caller_address=self._pod_address(caller_pod),
            from_port=self._random.randrange(32768, 60999),
        )
        if gateway or call.caller not in self.without_sidecar:
            yield SidecarLine(caller_pod, self._outbound(call, common), call.start_unix_ns)
        if not call.callee_pod or call.external or call.callee in self.without_sidecar:
            return
        if call.failed and self._random.random() < 0.3:
            return  # it never got there
        yield SidecarLine(
            call.callee_pod, self._inbound(call, common), call.start_unix_ns + 400_000
        )

    def _outbound(self, call: Call, common: "_Common") -> str:
        port = self._port(call.callee)
        host = f"{call.callee}.{self.namespace}.svc.cluster.local"
        callee = self._pod_address(call.callee_pod or call.callee)
        cluster, route = f"outbound|{port}||{host}", "default"
        authority = f"{call.callee}:{port}"
        if call.external:
            authority, port = call.callee, 443
            known = len(call.callee) % 2 == 0
            cluster = f"outbound|443||{call.callee}" if known else "PassthroughCluster"
            route = "-" if known else "allow_any"
        virtual = self._service_address(call.callee)
        unreached = call.failed and self._random.random() < 0.2
        remote = (
            f"198.51.100.{self._random.randrange(1, 250)}"
            if call.caller == ""
            else common.caller_address
        )
        return _line(
            call,
            common,
            flags="UF,URX" if unreached else "-",
            authority=authority,
            upstream_host="-" if unreached else f"{callee}:{port}",
            cluster=cluster,
            upstream_local="-" if unreached else f"{common.caller_address}:{common.from_port}",
            downstream_local=f"{virtual}:{port}",
            downstream_remote=f"{remote}:{self._random.randrange(32768, 60999)}",
            server_name="-",
            route=route,
            extra_ns=600_000,
        )

    def _inbound(self, call: Call, common: "_Common") -> str:
        port = self._port(call.callee)
        own = self._pod_address(call.callee_pod)
        host = f"{call.callee}.{self.namespace}.svc.cluster.local"
        with_tls = self.mtls and call.caller not in self.without_sidecar
        return _line(
            call,
            common,
            flags="-",
            authority=f"{call.callee}:{port}",
            upstream_host=f"{own}:{port}",
            cluster=f"inbound|{port}||",
            upstream_local=f"127.0.0.6:{self._random.randrange(32768, 60999)}",
            downstream_local=f"{own}:{port}",
            downstream_remote=f"{common.caller_address}:{common.from_port}",
            server_name=f"outbound_.{port}_._.{host}" if with_tls else "-",
            route="default",
            extra_ns=0,
        )

    def _pod_address(self, pod: str) -> str:
        return self._addresses.setdefault(
            pod, f"10.244.{len(self._addresses) // 200}.{len(self._addresses) % 200 + 2}"
        )

    def _service_address(self, service: str) -> str:
        return f"10.96.{sum(service.encode()) % 250}.{len(service) + 10}"

    def _port(self, service: str) -> int:
        return self._ports.setdefault(service, 3000 + 1000 * (sum(service.encode()) % 6))


@dataclass(frozen=True, slots=True)
class _Common:
    """What both lines of a call have alike."""

    agent: str
    request_id: str
    caller_address: str
    from_port: int


def _line(
    call: Call,
    common: _Common,
    *,
    flags: str,
    authority: str,
    upstream_host: str,
    cluster: str,
    upstream_local: str,
    downstream_local: str,
    downstream_remote: str,
    server_name: str,
    route: str,
    extra_ns: int,
) -> str:
    start = datetime.fromtimestamp(call.start_unix_ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    milliseconds = call.start_unix_ns // 10**6 % 1000
    length_ms = (call.duration_ns + extra_ns) // 10**6
    grpc = "." in call.path
    code = (503 if flags != "-" else 500) if call.failed else 200
    details = "via_upstream" if flags == "-" else "upstream_reset_before_response_started"
    upstream_ms = "-" if flags != "-" else str(max(length_ms - 1, 0))
    failure = "-" if flags == "-" else "delayed connect error: 111"
    return (
        f'[{start}.{milliseconds:03}Z] "POST /{call.path.lstrip("/")} {"HTTP/2" if grpc else "HTTP/1.1"}"'
        f' {code} {flags} {details} - "{failure}" {len(call.path)} {len(call.path) * 3} {length_ms}'
        f' {upstream_ms} "-" "{common.agent}" "{common.request_id}" "{authority}" "{upstream_host}"'
        f" {cluster} {upstream_local} {downstream_local} {downstream_remote} {server_name} {route}"
    )
