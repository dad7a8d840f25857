"""Labels and fields of senders: which service they name, and what OpenTelemetry calls the others."""

import pytest

from tracepulse.receive.resource_names import is_of_resource, resource_name
from tracepulse.receive.service_names import SERVICE_FIELDS, service_name


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"app": "shop", "service.name": "checkout", "job": "a/b"}, "checkout"),
        ({"container": "istio-proxy", "app": "checkout"}, "checkout"),
        ({"app_kubernetes_io_name": "cart", "container": "main"}, "cart"),
        ({"job": "shop/checkout", "namespace": "shop"}, "checkout"),
        ({"unit": "nginx.service"}, "nginx"),
        ({"filename": "/var/log/checkout/error.log"}, "checkout"),
        ({"source": "http:my-input"}, "http:my-input"),
        ({"Service_Name": "Cart"}, "Cart"),
        ({"service_name": "unknown_service", "pod": "x"}, ""),
        ({"service.name": "unknown_service:java", "container": "billing"}, "billing"),
        ({"service": {"name": "nested"}, "app": 7, "container": "  "}, ""),
        ({"container": "istio-proxy", "job": "shop/cart"}, "cart"),
        ({}, ""),
    ],
)
def test_service_name(labels: dict[str, object], expected: str) -> None:
    """The surest label wins, and one that says nothing is passed over."""
    assert expected == service_name(labels)


def test_service_name_does_not_depend_on_order() -> None:
    """Labels come in any order and name the same service."""
    labels = {field: f"by-{field}" for field in SERVICE_FIELDS}
    assert service_name(labels) == service_name(dict(reversed(labels.items())))
    assert "by-service.name" == service_name(labels)


def test_service_name_is_bounded() -> None:
    """A label of any length becomes a name that fits."""
    assert 200 == len(service_name({"app": "x" * 10_000}))


def test_spellings_of_resources() -> None:
    """Loki's underscores, Beats' and Fluent Bit's names become those of OpenTelemetry."""
    spellings = {
        "k8s_namespace_name": "k8s.namespace.name",
        "namespace": "k8s.namespace.name",
        "kubernetes.pod_name": "k8s.pod.name",
        "hostname": "host.name",
        "filename": "log.file.path",
        "deployment_environment_name": "deployment.environment.name",
        "team": "team",
    }
    assert spellings == {label: resource_name(label) for label in spellings}
    assert is_of_resource("kubernetes.node.name")
    assert is_of_resource("host.ip")
    assert not is_of_resource("http.request.method")
