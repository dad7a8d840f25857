"""
Which names are the same node: pods, addresses, host names and services brought together.

A party of a call comes as it was written down: `payments`, `payments:8080`, `10.8.0.14:8080`,
`payments.shop.svc.cluster.local`, or the pod whose proxy wrote a line. Facts say what belongs together:

    pod ──────────► service        a resource with both
    address ──────► pod            a proxy's own address, in the lines that it wrote
    host name ────► pod, address   where requests for that name went, the server name they came for
    host name ────► service        whose spans answered calls to it

Nothing is joined because names look alike, but for what Kubernetes makes of them by rule: the name of a
service in front of its namespace, and that of a workload in front of what is drawn for its pods.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from functools import cache

from tracepulse.derive.limits.flows import MIN_NAME_SHARE
from tracepulse.model.flow_graph import NameFact, NodeKind

__all__ = ["NameBook", "is_service_name", "party", "workload_of_pod"]

POD, ADDRESS, HOST = "pod:", "addr:", "host:"

_PORT = re.compile(r":\d{1,5}$")
_IPV4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_DRAWN = re.compile(r"[a-z0-9]{5}")
_REPLICA_SET = re.compile(r"(?=.*\d)[a-z0-9]{6,10}|[bcdfghjklmnpqrstvwxz2456789]{8,10}")
_DRAWN_ALONE = re.compile(r"(?=.*\d)[a-z0-9]{5}|[bcdfghjklmnpqrstvwxz]{5}")
_NOT_SERVICES = frozenset({"", "-", "unknown", "unknown_service", "istio-proxy", "envoy"})


def is_service_name(name: str) -> bool:
    """Tell whether a `service.name` names anybody."""
    return name not in _NOT_SERVICES and not name.startswith("unknown_service:")


@cache
def workload_of_pod(pod: str) -> str:
    """Return what runs in a pod by Kubernetes' way to name pods; the pod's own name where that fails."""
    parts = pod.split("-")
    if len(parts) > 2 and _DRAWN.fullmatch(parts[-1]) and _REPLICA_SET.fullmatch(parts[-2]):
        return "-".join(parts[:-2])
    if len(parts) > 1 and (parts[-1].isdecimal() or _DRAWN_ALONE.fullmatch(parts[-1])):
        return "-".join(parts[:-1])
    return pod


@cache
def party(written: str) -> str:
    """
    Return a party as it is looked up: `addr:` and an address, or `host:` and a name without port.

    A name inside a cluster is that of its service: `a.ns.svc.cluster.local` is `a`, and so is
    `a-0.a.ns.svc.cluster.local`, one pod of it. On this machine itself ports tell services apart.
    """
    if not written or written.startswith((POD, ADDRESS, HOST)):
        return written
    name = written.partition("://")[2] or written
    name = name.partition("/")[0] if "://" in written else name
    near, _, port = name.rpartition(":")
    if near in ("localhost", "127.0.0.1", "[::1]") and port.isdecimal():
        return f"{ADDRESS}127.0.0.1:{port}"  # on one machine the port is all that tells
    if name.count(":") <= 1 or name.startswith("["):
        name = _PORT.sub("", name)
    name = name.strip("[]").rstrip(".")
    if _IPV4.fullmatch(name) or ":" in name:
        return ADDRESS + name
    labels = name.split(".")
    if "svc" in labels[1:]:
        place = labels.index("svc", 1)
        return HOST + (labels[place - 2] if place >= 2 else labels[0])
    return HOST + name


class NameBook:
    """Finds the node that a party is."""

    def __init__(self, facts: Iterable[NameFact], services: Collection[str]) -> None:
        """
        Learn.

        Args:
            facts: in any order; parties or services as `name` and `means`.
            services: names under which telemetry came.
        """
        self._services = frozenset(filter(is_service_name, services))
        self._own: dict[str, Counter[str]] = defaultdict(Counter)
        self._told: dict[str, Counter[str]] = defaultdict(Counter)
        self._hosts_of: dict[str, Counter[str]] = defaultdict(Counter)
        for fact in facts:
            name, means = party(fact.name), fact.means
            if not name or not means or name == means:
                continue
            (self._own if fact.own else self._told)[name][means] += fact.times
            if name.startswith(HOST) and means.startswith((POD, ADDRESS)):
                self._hosts_of[means][name.removeprefix(HOST)] += fact.times
        for address, owners in list(self._own.items()):
            owner = _agreed(owners) if address.startswith(ADDRESS) else ""
            if owner.startswith(POD) and address in self._hosts_of:
                self._hosts_of[owner].update(self._hosts_of[address])
        self._found: dict[str, str] = {}

    def node(self, written: str) -> str:
        """Return the name of the node that a party is; '' for an address that nobody is known at."""
        if written in self._services or not written:
            return written
        name = party(written)
        if name not in self._found:
            self._found[name] = ""  # what leads back to itself leads nowhere
            self._found[name] = self._node(name)
        return self._found[name]

    def kind(self, written: str) -> NodeKind:
        """Return what a node is that no attribute tells the kind of."""
        name = party(written)
        node = self.node(written)
        inside = node in self._services or node != name.removeprefix(HOST) or "." not in node
        return "service" if inside and not name.startswith(ADDRESS) else self._kind_of_address(node)

    def has_addresses(self, written: str) -> bool:
        """Tell whether it is known at which addresses a host name is."""
        name = party(written)
        facts = (*self._own.get(name, ()), *self._told.get(name, ()))
        return any(means.startswith(ADDRESS) for means in facts)

    def _kind_of_address(self, node: str) -> NodeKind:
        bare = party(node)
        return "host" if "." in node or bare.startswith(ADDRESS) else "service"

    def _node(self, name: str) -> str:
        if name.startswith(POD):
            return self._of_pod(name)
        if name.startswith(ADDRESS):
            return self._of_address(name)
        return self._of_host(name)

    def _of_pod(self, pod: str) -> str:
        said = _agreed(self._own[pod]) if pod in self._own else ""
        if said:
            return said
        workload = workload_of_pod(pod.removeprefix(POD))
        hosts = self._hosts_of.get(pod, Counter[str]())
        ranked = sorted(hosts, key=lambda host: (-hosts[host], host))
        if workload in self._services or workload in hosts:
            return workload
        known = [host for host in ranked if host in self._services]
        stem = [host for host in ranked if workload.startswith(f"{host}-")]
        return next(iter(known or stem), workload)

    def _of_address(self, address: str) -> str:
        for facts in (self._own, self._told):
            owner = _agreed(facts[address], self.node) if address in facts else ""
            if owner:
                return owner
        hosts = self._hosts_of.get(address)
        return _agreed(hosts, self.node) if hosts else ""

    def _of_host(self, host: str) -> str:
        plain = host.removeprefix(HOST)
        if plain in self._services:
            return plain
        for facts in (self._own, self._told):
            nodes = Counter[str]()
            for means, times in facts.get(host, {}).items():
                node = self._at(means)
                if node:
                    nodes[node] += times
            agreed = _agreed(nodes)
            if agreed:
                return agreed
        return plain

    def _at(self, means: str) -> str:
        """Return the node of a pod, address or service that a host name stands for."""
        if means.startswith(ADDRESS):
            owner = _agreed(self._own[means]) if means in self._own else ""
            return self.node(owner) if owner else ""
        return self.node(means)


def _agreed(votes: Counter[str], node: object = None) -> str:
    """Return what nearly all votes are for; '' where there is no such thing."""
    counted = votes
    if callable(node):
        counted = Counter()
        for name, times in votes.items():
            counted[node(name)] += times
        counted.pop("", None)
    if not counted:
        return ""
    best = min(counted, key=lambda name: (-counted[name], name))
    return best if counted[best] >= MIN_NAME_SHARE * counted.total() else ""
