/** Whoever has something to say before the page goes away. */
let leaving: (() => void)[] = [];
/** Whoever begins anew when it comes back from the browser's memory. */
let returning: (() => void)[] = [];
let hiddenAt = Infinity;

/** Run before each time the page may not come back. */
export const onHidden = (run: () => void): void => void leaving.push(run);

/** Run when the page is restored as it was. */
export const onRestored = (run: () => void): void => void returning.push(run);

/** Return until when the page has been in front all the time, in ms of `performance.now()`. */
export const seenUntil = (): number => hiddenAt;

export const visibility = {
  _reset(): void {
    leaving = [];
    returning = [];
    hiddenAt = document.visibilityState == "hidden" ? 0 : Infinity;
  },
  _hide(time: number): void {
    hiddenAt = Math.min(hiddenAt, time);
    for (const run of leaving) run();
  },
  _restore(): void {
    for (const run of returning) run();
  },
};
