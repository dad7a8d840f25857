/** One small chart of a rate: figure, line, its window and its highest value. Numbers do not animate. */

import type { PointerEvent } from "react";
import { areaPath, linePath, roundTop } from "../model/seriesPath";

const WIDTH = 300;
const HEIGHT = 56;

interface RateChartProps {
  name: string;
  /** What the figure says: the value under the cross-hair, or the newest. */
  figure: string;
  values: readonly number[];
  /** What the top line stands for, in words. */
  topLabel: (top: number) => string;
  /** Place of the cross-hair among the values; shared by all charts of the page. */
  cross: number | undefined;
  onCross: (index: number | undefined) => void;
  /** Where an open incident began, 0 to 1; drawn as a dashed line. */
  onset: number | undefined;
  hot: boolean;
  summary: string;
}

export function RateChart(props: RateChartProps) {
  const { values, cross } = props;
  const highest = values.reduce((most, value) => (value > most ? value : most), 0);
  const top = roundTop(highest);
  const onMove = (event: PointerEvent<SVGSVGElement>): void => {
    const box = event.currentTarget.getBoundingClientRect();
    const share = (event.clientX - box.left) / Math.max(1, box.width);
    props.onCross(Math.min(values.length - 1, Math.max(0, Math.round(share * (values.length - 1)))));
  };
  const x = cross === undefined || values.length < 2 ? undefined : (cross / (values.length - 1)) * WIDTH;
  return (
    <div className={`rate ${props.hot ? "hot" : ""}`}>
      <div className="k">{props.name}</div>
      <div className="v">{props.figure}</div>
      <div className="plot">
        <svg
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={props.summary}
          onPointerMove={onMove}
          onPointerLeave={() => props.onCross(undefined)}
        >
          <path className="grid" d={`M0 .5H${WIDTH}M0 ${HEIGHT - 0.5}H${WIDTH}`} />
          <path className="fill" d={areaPath(values, top, WIDTH, HEIGHT - 1)} />
          <path className="edge" d={linePath(values, top, WIDTH, HEIGHT - 1)} />
          {props.onset !== undefined && <path className="onset" d={`M${props.onset * WIDTH} 0V${HEIGHT}`} />}
          {x !== undefined && <path className="cross" d={`M${x} 0V${HEIGHT}`} />}
        </svg>
        <span className="top-label">{props.topLabel(top)}</span>
      </div>
    </div>
  );
}
