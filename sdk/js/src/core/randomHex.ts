/** Return `bytes` random bytes as lower-case hex, never all zero: 16 make a trace id, 8 a span id. */
export function randomHex(bytes: 8 | 16): string {
  const drawn = crypto.getRandomValues(new Uint8Array(bytes));
  drawn[0] ||= 1;
  return Array.from(drawn, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
