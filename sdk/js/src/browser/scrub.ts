import rules from "../core/rules.json";
import { createScrub, type Rules } from "../core/scrub.js";
import { CHECKS } from "../core/scrubChecks.js";
import type { Scrub } from "../core/types.js";

const LONGEST = 8192;

const replaceSecrets = createScrub(rules as Rules, CHECKS, ["email"]);

/** Return text of at most 8,192 characters without secrets and e-mail addresses, by the rules of the server. */
export const scrub: Scrub = (key, text) => replaceSecrets(key, text.slice(0, LONGEST));

/** Return an address without its query, fragment and credentials; those are the visitor's. */
export const address = (url: string | URL): string => {
  try {
    const { origin, pathname, protocol } = new URL(url, document.baseURI);
    return protocol[0] == "h" ? scrub("", origin + pathname) : protocol;
  } catch {
    return "";
  }
};
