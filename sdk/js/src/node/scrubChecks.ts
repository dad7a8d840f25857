import { isIP } from "node:net";
import type { Checks } from "../core/scrub.js";
import { CHECKS as SHARED } from "../core/scrubChecks.js";

/** Whether a text is the address of another machine. */
function outsideAddress(value: string): boolean {
  const version = isIP(value);
  if (version === 4) return !value.startsWith("127.") && value !== "0.0.0.0";
  return version === 6 && !/^[0:]{1,38}[01]?$/.test(value);
}

export const CHECKS: Checks = { ...SHARED, outside_address: outsideAddress };
