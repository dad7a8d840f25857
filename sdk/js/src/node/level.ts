import type { Level } from "../core/types.js";

/** Words of other loggers, and our own. */
const WORDS: Readonly<Record<string, Level>> = {
  trace: "debug",
  silly: "debug",
  verbose: "debug",
  debug: "debug",
  info: "info",
  warn: "warning",
  warning: "warning",
  error: "error",
  crit: "fatal",
  critical: "fatal",
  alert: "fatal",
  emerg: "fatal",
  fatal: "fatal",
};

/** Return the level that a word in any case, or a number of pino's, stands for; info for anything else. */
export function levelOf(value: unknown): Level {
  if (typeof value === "number") return value >= 60 ? "fatal" : value >= 50 ? "error" : value >= 40 ? "warning" : value >= 30 ? "info" : "debug";
  if (typeof value !== "string" || value.length > 16) return "info";
  const word = value.toLowerCase();
  return Object.hasOwn(WORDS, word) ? (WORDS[word] as Level) : "info";
}
