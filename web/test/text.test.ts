import { expect, test } from "vitest";
import { shortened, visible, visibleLines } from "../src/model/text";

test("markup is left as it is: it is shown as text", () => {
  expect(visible("<img src=x onerror=alert(1)>")).toBe("<img src=x onerror=alert(1)>");
});

test("what reorders or hides text is written out", () => {
  expect(visible("a\u202eb\u200bc\ufeffd\u2066e")).toBe("a[U+202E]b[U+200B]c[U+FEFF]d[U+2066]e");
  expect(visible("\u{e0041}")).toBe("[U+E0041]");
  expect(visible("\ud800x")).toBe("[U+D800]x");
});

test("controls become their pictures, newlines too unless lines are wanted", () => {
  expect(visible("a\u0000\u001b[31m\n\u007f")).toBe("a␀␛[31m␊␡");
  expect(visibleLines("a\r\nb\tc\u0000")).toBe("a\nb\tc␀");
});

test("letters of every script stay", () => {
  const text = "שלום مرحبا 你好 👩‍🚀".replaceAll("\u200d", "");
  expect(visible(text)).toBe(text);
});

test("a text too long is cut and the rest counted", () => {
  expect(shortened("A".repeat(1_000_000), 10)).toEqual({ shown: "AAAAAAAAAA", leftOut: 999_990 });
  expect(shortened("abc", 3)).toEqual({ shown: "abc", leftOut: 0 });
});
