import file from "../core/rules.json";

/** A kind of secret: group 1 of the pattern is kept, group 2 replaced unless it matches `unless` or fails the check. */
export type Rule = [kind: string, pattern: RegExp, unless?: RegExp | 0, check?: number];

/** The names of what else is checked; the numbers are those of the checks in scrub.ts, from 1. */
const NAMES = ["luhn", "base64_with_colon"];

/**
 * The shared rules as far as a page needs them: no addresses, which it does not know, and nothing that
 * is there for speed alone. The build writes this module anew with literals, which are shorter.
 */
export const RULES: Rule[] = file.values
  .filter(({ asked }) => asked != "ip")
  .map(({ kind, pattern, ignore_case, unless, check }) => {
    const flags = ignore_case ? "i" : "";
    return [kind, RegExp(pattern, flags + "g"), unless ? RegExp(unless, flags) : 0, check && NAMES.indexOf(check) + 1];
  }) as Rule[];
export const SECRET = RegExp(file.names.secret);
export const HARMLESS = RegExp(file.names.harmless);
