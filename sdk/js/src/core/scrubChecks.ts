import type { Checks } from "./scrub.js";

/** Whether the digits of a text make a card number by ISO/IEC 7812's check digit. */
export function luhn(value: string): boolean {
  let digits = 0;
  let sum = 0;
  for (let at = value.length - 1; at >= 0; at--) {
    const digit = value.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) continue;
    const doubled = digit * (1 + (digits & 1));
    sum += doubled > 9 ? doubled - 9 : doubled;
    digits++;
  }
  return digits >= 13 && digits <= 19 && sum % 10 === 0;
}

/** Whether a text is base64 of something with a colon in it, as in HTTP's basic authentication. */
export function base64WithColon(value: string): boolean {
  try {
    return atob(value + "=".repeat((4 - (value.length % 4)) % 4)).includes(":");
  } catch {
    return false;
  }
}

export const CHECKS: Checks = { luhn, base64_with_colon: base64WithColon };
