import { describe, expect, test } from "vitest";
import type { Ns, UnixNs } from "../src/api/types";
import * as units from "../src/model/units";

const plain = (text: string): string => text.replaceAll("\u00a0", " ");

describe("durations have three significant digits at most and the fitting unit", () => {
  test.each([
    [0, "0 ms"],
    [1, "1 ns"],
    [999, "999 ns"],
    [1_000, "1 µs"],
    [74_200, "74.2 µs"],
    [999_600, "1 ms"],
    [1_000_000, "1 ms"],
    [9_500_000, "9.5 ms"],
    [74_000_000, "74 ms"],
    [740_000_000, "740 ms"],
    [999_700_000, "1 s"],
    [2_840_000_000, "2.84 s"],
    [59_940_000_000, "59.9 s"],
    [59_960_000_000, "1 min"],
    [72_000_000_000, "1 min 12 s"],
    [3_600_000_000_000, "1 h"],
    [11_100_000_000_000, "3 h 5 min"],
    [90_000_000_000_000, "1 d 1 h"],
    [-2_500_000, "−2.5 ms"],
  ])("%i ns is %s", (length, expected) => {
    expect(plain(units.duration(length as Ns))).toBe(expected);
  });
});

describe("counts, rates and shares never round to a false nothing or a false whole", () => {
  test.each([
    [units.count(1204), "1,204"],
    [units.count(1_240_000), "1.2 M"],
    [units.rate(10.84), "10.8/s"],
    [units.rate(0), "0/s"],
    [units.rate(0.002), "<0.01/s"],
    [units.plainNumber(0.00085), "<0.01"],
    [units.share(0.31), "31%"],
    [units.share(0.004), "<1%"],
    [units.share(0.999), ">99%"],
    [units.share(1), "100%"],
    [units.tableShare(0.311), "31.1%"],
    [units.tableShare(0.0001), "<0.1%"],
    [units.bytes(96_000), "96 kB"],
    [units.counted(1, "span"), "1 span"],
    [units.counted(0, "span"), "0 spans"],
  ])("%s", (made, expected) => {
    expect(plain(made)).toBe(expected);
  });
});

test("probability words are the fixed ones, at their edges", () => {
  const words = [0.9, 0.89, 0.7, 0.69, 0.4, 0.39, 0.1, 0.09].map(units.likelihood);
  expect(words).toEqual(["very likely", "likely", "likely", "possible", "possible", "unlikely", "unlikely", "very unlikely"]);
});

test("instants are written in UTC, whatever the zone of the reader", () => {
  const instant = "1795254668114999999" as UnixNs;
  expect(units.fineClock(instant)).toBe("09:51:08.114");
  expect(units.day(instant)).toBe("21 Nov 2026");
  expect(units.moment(instant, "1795254800000000000" as UnixNs)).toBe("09:51:08");
  expect(units.moment(instant, "1795340900000000000" as UnixNs)).toBe("21 Nov 09:51");
  expect(units.moment(instant, "1798761600000000000" as UnixNs)).toBe("21 Nov 2026 09:51");
});

test("an axis has round steps in one unit", () => {
  const labels = units.axisTicks(0 as Ns, 4_120_000_000 as Ns, 5).map((tick) => plain(tick.label));
  expect(labels).toEqual(["0", "1 s", "2 s", "3 s", "4 s"]);
  const close = units.axisTicks(1_000_000 as Ns, 1_500_000 as Ns, 5).map((tick) => plain(tick.label));
  expect(close).toEqual(["1.0 ms", "1.1 ms", "1.2 ms", "1.3 ms", "1.4 ms"]);
});

test("an axis of no length still has a label", () => {
  expect(units.axisTicks(0 as Ns, 0 as Ns, 5)).toHaveLength(1);
});
