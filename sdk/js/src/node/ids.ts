import { randomFillSync } from "node:crypto";

// Drawing random bytes costs microseconds whatever their number: a page of them serves many ids.
const page = Buffer.alloc(4096);
let at = page.length;

/** Return `bytes` random bytes as lower-case hex, never all zero: 16 make a trace id, 8 a span id. */
export function randomHex(bytes: 8 | 16): string {
  if (at + bytes > page.length) {
    randomFillSync(page);
    at = 0;
  }
  page[at] ||= 1;
  const drawn = page.toString("hex", at, at + bytes);
  at += bytes;
  return drawn;
}
