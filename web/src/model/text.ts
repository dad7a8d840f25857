/** Telemetry is text that strangers wrote: what could hide or reorder it is made visible. */

/**
 * C0 and C1 controls, zero-width and bidirectional marks, line and paragraph separators, tags,
 * byte-order mark, lone surrogates: everything that changes what a reader sees without being seen.
 */
const UNSEEN =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/gu;

/** Past this many characters the rest is counted, not drawn. */
export const SHOWN_CHARACTERS = 4000;

/** Return the text with every unseen character written out; newlines and tabs too. */
export function visible(text: string): string {
  return text.replace(UNSEEN, writtenOut);
}

/** Return the text as `visible`, but with newlines and tabs kept, for blocks that hold lines. */
export function visibleLines(text: string): string {
  return text.replace(/\r\n/g, "\n").replace(UNSEEN, (unseen) =>
    unseen === "\n" || unseen === "\t" ? unseen : writtenOut(unseen),
  );
}

/** Return the text cut to `limit` characters, with how many were left out. */
export function shortened(text: string, limit: number = SHOWN_CHARACTERS): { shown: string; leftOut: number } {
  if (text.length <= limit) return { shown: text, leftOut: 0 };
  return { shown: text.slice(0, limit), leftOut: text.length - limit };
}

function writtenOut(unseen: string): string {
  const code = unseen.codePointAt(0) ?? 0;
  // The pictures of the C0 controls stand in the same order at U+2400.
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return "\u2421";
  return `[U+${code.toString(16).toUpperCase().padStart(4, "0")}]`;
}
