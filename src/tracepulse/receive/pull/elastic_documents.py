"""Documents of Elasticsearch and OpenSearch, as records: ECS, Logstash, Fluent Bit and common names."""

from typing import Any

from tracepulse.receive.field_values import instant_unix_ns
from tracepulse.receive.log_fields import flattened
from tracepulse.receive.pull.heard_request import key_of
from tracepulse.receive.pull.interface import Heard
from tracepulse.receive.resource_names import ATTRIBUTE_NAMES
from tracepulse.receive.sent_logs import SentLogs

__all__ = ["DocumentReader"]

_REMEMBERED = 10_000
_MESSAGES = ("message", "log", "msg", "body")


class DocumentReader:
    """Reads the hits of a search."""

    def __init__(self, time_field: str, service: str) -> None:
        """Prepare; `service` is that of documents that name none."""
        self._time_field = time_field
        self._service = service
        self._places = SentLogs()
        self._read = 0

    def heard(self, hit: dict[str, Any], order_unix_ns: int) -> Heard:
        """
        Return a hit as a record.

        Args:
            order_unix_ns: what it was sorted by; of a field of milliseconds the document has more.
        """
        self._read += 1
        if self._read % _REMEMBERED == 0:
            self._places = SentLogs()  # it remembers every place that it has seen
        index, document_id = str(hit.get("_index", "")), str(hit.get("_id", ""))
        source = hit.get("_source")
        fields = flattened(source) if isinstance(source, dict) else {}
        event_unix_ns = instant_unix_ns(fields.pop(self._time_field, None)) or 0
        if abs(event_unix_ns - order_unix_ns) >= 1_000_000:
            event_unix_ns = 0
        fields["elasticsearch.index"] = index
        if document_id:
            fields["elasticsearch.id"] = document_id
        known, left = self._places.known_of(fields)
        fields = dict(left)
        if not known.service and self._service:
            named = (("service.name", self._service), *known.resource)
            known = known._replace(resource=named, service=self._service)
        message = next((name for name in _MESSAGES if isinstance(fields.get(name), str)), "")
        key = key_of(index, document_id, order_unix_ns)
        if message and not known.severity_number:
            text = fields.pop(message)
            named_fields = [(ATTRIBUTE_NAMES.get(k, k), v) for k, v in fields.items()]
            return Heard(
                order_unix_ns,
                key,
                known,
                text,
                attributes=named_fields,
                event_unix_ns=event_unix_ns,
            )
        whole = {ATTRIBUTE_NAMES.get(k, k): v for k, v in fields.items()}
        return Heard(order_unix_ns, key, known, "", whole, event_unix_ns=event_unix_ns)
