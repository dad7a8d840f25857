"""
Names of labels and fields that say where a record is from, as OpenTelemetry calls them.

Each way of shipping logs has names of its own for host, pod or file; here they become one.
https://opentelemetry.io/docs/specs/semconv/resource/
"""

from tracepulse.receive.key_plans import remembered_by_keys

__all__ = ["RESOURCE_NAMES", "attribute_names", "is_of_resource", "resource_name"]

_SPELLINGS: dict[str, tuple[str, ...]] = {
    "k8s.namespace.name": (
        "namespace", "namespace_name", "kubernetes.namespace", "kubernetes.namespace_name",
        "kubernetes_namespace_name", "kubernetes_namespace",
    ),
    "k8s.pod.name": (
        "pod", "pod_name", "kubernetes.pod.name", "kubernetes.pod_name", "kubernetes_pod_name",
    ),
    "k8s.pod.uid": ("kubernetes.pod.uid", "kubernetes.pod_id", "pod_uid"),
    "k8s.container.name": (
        "container", "container_name", "kubernetes.container.name", "kubernetes.container_name",
        "kubernetes_container_name",
    ),
    "k8s.node.name": (
        "node", "node_name", "nodename", "kubernetes.node.name", "kubernetes.host",
        "kubernetes.node_name",
    ),
    "k8s.cluster.name": ("cluster", "orchestrator.cluster.name"),
    "k8s.deployment.name": ("deployment", "kubernetes.deployment.name"),
    "container.id": ("container_id", "docker.container_id", "kubernetes.docker_id"),
    "container.image.name": ("kubernetes.container_image", "image_name"),
    "host.name": ("host", "hostname", "agent.hostname", "host.hostname"),
    "log.file.path": ("filename",),
    "deployment.environment.name": (
        "env", "environment", "deployment_environment", "deployment.environment",
        "service.environment",
    ),
    "service.version": (),
    "service.namespace": (),
    "service.instance.id": ("instance", "service.node.name"),
    "k8s.statefulset.name": (),
    "k8s.daemonset.name": (),
    "k8s.job.name": (),
    "cloud.region": (),
    "cloud.provider": (),
    "cloud.availability_zone": (),
    "telemetry.sdk.language": (),
    "telemetry.sdk.name": (),
    "telemetry.sdk.version": (),
}  # fmt: skip

RESOURCE_NAMES: dict[str, str] = {
    spelling: name
    for name, others in _SPELLINGS.items()
    for spelling in (name, name.replace(".", "_"), *others)
}
"""OpenTelemetry's name by any spelling of it; Loki writes every dot of a name as an underscore."""

_PREFIXES = (
    "k8s.", "host.", "container.", "cloud.", "telemetry.", "os.", "process.runtime.",
    "com.splunk.", "elasticsearch.index", "agent.", "data_stream.", "ecs.",
)  # fmt: skip

ATTRIBUTE_NAMES: dict[str, str] = {
    "error.stack_trace": "exception.stacktrace",
    "error.message": "exception.message",
    "error.type": "exception.type",
    "stack_trace": "exception.stacktrace",
    "logger_name": "log.logger",
    "thread_name": "thread.name",
    "process.thread.name": "thread.name",
    "log.origin.file.name": "code.file.path",
    "log.origin.file.line": "code.line.number",
    "log.origin.function": "code.function.name",
}
"""What OpenTelemetry calls fields of the Elastic Common Schema and of Logstash's encoders."""


_OF_RESOURCE = ("resource.attributes.", "resources.", "resource.", "Resource.")
_OF_RECORD = ("attributes.", "Attributes.")
"""How OpenTelemetry's Collector marks what is of the resource and what of the record."""


def resource_name(label: str) -> str:
    """Return what OpenTelemetry calls a label of a stream; its own name where it has no other."""
    return RESOURCE_NAMES.get(label) or _without(label, _OF_RESOURCE)


def is_of_resource(field: str) -> bool:
    """Tell whether a field of a record says where it is from, and not what happened."""
    return field in RESOURCE_NAMES or field.startswith((*_PREFIXES, *_OF_RESOURCE))


@remembered_by_keys
def attribute_names(fields: tuple[str, ...]) -> tuple[str, ...]:
    """Return what OpenTelemetry calls the fields of a record; their own names else."""
    return tuple(ATTRIBUTE_NAMES.get(name) or _without(name, _OF_RECORD) for name in fields)


def _without(name: str, prefixes: tuple[str, ...]) -> str:
    found = next((prefix for prefix in prefixes if name.startswith(prefix)), "")
    return name[len(found) :] or name
