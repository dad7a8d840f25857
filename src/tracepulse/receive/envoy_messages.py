"""
The parts of Envoy's gRPC access log messages that are read, as protobuf classes made at import.

Only the fields listed here are known; protobuf steps over the rest. Batches are declared as lists of bytes,
which is the same on the wire, so that an entry that cannot be read costs only itself. For an entry
with a text that is not UTF-8, which protobuf does not take, there are the same classes with bytes
for texts. Fields in the v2 API had the same numbers.

Source: envoy/service/accesslog/v3/als.proto and envoy/data/accesslog/v3/accesslog.proto, in
https://github.com/envoyproxy/envoy/tree/main/api
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

__all__ = [
    "AddressMessage",
    "HttpEntry",
    "NodeMessage",
    "StreamMessage",
    "TcpEntry",
    "read_message",
]

_PACKAGE = "tracepulse.envoy"
_KINDS = {
    "text": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
    "bytes": descriptor_pb2.FieldDescriptorProto.TYPE_BYTES,
    "int64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    "bool": descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
}
_ONE = descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
_MANY = descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED

# Message: field, number, kind. A star is a list; a map is a list of Pair, as it is on the wire.
_MESSAGES: dict[str, tuple[tuple[str, int, str], ...]] = {
    "Stream": (
        ("identifier", 1, "Identifier"),
        ("http_logs", 2, "Batch"),
        ("tcp_logs", 3, "Batch"),
    ),
    "Identifier": (("node", 1, "bytes"), ("log_name", 2, "text")),
    "Batch": (("log_entry", 1, "bytes*"),),
    "Node": (
        ("id", 1, "text"),
        ("cluster", 2, "text"),
        ("metadata", 3, "Struct"),
        ("locality", 4, "Locality"),
    ),
    "Locality": (("region", 1, "text"), ("zone", 2, "text")),
    "Struct": (("fields", 1, "StructPair*"),),
    "StructPair": (("key", 1, "text"), ("value", 2, "Value")),
    "Value": (("string_value", 3, "text"), ("struct_value", 5, "Struct")),
    "Pair": (("key", 1, "text"), ("value", 2, "text")),
    "Length": (("seconds", 1, "int64"), ("nanos", 2, "int64")),
    "Number": (("value", 1, "int64"),),
    "Address": (("socket_address", 1, "SocketAddress"), ("pipe", 2, "Pipe")),
    "SocketAddress": (("address", 2, "text"), ("port_value", 3, "int64")),
    "Pipe": (("path", 1, "text"),),
    "Tls": (("tls_sni_hostname", 3, "text"),),
    "Common": (
        ("downstream_remote_address", 2, "bytes"),
        ("downstream_local_address", 3, "bytes"),
        ("tls_properties", 4, "Tls"),
        ("start_time", 5, "Length"),
        ("time_to_first_upstream_tx_byte", 7, "Length"),
        ("time_to_last_upstream_rx_byte", 10, "Length"),
        ("time_to_last_downstream_tx_byte", 12, "Length"),
        ("upstream_remote_address", 13, "bytes"),
        ("upstream_local_address", 14, "bytes"),
        ("upstream_cluster", 15, "text"),
        ("response_flags", 16, "bytes"),
        ("upstream_transport_failure_reason", 18, "text"),
        ("route_name", 19, "text"),
        ("custom_tags", 22, "Pair*"),
        ("duration", 23, "Length"),
        ("connection_termination_details", 25, "text"),
        ("intermediate_log_entry", 27, "bool"),
    ),
    "Request": (
        ("request_method", 1, "int64"),
        ("authority", 3, "text"),
        ("path", 5, "text"),
        ("user_agent", 6, "text"),
        ("forwarded_for", 8, "text"),
        ("request_id", 9, "text"),
        ("original_path", 10, "text"),
        ("request_body_bytes", 12, "int64"),
        ("request_headers", 13, "Pair*"),
    ),
    "Response": (
        ("response_code", 1, "Number"),
        ("response_body_bytes", 3, "int64"),
        ("response_headers", 4, "Pair*"),
        ("response_trailers", 5, "Pair*"),
        ("response_code_details", 6, "text"),
    ),
    "Http": (
        ("common_properties", 1, "Common"),
        ("protocol_version", 2, "int64"),
        ("request", 3, "Request"),
        ("response", 4, "Response"),
    ),
    "Connection": (("received_bytes", 1, "int64"), ("sent_bytes", 2, "int64")),
    "Tcp": (("common_properties", 1, "Common"), ("connection_properties", 2, "Connection")),
}


def _pool(texts: str) -> descriptor_pool.DescriptorPool:
    """Return the messages, with texts as they are declared or as bytes."""
    file = descriptor_pb2.FileDescriptorProto(
        name="tracepulse/envoy.proto", package=_PACKAGE, syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            made = message.field.add(
                name=field, number=number, label=_MANY if kind.endswith("*") else _ONE
            )
            kind = kind.rstrip("*")
            if kind in _KINDS:
                made.type = _KINDS[texts if kind == "text" else kind]
            else:
                made.type = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
                made.type_name = f".{_PACKAGE}.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


_POOL, _POOL_OF_BYTES = _pool("text"), _pool("bytes")


def _message_class(name: str, pool: descriptor_pool.DescriptorPool = _POOL) -> Any:
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


StreamMessage = _message_class("Stream")
NodeMessage = _message_class("Node")
AddressMessage = _message_class("Address")
HttpEntry = _message_class("Http")
TcpEntry = _message_class("Tcp")


def read_message(kind: Any, body: bytes) -> Any:
    """
    Return a message of one of these classes; odd characters stand for bytes that are not UTF-8.

    Raises:
        DecodeError: it cannot be read at all.
    """
    try:
        return kind.FromString(body)
    except DecodeError:
        mended = _message_class(kind.DESCRIPTOR.name, _POOL_OF_BYTES).FromString(body)
        _mend_texts(mended, kind.DESCRIPTOR)
        return kind.FromString(mended.SerializeToString())


def _mend_texts(message: Any, declared: Any) -> None:
    for field, value in message.ListFields():
        told = declared.fields_by_number[field.number]
        if told.message_type is not None:
            for each in value if field.is_repeated else (value,):
                _mend_texts(each, told.message_type)
        elif told.type == told.TYPE_STRING:
            setattr(message, field.name, value.decode(errors="replace").encode())
