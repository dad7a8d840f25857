/** The answers at the top of each page, put together from what the server said and nothing else. */

import type { BlockingPath, Incident, IncidentRow, Overview, PathWarning, Trace, Trigger } from "../api/types";
import { categoryLook } from "./categories";
import { counted, count, duration, likelihood, share } from "./units";

/** `known` is the fact, `likely` the cause with its probability; either may hold telemetry text. */
export interface Answer {
  known: string;
  likely: string;
}

/** Is anything wrong? */
export function nowAnswer(overview: Overview, first: Incident | undefined): Answer {
  const { open, recent } = overview.incidents;
  const minutes = Math.round((overview.series.step_s * overview.series.calls_per_s.length) / 60);
  if (open === 0) {
    return { known: minutes > 0 ? `Nothing wrong found in the last ${minutes}\u00a0min.` : "Nothing wrong found.", likely: "" };
  }
  const latest = openIncidents(recent)[0];
  const head = open === 1 ? "1 incident open" : `${count(open)} incidents open`;
  if (latest === undefined) return { known: `${head}.`, likely: "" };
  const known = open === 1 ? `${head}: ${sentence(latest.title)}` : `${head}; the newest: ${sentence(latest.title)}`;
  return { known, likely: first === undefined ? "" : likelyCause(first) };
}

/** Incidents that need a person, newest onset first, as the server ordered them. */
export function openIncidents(recent: readonly IncidentRow[]): IncidentRow[] {
  return recent.filter((incident) => incident.state !== "resolved");
}

/** The likeliest cause in one sentence; says so when not knowing is likelier. */
export function likelyCause(incident: Incident): string {
  const first = incident.hypotheses[0];
  if (first === undefined) return "No cause found yet.";
  if (incident.unknown_probability > first.probability) {
    return `Cause not known (${share(incident.unknown_probability)}); ${likelihood(first.probability)} (${share(first.probability)}): ${sentence(first.statement)}`;
  }
  return `${capital(likelihood(first.probability))} (${share(first.probability)}): ${sentence(first.statement)}`;
}

/** What did this trace take its time for? */
export function traceAnswer(trace: Trace, path: BlockingPath | undefined): Answer {
  const root = path === undefined ? undefined : trace.spans.find((span) => span.span_id === path.root_span_id);
  const top = root ?? trace.spans[0];
  if (top === undefined) return { known: "No span of this trace is stored.", likely: "" };
  const took = duration(root === undefined || path === undefined ? trace.duration_ns : path.duration_ns);
  const failed = top.status_code === "Error" ? " and failed" : "";
  const name = top.service === "" ? top.operation : `${top.operation} in ${top.service}`;
  const largest = path === undefined ? undefined : categoriesBySize(path)[0];
  if (largest === undefined) return { known: `${name} took ${took}${failed}.`, likely: "" };
  return {
    known: `${name} took ${took}${failed}.`,
    likely: `${duration(largest.ns)} of it was ${categoryLook(largest.category).name}.`,
  };
}

/** The path by category, largest first, then by name. */
export function categoriesBySize(path: BlockingPath): { category: string; ns: BlockingPath["duration_ns"] }[] {
  return Object.entries(path.by_category)
    .map(([category, ns]) => ({ category, ns }))
    .filter((entry) => entry.ns > 0)
    .sort((a, b) => b.ns - a.ns || (a.category < b.category ? -1 : 1));
}

/** One warning in words. */
export function warningText(warning: PathWarning): string {
  if (typeof warning === "string") return warning;
  return warning.count === undefined ? warning.text : `${counted(warning.count, "span")}: ${warning.text}`;
}

/** Ends a title or statement like a sentence, whatever it ended in. */
export function sentence(text: string): string {
  const trimmed = text.trimEnd();
  return /[.!?…]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const KINDS: Readonly<Record<string, string>> = {
  error_burst: "errors",
  new_log: "new log line",
  log_burst: "log lines surging",
  external_alert: "alert",
};

/** In words, what a kind of trigger is. */
export function triggerKind(trigger: Trigger): string {
  return Object.hasOwn(KINDS, trigger.kind) ? KINDS[trigger.kind]! : trigger.kind;
}

/** What a trigger is about: the operation, the log template, the alert. */
export function triggerSubject(trigger: Trigger): string {
  return trigger.operation || trigger.template || trigger.alert_name || "";
}
