import { child, now, span, type Draft, type Fields, type Place } from "./record.js";
import { guard } from "./settings.js";
import { Limit } from "./limits.js";

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
  _timer?: ReturnType<typeof setTimeout>;
}


/** What is under way, by start. */
export const activities = new Set<Activity>();
/** The page as it was loaded or restored. */
export let page: Place;
/** The page or route that is seen: the trace of whatever happens outside any activity. */
export let view: Activity;
/** The latest activity. */
let latest: Activity | undefined;

/** Begin an activity: a part of `above`, or of a trace of its own. */
export function begin(name: string, start: number, fields: Fields, above?: Activity, at = child(above)): Activity {
  const made: Activity = { ...at, _name: name, _start: start, _end: start, _fields: fields, _above: above, _open: 0 };
  if (above) enter(above);
  activities.add(made);
  latest = made;
  settle(made);
  return made;
}

/** Make an activity the view that is seen, and one with a child of its own: what draws it. */
export const show = (activity: Activity, isPage?: boolean): Activity => {
  view = activity;
  if (isPage) page = activity;
  enter(activity);
  return activity;
};

/** Return the activity that a request starting now belongs to. */
export const current = (): Activity | undefined =>
  activities.has(latest!) && now() - latest!._start < Limit.Activity ? latest : undefined;

/** Return the place of what happened at an instant. */
export const placeAt = (time = now()): Place => {
  let found: Place = time < view._start ? page : view;
  for (const each of activities) if (each._start <= time) found = each;
  return found;
};

/** A child begins. */
export const enter = (activity: Activity): void => {
  activity._open++;
  activity._used = true;
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
  activity._timer = setTimeout(() => {
    activity._timer = setTimeout(() => activity._open || write(activity), Limit.Quiet);
  }, Limit.Quiet);
};

/** Write an activity as it stands. */
export const write = guard((activity: Activity): void => {
  if (!activities.delete(activity)) return;
  if (activity._finish?.() !== false) span(activity);
  if (activity._above) leave(activity._above, activity._end);
});
