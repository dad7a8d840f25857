import { now, place, span, type Draft, type Fields, type Place } from "./record.js";

/**
 * Something the visitor waits for: a page that loads, a route that changes, an interaction. Requests
 * that start while it goes on are its children, and it goes on until they are through:
 *
 *   click    |---------------------------------|
 *     POST      |----------|
 *     GET                    |-----------------|
 *                              quiet for 500 ms: the click is written
 */
export interface Activity extends Draft {
  /** How many children are under way. */
  _open: number;
  /** Whether it had any child at all. */
  _used?: boolean;
  /** What it is itself a part of. */
  _above?: Activity | undefined;
  /** Called just before it is written; false leaves it out. */
  _finish?: (() => boolean | void) | undefined;
  _timer?: ReturnType<typeof setTimeout> | undefined;
}

const QUIET_MS = 250;
/** An activity that goes on for longer takes no more children, so that a page that polls ends it. */
const LONGEST_MS = 30_000;

/** What is under way, by start. */
export const activities = new Set<Activity>();
/** The page or route that is seen: the trace of whatever happens outside any activity. */
export let view: Place;
/** The latest activity. */
export let latest: Activity | undefined;

/** Begin an activity: a part of `above`, or of a trace of its own. */
export function begin(
  name: string,
  start: number,
  fields: Fields,
  above?: Activity,
  at: Place = place(above?._trace),
): Activity {
  const made: Activity = {
    ...at,
    _name: name,
    _start: start,
    _end: start,
    _fields: fields,
    _parent: above?._span,
    _above: above,
    _open: 0,
  };
  if (above) enter(above);
  activities.add(made);
  latest = made;
  settle(made);
  return made;
}

/** Make an activity the view that is seen. */
export const show = (activity: Activity): void => {
  view = activity;
};

/** Return the activity that a request starting now belongs to. */
export const current = (): Activity | undefined =>
  latest && activities.has(latest) && now() - latest._start < LONGEST_MS ? latest : undefined;

/** Return the place of what happened at an instant. */
export const placeAt = (time: number): Place => {
  let found = view;
  for (const each of activities) if (each._start <= time) found = each;
  return found;
};

/** A child begins. */
export const enter = (activity: Activity): void => {
  activity._open++;
  activity._used = true;
  clearTimeout(activity._timer);
};

/** A child ended. */
export const leave = (activity: Activity, end: number): void => {
  activity._open--;
  activity._end = Math.max(activity._end, end);
  settle(activity);
};

/** Write the activity when nothing follows: two timers, so that one that is late waits for what is late with it. */
const settle = (activity: Activity): void => {
  clearTimeout(activity._timer);
  if (activity._open > 0) return;
  activity._timer = setTimeout(() => {
    activity._timer = setTimeout(write, QUIET_MS, activity);
  }, QUIET_MS);
};

/** Write an activity as it stands. */
export function write(activity: Activity): void {
  clearTimeout(activity._timer);
  if (!activities.delete(activity)) return;
  if (activity._finish?.() !== false) span(activity);
  if (activity._above) leave(activity._above, activity._end);
}
