"""The messages of remote write as classes, from Prometheus' field numbers, to make requests with."""

from typing import Any

import pyarrow
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

__all__ = ["HistogramMessage", "RequestV2", "WriteRequest", "packed", "request_1", "request_2"]

_KINDS: dict[str, Any] = {
    "double": 1, "int64": 3, "uint64": 4, "int32": 5, "string": 9, "uint32": 13, "sint32": 17,
    "sint64": 18,
}  # fmt: skip
_HISTOGRAM = """count_int=1:uint64 count_float=2:double sum=3:double schema=4:sint32
    zero_threshold=5:double zero_count_int=6:uint64 zero_count_float=7:double
    negative_spans=8:*BucketSpan negative_deltas=9:*sint64 negative_counts=10:*double
    positive_spans=11:*BucketSpan positive_deltas=12:*sint64 positive_counts=13:*double
    reset_hint=14:int32 timestamp=15:int64 custom_values=16:*double"""
_MESSAGES = {
    "Label": "name=1:string value=2:string",
    "Sample": "value=1:double timestamp=2:int64",
    "SampleV2": "value=1:double timestamp=2:int64 start_timestamp=3:int64",
    "Exemplar": "labels=1:*Label value=2:double timestamp=3:int64",
    "BucketSpan": "offset=1:sint32 length=2:uint32",
    "Histogram": _HISTOGRAM,
    "Series": "labels=1:*Label samples=2:*Sample exemplars=3:*Exemplar histograms=4:*Histogram",
    "Metadata": "type=1:int32 metric_family_name=2:string help=4:string unit=5:string",
    "WriteRequest": "timeseries=1:*Series metadata=3:*Metadata",
    "MetadataV2": "type=1:int32 help_ref=3:uint32 unit_ref=4:uint32",
    "SeriesV2": "labels_refs=1:*uint32 samples=2:*SampleV2 histograms=3:*Histogram"
    " metadata=5:MetadataV2 created_timestamp=6:int64",
    "RequestV2": "symbols=4:*string timeseries=5:*SeriesV2",
}


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="remote_write_of_tests.proto", package="tests", syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for each in fields.split():
            told, _, kind = each.partition(":")
            field, _, number = told.partition("=")
            made = message.field.add(name=field, number=int(number))
            label: Any = 3 if kind.startswith("*") else 1
            made.label = label
            kind = kind.removeprefix("*")
            if kind in _KINDS:
                made.type = _KINDS[kind]
            else:
                made.type = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
                made.type_name = f".tests.{kind}"
    return file


_pool = descriptor_pool.DescriptorPool()
_pool.Add(_file())


def _class(name: str) -> Any:
    return message_factory.GetMessageClass(_pool.FindMessageTypeByName(f"tests.{name}"))


WriteRequest: Any = _class("WriteRequest")
RequestV2: Any = _class("RequestV2")
HistogramMessage: Any = _class("Histogram")

Labels = dict[str, str]
Sample = tuple[float, int]


def request_1(*series: tuple[Labels, list[Sample]]) -> Any:
    """Return a request of version 1.0 with these series; instants are in ms."""
    request = WriteRequest()
    for labels, samples in series:
        made = request.timeseries.add()
        for name, value in labels.items():
            made.labels.add(name=name, value=value)
        for number, at in samples:
            made.samples.add(value=number, timestamp=at)
    return request


def request_2(*series: tuple[Labels, list[Sample]]) -> Any:
    """Return the same as a request of version 2.0."""
    texts = {"": 0}
    request = RequestV2()
    for labels, samples in series:
        made = request.timeseries.add()
        for pair in labels.items():
            made.labels_refs.extend(texts.setdefault(text, len(texts)) for text in pair)
        for value, at in samples:
            made.samples.add(value=value, timestamp=at)
    request.symbols.extend(texts)
    return request


def packed(request: Any) -> bytes:
    """Return a request as it is sent: one block of snappy."""
    return bytes(pyarrow.compress(request.SerializeToString(), "snappy", asbytes=True))
