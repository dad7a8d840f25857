"""What a source's labels and fields say about who wrote a line, by OpenTelemetry's names."""

from collections.abc import Mapping
from typing import Any

from tracepulse.receive.pull.interface import Resource

__all__ = ["RESOURCE_NAMES", "resource_of_labels", "service_of"]

_SERVICE_NAMES = (
    "service.name", "service_name", "service", "app.kubernetes.io/name", "app_kubernetes_io_name",
    "app", "application", "container.name", "container", "container_name", "job", "syslog_identifier",
)  # fmt: skip
"""Where a service may be named, the surest first."""

RESOURCE_NAMES: Mapping[str, str] = {
    "namespace": "k8s.namespace.name",
    "k8s_namespace_name": "k8s.namespace.name",
    "kubernetes.namespace": "k8s.namespace.name",
    "kubernetes.namespace_name": "k8s.namespace.name",
    "pod": "k8s.pod.name",
    "k8s_pod_name": "k8s.pod.name",
    "kubernetes.pod.name": "k8s.pod.name",
    "kubernetes.pod_name": "k8s.pod.name",
    "container": "k8s.container.name",
    "k8s_container_name": "k8s.container.name",
    "kubernetes.container.name": "k8s.container.name",
    "kubernetes.container_name": "k8s.container.name",
    "node_name": "k8s.node.name",
    "kubernetes.node.name": "k8s.node.name",
    "host": "host.name",
    "hostname": "host.name",
    "host.name": "host.name",
    "host_name": "host.name",
    "filename": "log.file.path",
    "log.file.path": "log.file.path",
    "env": "deployment.environment.name",
    "environment": "deployment.environment.name",
    "deployment_environment": "deployment.environment.name",
    "service.version": "service.version",
    "service.namespace": "service.namespace",
    "service.environment": "deployment.environment.name",
    "service.node.name": "service.instance.id",
    "cluster": "k8s.cluster.name",
}
"""Names of labels and fields that mean what OpenTelemetry names otherwise."""


def service_of(fields: Mapping[str, Any]) -> str:
    """Return the service that fields name; '' where they name none."""
    for name in _SERVICE_NAMES:
        value = fields.get(name)
        if isinstance(value, str) and value:
            return value
    return ""


def resource_of_labels(labels: Mapping[str, Any], in_line: str, otherwise: str) -> Resource:
    """
    Return the resource of a stream of lines.

    Args:
        in_line: the service that the line itself names, which comes behind the labels'.
        otherwise: the service of those that are named nowhere.
    """
    service = service_of(labels) or in_line or otherwise
    named = {RESOURCE_NAMES.get(name, name): value for name, value in labels.items()}
    named.pop("service_name", None)
    named.pop("service.name", None)
    first = (("service.name", service),) if service else ()
    return (*first, *sorted(named.items()))
