import { expect, test } from "vitest";
import type { Ns, UnixNs } from "../src/api/types";
import { instantAfter, lengthBetween, shareBetween, toUnixMs } from "../src/model/instants";

const A = "1795254668114000001" as UnixNs;
const B = "1795254668114000003" as UnixNs;

test("two nanoseconds between instants of today are not lost, as they would be in a Number", () => {
  expect(lengthBetween(A, B)).toBe(2);
  expect(lengthBetween(B, A)).toBe(-2);
  expect(Number(B) - Number(A)).not.toBe(2);
});

test("an instant moves by a length and back", () => {
  expect(instantAfter(A, 2 as Ns)).toBe(B);
  expect(instantAfter(B, -2 as Ns)).toBe(A);
});

test("milliseconds are rounded down, also before 1970 and at 0", () => {
  expect(["0", "999999", "1000000", "-1", "-1000000"].map((text) => toUnixMs(text as UnixNs))).toEqual([0, 0, 1, -1, -1]);
});

test("a share of an axis of no length is 0, not a division by it", () => {
  expect(shareBetween(B, A, A)).toBe(0);
  expect(shareBetween("15" as UnixNs, "10" as UnixNs, "20" as UnixNs)).toBe(0.5);
});
