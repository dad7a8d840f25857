/** A half of a surrogate pair on its own has no UTF-8: servers refuse the whole request for one. */
const SURROGATES = /[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]/g;

/** Return `text` with every lone surrogate replaced by U+FFFD. */
export function wellFormed(text: string): string {
  // Without a surrogate nothing is allocated.
  return /[\ud800-\udfff]/.test(text) ? text.replace(SURROGATES, (found) => (found.length === 2 ? found : "\ufffd")) : text;
}

/** Return at most `length` UTF-16 units of `text`, with an ellipsis where it was cut. */
export function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  return length < 1 ? "" : text.slice(0, length - 1) + "…";
}
