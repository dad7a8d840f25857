"""
The causal graph as Mermaid and as Graphviz' DOT, the flame graph as nested frames and folded stacks.

Source: https://github.com/brendangregg/FlameGraph (stackcollapse, difffolded) and
https://github.com/spiermar/d3-flame-graph for what their readers take.
"""

from collections.abc import Sequence
from typing import Any

from tracepulse.context.quote import quoted_text
from tracepulse.context.render_flows import dot_text, mermaid_text
from tracepulse.derive.causal_graph import CausalEdge, CausalGraph, CausalNode
from tracepulse.derive.flame_graph import Frame
from tracepulse.units import format_duration, format_ratio

__all__ = ["causal_as_dot", "causal_as_mermaid", "flame_as_folded", "flame_as_tree"]

_MAX_NAME_CHARS = 200
_REQUESTS = "(requests)"


def causal_as_mermaid(graph: CausalGraph) -> str:
    """Return the graph as a Mermaid flowchart; thick where the slower cohort waits clearly longer."""
    lines = ["flowchart LR", f'  n0(["{_REQUESTS}"])']
    for number, node in enumerate(graph.nodes, 1):
        opening, closing = ("[(", ")]") if node.category == "resource" else ("[", "]")
        lines.append(f'  n{number}{opening}"{mermaid_text(_title(node))}"{closing}')
    for edge in graph.edges:
        arrow = "==>" if edge.low_ns > 0 else "-->"
        lines.append(f'  n{edge.waiting + 1} {arrow}|"{_label(edge)}"| n{edge.awaited + 1}')
    return "\n".join(lines) + "\n"


def causal_as_dot(graph: CausalGraph) -> str:
    """Return the graph in the DOT language; bold where the slower cohort waits clearly longer."""
    lines = ["digraph blame {", "  rankdir=LR;", "  node [shape=box];"]
    lines.append(f'  n0 [label="{_REQUESTS}", shape=oval];')
    for number, node in enumerate(graph.nodes, 1):
        shape = "cylinder" if node.category == "resource" else "box"
        lines.append(f'  n{number} [label="{dot_text(_title(node))}", shape={shape}];')
    for edge in graph.edges:
        style = "bold" if edge.low_ns > 0 else "solid"
        ends = f"n{edge.waiting + 1} -> n{edge.awaited + 1}"
        lines.append(f'  {ends} [label="{_label(edge)}", style={style}];')
    return "\n".join([*lines, "}"]) + "\n"


def flame_as_tree(frames: Sequence[Frame], requests: tuple[int, int]) -> dict[str, Any]:
    """
    Return frames as d3-flame-graph takes them: `name`, `value`, `children`, and `delta` for colours.

    Values are nanoseconds per request of the second cohort, or of the first where the second has
    none; sums over its requests stand beside them, whole.
    """
    usual, slow = (max(each, 1) for each in requests)
    root: dict[str, Any] = {
        "name": "all",
        "usual_ns": sum(each.usual_own_ns for each in frames),
        "slow_ns": sum(each.slow_own_ns for each in frames),
        "children": [],
    }
    nodes = [root]
    for each in frames:
        node: dict[str, Any] = {
            "name": _frame_name(each),
            "category": each.category,
            "usual_ns": each.usual_waited_ns,
            "slow_ns": each.slow_waited_ns,
            "usual_own_ns": each.usual_own_ns,
            "slow_own_ns": each.slow_own_ns,
            "children": [],
        }
        nodes[each.above + 1]["children"].append(node)
        nodes.append(node)
    for node in nodes:
        mean = (node["usual_ns"] / usual, node["slow_ns"] / slow)
        node["value"] = mean[1] if requests[1] else mean[0]
        node["delta"] = mean[1] - mean[0]
    return root


def flame_as_folded(frames: Sequence[Frame], cohort: str) -> str:
    """
    Return one line a context, `outer;inner nanoseconds`, as FlameGraph and speedscope read it.

    Args:
        frames: of two cohorts.
        cohort: `usual`, `slow`, or `both`: two numbers a line, as difffolded.pl writes them. Numbers
            are sums over all requests of a cohort.
    """
    stacks: list[str] = []
    lines = []
    for each in frames:
        above = f"{stacks[each.above]};" if each.above >= 0 else ""
        stacks.append(above + _frame_name(each).replace(";", ":"))
        numbers = {
            "usual": (each.usual_own_ns,),
            "slow": (each.slow_own_ns,),
            "both": (each.usual_own_ns, each.slow_own_ns),
        }[cohort]
        if any(numbers):
            lines.append(f"{stacks[-1]} {' '.join(str(number) for number in numbers)}\n")
    return "".join(lines)


def _frame_name(frame: Frame) -> str:
    if frame.category == "other":
        return "other"
    name = " ".join(part for part in (frame.service, frame.operation) if part) or frame.resource
    shown, _ = quoted_text(name, _MAX_NAME_CHARS)
    network = " (network)" if frame.category == "network" else ""
    return " ".join(shown.split()) + network


def _title(node: CausalNode) -> str:
    if not node.service:
        return node.resource
    told = f"{node.service}: {node.operation}"
    return f"{told} (network)" if node.category == "network" else told


def _label(edge: CausalEdge) -> str:
    sign = "-" if edge.difference_ns < 0 else "+"
    parts = [format_duration(round(edge.slow_ns))]
    if round(edge.difference_ns):
        parts.append(f"{sign}{format_duration(round(abs(edge.difference_ns)))}")
        parts.append(f"{format_ratio(edge.share_ratio)} of the excess")
    return ", ".join(parts)
