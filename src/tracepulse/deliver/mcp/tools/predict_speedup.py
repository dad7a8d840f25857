"""What if a place in a route's requests were faster."""

from dataclasses import dataclass
from typing import Any

from tracepulse.deliver.mcp.answers import Answers
from tracepulse.deliver.mcp.reply import Reply, one_line
from tracepulse.units import format_duration

__all__ = ["SpeedupQuestion", "predict_speedup", "prediction_line"]


@dataclass(frozen=True, slots=True)
class SpeedupQuestion:
    """Which requests, and what is changed."""

    node: str
    route: str
    change: str
    """`50%`, `20ms`, `to 20ms`, `removed` or `parallel`."""
    since: str
    data_set: str

    def asked(self) -> dict[str, str]:
        """Return the same as `/api/whatif` takes it."""
        told = {"node": self.node, "route": self.route}
        told |= {"since": self.since, "data_set": self.data_set}
        if self.change in ("removed", "parallel"):
            return told | {self.change: "true"}
        kind = "to" if self.change.startswith("to ") else "faster"
        return told | {kind: self.change.removeprefix("to ")}


async def predict_speedup(api: Answers, question: SpeedupQuestion, max_tokens: int) -> str:
    """Return how long requests would take with one change."""
    found = await api.json("/api/whatif", question.asked())
    reply = Reply(max_tokens)
    reply.say("# Predicted by playing every request again")
    reply.quote([f"{one_line(found['node'], 200)}, {found['change']}"], "raise max_tokens")
    reply.say(f"Result: {found['said']}.")
    for each in found["quantiles"]:
        interval = "unknown"
        if each["low_ns"] is not None:
            interval = f"{format_duration(each['low_ns'])} to {format_duration(each['high_ns'])}"
        reply.say(
            f"p{each['quantile'] * 100:g}: {format_duration(each['before_ns'])} now,"
            f" {format_duration(each['after_ns'])} predicted ({interval})"
        )
    reply.say(
        f"{found['touched']:,} of {found['requests']:,} requests have such calls; mean saving"
        f" {format_duration(round(found['saved_per_request_ns']))} a request."
    )
    if found["stations"]:
        reply.say("Waiting for others changes too at:")
        reply.quote([_station(each) for each in found["stations"]], "raise max_tokens")
    if found["least_traces"] is not None:
        reply.say(f"Its sequence is taken from {found['least_traces']:,} traces or more.")
    if not found["queues"]:
        reply.say("Waiting for other requests was not played: there are too many.")
    return reply.text()


def prediction_line(each: dict[str, Any]) -> str:
    """Return one opportunity in one line."""
    slow = each["quantiles"][-1]
    day = each["saved_per_day_s"]
    saved = "unknown" if day is None else format_duration(round(day * 1e9))
    return (
        f"{saved} a day, {format_duration(round(each['saved_per_request_ns']))} a request,"
        f" p95 {format_duration(slow['before_ns'])} to {format_duration(slow['after_ns'])},"
        f" {each['touched']:,} requests  {each['change']}  {one_line(each['node'], 200)}"
    )


def _station(each: dict[str, Any]) -> str:
    where = f"{one_line(each['service'], 80)}: {one_line(each['what'], 120)}"
    return f"{where}  {each['places']} at once, {each['asked_when_full']:,} calls came when full"
