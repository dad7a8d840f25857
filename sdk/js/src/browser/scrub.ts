import { later } from "./observe.js";
import { HARMLESS, RULES, SECRET } from "./rules.js";
import { Limit } from "./limits.js";

/** What a pattern alone cannot tell, by the numbers of rules.ts; how many digits a card has, it can. */
const CHECKS = [
  ,
  (value: string): boolean => {
    let sum = 0;
    let even = 0;
    for (const digit of value.replace(/\D/g, "").split("").reverse()) {
      const doubled = +digit << even;
      sum += doubled > 9 ? doubled - 9 : doubled;
      even ^= 1;
    }
    return sum % 10 < 1;
  },
  (value: string): boolean => {
    try {
      return atob(value).includes(":");
    } catch {
      return false;
    }
  },
];
/** What a text holds wherever a rule applies: short words are looked at for this alone. */
const HINT =
  /[\w-]{13}|[@=:]|eyJ|slack|whsec|bearer|basic|-----|\d[ -]\d/i;
/** Most names are these, and none is a secret's. */
const OWN = /^(browser|url)\./;
/** Queries and fragments of addresses are the visitor's, but for the routes of pages that keep them after `#/`. */
const QUERY = /(https?:\/\/[^\s"'()?#]{0,2000})(?:\?|#(?!\/))[^\s"'():]*|(data:)[^\s"'()]*/g;

/**
 * Return text of at most 8,192 characters without secrets and e-mail addresses, by the rules of the
 * server, and without the queries of addresses.
 *
 * @param name of the field whose value it is; a secret's name hides all of it
 */
export const scrub = (text: string, name = ""): string => {
  if (!OWN.test(name)) {
    const plain = name
      .slice(0, 256)
      .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
      .replace(/[^A-Za-z0-9]+/g, "_")
      .toLowerCase();
    if (SECRET.test(plain) && !HARMLESS.test(plain)) return "[redacted:secret]";
  }
  text = text.slice(0, Limit.Text).replace(QUERY, "$1$2");
  if (HINT.test(text))
    for (const [kind, pattern, unless, check] of RULES)
      text = text.replace(pattern, (all: string, before: string, value: string) =>
        value.startsWith("[redacted:") || (unless && unless.test(value)) || (check && !CHECKS[check]!(value))
          ? all
          : `${before}[redacted:${kind}]`,
      );
  return text;
};

/** Have the rules compiled one by one, so that the first text that needs them does not pay for all. */
export const warmUp = (): void =>
  [[0, SECRET], [0, HARMLESS], ...RULES].forEach(([, pattern]) => later(() => "".replace(pattern as RegExp, "").replace(pattern as RegExp, "")));
