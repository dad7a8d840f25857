import type { Scrub } from "./types.js";

/** The rules as `rules.json` has them; the file itself says how they are read. */
export interface Rules {
  readonly names: { readonly kind: string; readonly secret: string; readonly harmless: string };
  readonly values: readonly ValueRule[];
}

interface ValueRule {
  readonly kind: string;
  readonly pattern: string;
  readonly hints: readonly string[];
  readonly ignore_case?: boolean;
  readonly asked?: string;
  readonly unless?: string;
  readonly check?: string;
}

/** Tells whether what a pattern found is what it looks like. */
export type Checks = Readonly<Record<string, (value: string) => boolean>>;

/** Names that were looked at, so that each is matched once; it is emptied when full. */
const REMEMBERED_NAMES = 1024;

/** Units of a name that are looked at, as on the server. */
const NAME_LENGTH = 256;

/**
 * Return the function that replaces secrets by `[redacted:KIND]`, in time linear in the text.
 *
 * @param asked kinds of personal data to replace too: `email`, `ip`.
 * @param checks by the names that the rules use; a rule whose check is missing is left out.
 */
export function createScrub(rules: Rules, checks: Checks, asked: readonly string[] = []): Scrub {
  const secretName = secretNames(rules);
  const values = rules.values
    .filter((rule) => (!rule.asked || asked.includes(rule.asked)) && (!rule.check || rule.check in checks))
    .map((rule) => compile(rule, checks));
  // Most texts hold no hint of any rule: one look instead of dozens.
  const hints = values.flatMap((value) => value.hints);
  const anyHint = new RegExp(hints.map((hint) => hint.replace(/[^\w-]/g, "\\$&")).join("|") || "(?!)", "i");
  const always = values.filter((value) => value.hints.length === 0);
  return (key, text) => {
    if (text === "") return text;
    if (key !== "" && secretName(key)) return `[redacted:${rules.names.kind}]`;
    if (!anyHint.test(text)) return replaceAll(always, text, "");
    return replaceAll(values, text, text.toLowerCase());
  };
}

/** A rule that is ready to be used. */
interface Compiled {
  readonly hints: readonly string[];
  replace(text: string): string;
}

function replaceAll(rules: readonly Compiled[], text: string, lower: string): string {
  let left = text;
  for (const { hints, replace } of rules) {
    if (hints.length === 0 || hints.some((hint) => lower.includes(hint))) left = replace(left);
  }
  return left;
}

function compile(rule: ValueRule, checks: Checks): Compiled {
  const flags = rule.ignore_case ? "i" : "";
  const pattern = new RegExp(rule.pattern, `g${flags}`);
  const unless = rule.unless ? new RegExp(rule.unless, flags) : undefined;
  const check = rule.check ? checks[rule.check] : undefined;
  const replaced = (found: string, kept: string, value: string): string =>
    value.startsWith("[redacted:") || unless?.test(value) || (check && !check(value)) ? found : `${kept}[redacted:${rule.kind}]`;
  return { hints: rule.hints, replace: (text) => text.replace(pattern, replaced) };
}

/** Return the test of a field's name, with a memory: programs use few names, and each many times. */
function secretNames(rules: Rules): (name: string) => boolean {
  const secret = new RegExp(rules.names.secret);
  const harmless = new RegExp(rules.names.harmless);
  const known = new Map<string, boolean>();
  return (name) => {
    let is = known.get(name);
    if (is === undefined) {
      const plain = name
        .slice(0, NAME_LENGTH)
        .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
        .replace(/[^A-Za-z0-9]+/g, "_")
        .toLowerCase();
      is = secret.test(plain) && !harmless.test(plain);
      if (known.size >= REMEMBERED_NAMES) known.clear();
      known.set(name, is);
    }
    return is;
  };
}
