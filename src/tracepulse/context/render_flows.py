"""
The flow graph and flows as Mermaid and as Graphviz' DOT.

Names come from telemetry: what could end a label or begin a command of either language is written as
a character reference, and hidden characters are shown.

Source: https://mermaid.js.org/syntax/flowchart.html and https://graphviz.org/doc/info/lang.html
"""

from collections.abc import Iterable

from tracepulse.context.quote import quoted_text
from tracepulse.model.flow_graph import Edge, Flow, FlowGraph
from tracepulse.units import format_count, format_duration, format_ratio

__all__ = [
    "dot_text",
    "flows_as_dot",
    "flows_as_mermaid",
    "graph_as_dot",
    "graph_as_mermaid",
    "mermaid_text",
]

_MAX_NAME_CHARS = 200
_OUTSIDE = "(outside)"
_MERMAID_SHAPES = {"database": ("[(", ")]"), "queue": ("[[", "]]"), "host": ("([", "])")}
_DOT_SHAPES = {"database": "cylinder", "queue": "cds", "host": "oval"}


def graph_as_mermaid(graph: FlowGraph) -> str:
    """Return the graph as a Mermaid flowchart; dashed where it is in doubt."""
    kinds = {node.name: node.kind for node in graph.nodes}
    ids = _ids(graph.edges)
    lines = ["flowchart LR"]
    for name, number in ids.items():
        opening, closing = _MERMAID_SHAPES.get(kinds.get(name, ""), ("[", "]"))
        lines.append(f'  n{number}{opening}"{mermaid_text(name or _OUTSIDE)}"{closing}')
    for edge in graph.edges:
        arrow = "-->" if _is_firm(edge) else "-.->"
        lines.append(f'  n{ids[edge.caller]} {arrow}|"{_label(edge)}"| n{ids[edge.callee]}')
    return "\n".join(lines) + "\n"


def graph_as_dot(graph: FlowGraph) -> str:
    """Return the graph in the DOT language."""
    kinds = {node.name: node.kind for node in graph.nodes}
    ids = _ids(graph.edges)
    lines = ["digraph flows {", "  rankdir=LR;", "  node [shape=box];"]
    for name, number in ids.items():
        shape = _DOT_SHAPES.get(kinds.get(name, ""), "box")
        lines.append(f'  n{number} [label="{dot_text(name or _OUTSIDE)}", shape={shape}];')
    for edge in graph.edges:
        style = "solid" if _is_firm(edge) else "dashed"
        lines.append(
            f'  n{ids[edge.caller]} -> n{ids[edge.callee]} [label="{_label(edge)}", style={style}];'
        )
    return "\n".join([*lines, "}"]) + "\n"


def flows_as_mermaid(flows: Iterable[Flow]) -> str:
    """Return the most frequent way of each route as a Mermaid sequence diagram, one after another."""
    lines = ["sequenceDiagram"]
    known: dict[str, int] = {}
    for flow in flows:
        if not flow.paths:
            continue
        path = flow.paths[0]
        for name in ("", flow.service, *(end for s in path.steps for end in (s.caller, s.callee))):
            if name not in known:
                known[name] = len(known)
                lines.insert(
                    len(known), f"  participant n{known[name]} as {mermaid_text(name or _OUTSIDE)}"
                )
        asked = f"{mermaid_text(flow.operation)} ({format_count(flow.requests)})"
        lines.append(f"  n{known['']}->>n{known[flow.service]}: {asked}")
        lines += [
            f"  n{known[s.caller]}->>n{known[s.callee]}: {mermaid_text(s.connection)}"
            for s in path.steps
        ]
    return "\n".join(lines) + "\n"


def flows_as_dot(flows: Iterable[Flow]) -> str:
    """Return the most frequent way of each route in the DOT language, its steps numbered."""
    lines = ["digraph flows {", "  rankdir=LR;", "  node [shape=box];"]
    for number, flow in enumerate(flows):
        if not flow.paths:
            continue
        steps = flow.paths[0].steps
        names = dict.fromkeys((flow.service, *(e for s in steps for e in (s.caller, s.callee))))
        ids = {name: f"f{number}_n{place}" for place, name in enumerate(names)}
        title = (
            f"{dot_text(flow.service)} {dot_text(flow.operation)} ({format_count(flow.requests)})"
        )
        lines += [f"  subgraph cluster_{number} {{", f'    label="{title}";']
        lines += [f'    {ids[name]} [label="{dot_text(name)}"];' for name in names]
        lines += [
            f'    {ids[step.caller]} -> {ids[step.callee]} [label="{place}"];'
            for place, step in enumerate(steps, 1)
        ]
        lines.append("  }")
    return "\n".join([*lines, "}"]) + "\n"


def _ids(edges: Iterable[Edge]) -> dict[str, int]:
    names = {end for edge in edges for end in (edge.caller, edge.callee)}
    return {name: number for number, name in enumerate(sorted(names))}


def _is_firm(edge: Edge) -> bool:
    return edge.confidence_ratio >= 0.9 and not edge.disagreements


def _label(edge: Edge) -> str:
    parts = [f"{format_count(edge.calls)} by {edge.counted_by.replace('_', ' ')}"]
    if edge.errors:
        parts.append(f"{format_ratio(edge.errors / edge.calls)} failed")
    if edge.p95_ns is not None:
        parts.append(f"p95 {format_duration(edge.p95_ns)}")
    return ", ".join(parts)


def mermaid_text(name: str, before: str = "#") -> str:
    """Return a name with all but letters, digits and a few marks as character references."""
    shown, _ = quoted_text(name, _MAX_NAME_CHARS)
    return "".join(
        each if each.isalnum() or each in " ._-/()*:" else f"{before}{ord(each)};" for each in shown
    )


def dot_text(name: str) -> str:
    """Return a name as it may stand in a label of DOT."""
    return mermaid_text(name, "&#")
