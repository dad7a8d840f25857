import { listen } from "./settings.js";

/** Whoever has something to say before the page goes away. */
let leaving: (() => void)[];
/** Whoever begins anew when it comes back from the browser's memory. */
let returning: ((time: number) => void)[];

/** Until when the page has been in front all the time, in ms of `performance.now()`. */
export let seenUntil: number;
/** Since when it is no longer, or infinity. */
export let hiddenSince: number;

/** Run each time the page may not come back, in the order of these calls. */
export const onHidden = (run: () => void): void => void leaving.push(run);

/** Run when the page is restored as it was, at an instant in ms of `performance.now()`. */
export const onRestored = (run: (time: number) => void): void => void returning.push(run);

/** The page goes away, or may. */
export const hide = ({ timeStamp }: Event): void => {
  hiddenSince = Math.min(hiddenSince, timeStamp);
  seenUntil = Math.min(seenUntil, timeStamp);
  for (const run of leaving) run();
};

/** Watch the page come and go. Nothing here hears of `unload`, which would keep it from being restored. */
export const watch = (): void => {
  leaving = [];
  returning = [];
  hiddenSince = seenUntil = document.hidden ? 0 : Infinity;
  listen(document, "visibilitychange", (event) => {
    if (document.hidden) hide(event);
    else hiddenSince = Infinity;
  });
  listen(window, "pagehide", hide);
  listen<PageTransitionEvent>(window, "pageshow", ({ persisted, timeStamp }) => {
    if (!persisted) return;
    hiddenSince = Infinity;
    for (const run of returning) run(timeStamp);
  });
};
