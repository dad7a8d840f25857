/**
 * DebugQueue in a page: what a visitor waits for and what fails, in one trace with the servers.
 *
 * Nothing here throws into the page or waits. Text is freed of secrets, addresses of their queries;
 * nothing is stored, and no visitor told from another, without consent.
 */
import { activities, placeAt, write, enter, leave } from "./activity.js";
import { forget, hurry } from "./observe.js";
import { onCLS } from "./onCLS.js";
import { exception, onError } from "./onError.js";
import { onFCP } from "./onFCP.js";
import { onINP } from "./onINP.js";
import { onInteraction } from "./onInteraction.js";
import { onLCP } from "./onLCP.js";
import { onLongFrame } from "./onLongFrame.js";
import { onNavigation, restore } from "./onNavigation.js";
import { onRequest, writeRequests } from "./onRequest.js";
import { onResource } from "./onResource.js";
import { onRoute } from "./onRoute.js";
import { onTTFB } from "./onTTFB.js";
import { event, LEVELS, now, type Fields } from "./record.js";
import { flush, keepAndSend, reset } from "./send.js";
import { close, guard, life, listen, open, settings, type Settings } from "./settings.js";
import { visibility } from "./visibility.js";
import { renew, vital } from "./vital.js";

export type { Fields, Settings };
/** How grave an event is. */
export type Level = keyof typeof LEVELS;

const hide = (time: number): void => {
  hurry();
  writeRequests();
  visibility._hide(time);
  for (const activity of [...activities].reverse()) {
    activity._end = Math.max(activity._end, activity._open ? now() : 0);
    write(activity);
  }
  flush();
};

const comeBack = ({ persisted, timeStamp }: PageTransitionEvent): void => {
  if (!persisted) return;
  renew();
  visibility._restore();
  const view = restore(timeStamp);
  enter(view);
  requestAnimationFrame(() =>
    requestAnimationFrame(
      guard((painted: number) => {
        vital("ttfb", 0, {});
        vital("fcp", painted - timeStamp, {});
        vital("lcp", painted - timeStamp, {});
        leave(view, painted);
      }),
    ),
  );
};

/** Begin to measure. A second call changes nothing; before `consent(true)`, where that is asked for, neither does this. */
export const start = guard((given: Settings): void => {
  if (life) return;
  open({ ...given, endpoint: given.endpoint.replace(/\/$/, "") });
  reset();
  if (given.consent === false) return close();
  visibility._reset();
  renew();
  onNavigation();
  onRequest();
  onRoute();
  onError();
  onInteraction();
  onResource();
  onLongFrame();
  onTTFB();
  onFCP();
  onLCP();
  onCLS();
  onINP();
  listen(document, "visibilitychange", ({ timeStamp }) => {
    if (document.visibilityState == "hidden") hide(timeStamp);
  });
  listen(window, "pagehide", ({ timeStamp }) => hide(timeStamp));
  listen(window, "pageshow", comeBack);
  listen(window, "online", flush);
});

/** Send what there is, and put everything back as it was. */
export const stop = guard((): void => {
  if (!life) return;
  hide(now());
  forget();
  close();
});

/** The visitor's word: true, measure and tell visits apart; false, forget what was not sent, measure no more, store nothing. */
export const consent = guard((given: boolean): void => {
  const again = { ...settings, consent: given };
  if (given && life) return open(again);
  reset();
  forget();
  close();
  start(again);
});

const log = guard((tag: string, details: unknown = {}, level: Level = "info"): void => {
  const fields = (details instanceof Object ? details : { details }) as Fields;
  if (!life) return;
  if (details instanceof Error) return exception(details, { tag }, LEVELS[level]);
  event(String(tag), fields, placeAt(now()), LEVELS[level], String(fields.message ?? tag));
  if (LEVELS[level] > LEVELS.warning) keepAndSend();
});

const at =
  (level: Level) =>
  (tag: string, details?: unknown): void =>
    log(tag, details, level);

/** Tagged events: `DebugQueue.log("SESSION_DROP", { details: "timeout" })`. */
export const DebugQueue = {
  log,
  debug: at("debug"),
  info: at("info"),
  warn: at("warning"),
  error: at("error"),
  fatal: at("fatal"),
  /** Tell an exception that was handled. */
  exception: guard((thrown: unknown, fields?: Fields): void => exception(thrown, fields)),
  start,
  stop,
  consent,
};

/** `<script type="module" src="…" data-debugqueue="ENDPOINT" data-key="…">` starts by itself, with settings by name. */
const element = document.querySelector<HTMLElement>("script[data-debugqueue]");
if (element) {
  const { debugqueue, origins, sample, consent: given, ...texts } = element.dataset;
  start({
    ...texts,
    endpoint: debugqueue!,
    origins: origins?.split(" ") ?? [],
    sample: +(sample ?? 1),
    ...(given && { consent: given == "true" }),
  });
}
