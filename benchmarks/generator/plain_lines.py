"""How services of a random system write: sentences, formats, ids in many dresses, noise."""

import json
import random

from benchmarks.generator.plain_topology import Operation, Service

__all__ = ["body_of", "dressed", "new_value", "noise"]

ARRIVING = (
    *("received {what} {keys}", "{what} requested {keys}", "handling {what} for {keys}"),
    *("start {what} {keys}", "begin {what}: {keys}", "--> {what} {keys}", "incoming {what} {keys}"),
    *("{what} {keys}", "processing {what} [{keys}]", "got {what} request with {keys}"),
)
DONE = (
    *("{what} done {keys} {took}", "finished {what} {keys} {took}", "{keys} {what} 200 {took}"),
    *("completed {what} [{keys}] {took}", "<-- {what} {keys} status 200 {took}"),
    *("{what} succeeded for {keys} {took}", "{what} {keys} ok {took}", "{what} {keys} {took}"),
    *('"POST /{what}" 201 {took} {keys}', "responded to {what} {keys} {took}"),
)
BETWEEN = (
    *("validated {keys}", "loaded record for {keys}", "cache miss {keys}", "rules applied {keys}"),
    *("{what} step 2 of 3 {keys}", "state changed to PENDING {keys}", "wrote row for {keys}"),
)
FAILED = (
    *("{what} failed {keys}: upstream timed out", "cannot {what} {keys}: 503", "{keys} rejected"),
    "error in {what} for {keys}: connection reset",
)
NOISE = (
    *("heartbeat ok, uptime {d6} s", "gc pause {d2} ms, heap {d3} MB of 2048", "pool size 10"),
    *("listening on port 8080", "config version 2.14.{d1} loaded", "sku {sku} has {d2} pieces"),
    *("connection from 10.0.{d1}.{d2}:{d5}", "health check 200 in {d1} ms", "cache size {d4}"),
    *("tenant acme quota {d2}%", "flushed {d4} metrics to collector-7.internal:4318"),
    *(
        "sync finished on 2026-11-{d2} rows={d5}",
        "token {hex} refreshed",
        "poll of {d2} partitions",
    ),
)


def new_value(chance: random.Random, kind: str, form: int, serial: int) -> str:
    """Return a fresh value of a key, in the form that this system uses for it."""
    match form:
        case 0:
            text = f"{chance.getrandbits(128):032x}"
            return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
        case 1:
            return f"{chance.getrandbits(64):016x}"
        case 2:
            return f"{chance.getrandbits(48):012x}"
        case 3:
            return str(1_000_000 + serial)
        case 4:
            return str(chance.randrange(10_000_000, 10_000_000_000))
        case 5:
            return "".join(chance.choices("0123456789abcdefghijklmnopqrstuvwxyz", k=7))
        case 6:
            return f"{kind[:3].upper()}-{serial:06d}"
        case _:
            return f"acme:{kind}:{chance.randrange(36**6):06x}"


def dressed(value: str, kind: str, dress: int) -> str:
    """Return a value as one service writes it."""
    match dress:
        case 1:
            return f"{kind[0]}-{value}"
        case 2:
            return f"{value}-eu"
        case 3:
            return value.upper()
        case 4:
            return f"/v2/{kind}s/{value}/items"
        case 5:
            return f"{kind}_{value}"
        case _:
            return value


def body_of(
    chance: random.Random,
    operation: Operation,
    moment: str,
    keys: dict[str, str],
    took_ms: float,
    serial: int,
) -> tuple[str, dict[str, str]]:
    """
    Return the text of a line and its attributes.

    Args:
        chance: for what differs from line to line.
        operation: what is being done; its service says how.
        moment: arriving, done, between or failed.
        keys: the bare values to mention, by kind.
        took_ms: since the operation began.
        serial: which line of the operation, so that the same place has the same sentence.

    """
    service = operation.service
    sentences = {"arriving": ARRIVING, "done": DONE, "between": BETWEEN, "failed": FAILED}[moment]
    sentence = sentences[(service.wording + serial * 7) % len(sentences)]
    values = {kind: dressed(keys[kind], kind, service.key_dress[kind]) for kind in sorted(keys)}
    named = {service.key_names[kind]: value for kind, value in values.items()}
    duration = service.tells_duration and moment == "done"
    attributes: dict[str, str] = {}
    if service.in_attributes and moment != "between":
        attributes, named = named, {}
    if service.form == "json":
        fields: dict[str, object] = {"msg": _words(sentence, operation.name, "", ""), **named}
        if duration:
            name = ("duration_ms", "elapsed", "latency_us", "took_ms", "duration_s")
            fields[name[service.duration_form]] = _number(took_ms, service.duration_form)
        if chance.random() < 0.3:
            fields["thread"] = f"worker-{chance.randrange(16)}"
        return json.dumps(fields), attributes
    if service.form == "logfmt":
        pairs = " ".join(f"{name}={value}" for name, value in named.items())
        text = f'level=info msg="{_words(sentence, operation.name, "", "")}" {pairs}'
        if duration:
            unit = ("ms", "s", "us", "ms", "s")[service.duration_form]
            text += f" duration={_number(took_ms, service.duration_form)}{unit}"
        return text, attributes
    took = ""
    if duration:
        unit = (" ms", " s", "us", "ms", " seconds")[service.duration_form]
        took = f"in {_number(took_ms, service.duration_form)}{unit}"
    mark = service.wording % 3
    shown = " ".join(
        value if mark == 0 else f"{name}={value}" if mark == 1 else f"{name} {value}"
        for name, value in named.items()
    )
    return _words(sentence, operation.name, shown, took), attributes


def _number(took_ms: float, form: int) -> str:
    if form in (1, 4):
        return f"{took_ms / 1_000:.4f}"
    if form == 2:
        return str(round(took_ms * 1_000))
    return f"{took_ms:.1f}" if form == 0 else str(round(took_ms))


def _words(sentence: str, what: str, keys: str, took: str) -> str:
    return " ".join(sentence.format(what=what, keys=keys, took=took).split())


def noise(chance: random.Random, service: Service) -> str:
    """Return a line that belongs to no request."""
    del service
    return chance.choice(NOISE).format(
        d1=chance.randrange(10),
        d2=chance.randrange(100),
        d3=chance.randrange(1_000),
        d4=chance.randrange(10_000),
        d5=chance.randrange(1_024, 65_536),
        d6=chance.randrange(1_000_000),
        sku=f"SKU-{chance.randrange(40):04d}",
        hex=f"{chance.getrandbits(48):012x}",
    )
