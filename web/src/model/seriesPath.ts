/** The outline of a series of values in a box, as SVG path data. */

/** Return the line through the values; '' when there is none. Not-a-number leaves a gap. */
export function linePath(values: readonly number[], top: number, width: number, height: number): string {
  if (values.length === 0) return "";
  const step = values.length === 1 ? 0 : width / (values.length - 1);
  const scale = top > 0 ? height / top : 0;
  let pen = "M";
  let data = "";
  values.forEach((value, index) => {
    if (!Number.isFinite(value)) {
      pen = "M";
      return;
    }
    data += `${pen}${round(index * step)} ${round(height - Math.min(value, top) * scale)}`;
    pen = "L";
  });
  return data;
}

/** Return the area under the line. */
export function areaPath(values: readonly number[], top: number, width: number, height: number): string {
  const clean = values.map((value) => (Number.isFinite(value) ? value : 0));
  const line = linePath(clean, top, width, height);
  return line === "" ? "" : `${line}L${width} ${height}L0 ${height}Z`;
}

/** The next round number at or above: 1, 2 or 5 times a power of ten. */
export function roundTop(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 5, 10].find((step) => step * power >= value * (1 - 1e-9)) ?? 10;
  return Number((factor * power).toPrecision(3));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
