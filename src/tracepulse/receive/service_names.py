"""
Which service a record is of, told from the labels and fields that came with it.

Every sender has its own word for it. The list is here once, the surest first: what names a service
outright, then what Kubernetes and Compose call an application, then the container or job.
"""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from tracepulse.receive.key_plans import remembered_by_keys
from tracepulse.receive.log_sources import service_of_path

__all__ = ["SERVICE_FIELDS", "naming_fields", "service_name"]

SERVICE_FIELDS: tuple[str, ...] = (
    # A service outright
    "service.name", "service_name", "resource.service.name", "resources.service.name",
    "resource_service_name", "resource.attributes.service.name", "servicename", "otelservicename",
    "service",
    # An application
    "app.kubernetes.io/name", "app_kubernetes_io_name", "label_app_kubernetes_io_name",
    "kubernetes.labels.app.kubernetes.io/name", "kubernetes.labels.app_kubernetes_io/name",
    "app", "application", "app_name", "appname", "k8s_app", "k8s-app", "kubernetes.labels.app",
    "kubernetes.labels.k8s-app", "com.docker.compose.service", "compose_service",
    "docker.container.labels.com_docker_compose_service", "swarm_service",
    # What Kubernetes runs
    "k8s.deployment.name", "k8s_deployment_name", "kubernetes.deployment.name",
    "k8s.statefulset.name", "kubernetes.statefulset.name", "k8s.daemonset.name",
    "kubernetes.daemonset.name", "workload", "component",
    # A container
    "k8s.container.name", "k8s_container_name", "kubernetes.container.name",
    "kubernetes.container_name", "container.name", "container_name", "container",
    # What else there is
    "k8s.job.name", "k8s_job_name", "job", "job_name", "syslog_identifier", "program", "unit",
    "systemd.unit", "source", "com.splunk.source", "filename", "log.file.path",
)  # fmt: skip
"""Labels and fields that may name a service, in lower case, the surest first."""

_PLACE = {key: place for place, key in enumerate(SERVICE_FIELDS)}
_PATHS = frozenset({"source", "com.splunk.source", "filename", "log.file.path"})
_NOT_A_NAME = frozenset(
    {"", "-", "null", "none", "unknown", "unknown_service", "istio-proxy", "linkerd-proxy"}
)
_MAX_CHARACTERS = 200


def service_name(labels: Mapping[str, Any]) -> str:
    """
    Return the service that labels or (flattened) fields name; '' if none does.

    A job such as `shop/checkout` is of `checkout`, a path of what `service_of_path` makes of it, and
    the `unknown_service` of a sender that did not know is no name.
    """
    for key in naming_fields(tuple(labels)):
        name = _plain_name(key.lower(), labels[key])
        if name:
            return name
    return ""


@remembered_by_keys
def naming_fields(keys: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of some labels or fields that may name a service, the surest first."""
    naming = [(_PLACE[key.lower()], key) for key in keys if key.lower() in _PLACE]
    return tuple(key for _, key in sorted(naming))


def _plain_name(key: str, value: Any) -> str:
    if not isinstance(value, str):
        return ""
    name = value.strip()
    if key in _PATHS:
        name = service_of_path(PurePath(name)) if "/" in name or "\\" in name else name
    elif key.startswith(("job", "unit", "systemd")):
        name = name.rpartition("/")[2].removesuffix(".service")
    if name.lower() in _NOT_A_NAME or name.startswith("unknown_service:"):
        return ""
    return name[:_MAX_CHARACTERS]
