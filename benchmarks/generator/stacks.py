"""Stack traces of about a kibibyte, as each language's runtime prints them."""

from benchmarks.generator.vocabulary import Service
from benchmarks.generator.wire import text_bytes

__all__ = ["FAILURES", "stack_trace"]

STACK_BYTES = 1024

FAILURES: dict[str, tuple[tuple[str, str], ...]] = {
    "java": (
        (
            "java.net.SocketTimeoutException",
            "Read timed out after <d4> ms waiting for 10.2<d1>.1<d2>.<d2>",
        ),
        ("java.lang.IllegalStateException", "entity <d8> has version <d3>, expected <d3>"),
        (
            "org.postgresql.util.PSQLException",
            "ERROR: deadlock detected, process <d5> waits for <d6>",
        ),
    ),
    "python": (
        ("TimeoutError", "no answer from upstream within <d4> ms (request <h12>)"),
        ("KeyError", "'<w7>-<d6>'"),
        ("sqlalchemy.exc.OperationalError", "server closed the connection, backend pid <d6>"),
    ),
    "nodejs": (
        ("Error", "connect ECONNREFUSED 10.2<d1>.1<d2>.<d2>:8080 (attempt <d1>)"),
        ("TypeError", "Cannot read properties of undefined (reading '<w7>') in view <d6>"),
    ),
    "go": (
        ("*net.OpError", "dial tcp 10.2<d1>.1<d2>.<d2>:9090: i/o timeout after <d4>ms"),
        ("*errors.errorString", "context deadline exceeded while reading <w7> <d7>"),
    ),
    "dotnet": (
        ("System.TimeoutException", "The operation did not complete within <d5> ms (id <h12>)"),
        ("System.InvalidOperationException", "Sequence contains no element for key <d8>"),
    ),
}
"""Exception types and messages, by language."""


def _frame(service: Service, number: int) -> str:
    noun = service.noun
    title = noun.title()
    layer = ("Repository", "Service", "Controller", "Client", "Mapper", "Filter")[number % 6]
    verb = ("load", "handle", "resolve", "invoke", "convert", "apply")[(number * 5 + len(noun)) % 6]
    line = 40 + (number * 37 + len(service.name) * 11) % 400
    match service.language:
        case "java":
            if number % 5 == 3:
                return (
                    f"\tat com.shop.{noun}.{title}{layer}$$Lambda/0x0000<h12>.apply(Unknown Source)"
                )
            return f"\tat com.shop.{noun}.{title}{layer}.{verb}({title}{layer}.java:{line})"
        case "python":
            return (
                f'  File "/app/{noun}/{layer.lower()}.py", line {line}, in {verb}_{noun}\n'
                f"    return self._{verb}({noun}_id, deadline=deadline)"
            )
        case "nodejs":
            path = f"/app/src/{noun}/{layer.lower()}.js"
            return f"    at {title}{layer}.{verb} ({path}:{line}:{line % 60})"
        case "go":
            return (
                f"shop/{noun}/internal.(*{title}{layer}).{verb.title()}"
                "(0xc000<h6>, {0x<h7>, 0x<h2>})\n"
                f"\t/src/{noun}/internal/{layer.lower()}.go:{line} +0x<h3>"
            )
        case _:
            method = f"Shop.{title}.{title}{layer}.{verb.title()}Async()"
            return f"   at {method} in /src/{title}{layer}.cs:line {line}"


def stack_trace(service: Service, exception: str, reason: str) -> str:
    """Return a stack trace of at least a kibibyte, innermost frame where the language puts it."""
    lines = [f"{exception}: {reason}"]
    if service.language == "python":
        lines = ["Traceback (most recent call last):"]
    number = 0
    while sum(text_bytes(line) + 1 for line in lines) <= STACK_BYTES:
        lines.append(_frame(service, number + len(exception) % 4))
        number += 1
    if service.language == "python":
        lines.append(f"{exception}: {reason}")
    return "\n".join(lines)
