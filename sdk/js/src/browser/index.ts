/**
 * DebugQueue in a page: what a visitor waits for and what fails, in one trace with the servers.
 *
 * Nothing here throws into the page or waits. Text is freed of secrets, addresses of their queries;
 * nothing is stored, and no visitor told from another, without consent.
 */
// In this order the modules pack best.
import { onFCP } from "./onFCP.js";
import { onLCP } from "./onLCP.js";
import { onINP } from "./onINP.js";
import { event, now, type Fields } from "./record.js";
import { onCLS } from "./onCLS.js";
import { warmUp } from "./scrub.js";
import { close, guard, identify, life, listen, open, settings, type Settings } from "./settings.js";
import { hurry, later } from "./observe.js";
import { Severity } from "./limits.js";
import { hide, onHidden, watch } from "./visibility.js";
import { onInteraction } from "./onInteraction.js";
import { onTTFB } from "./onTTFB.js";
import { activities, placeAt, write } from "./activity.js";
import { onRoute } from "./onRoute.js";
import { renew } from "./vital.js";
import { onLongFrame } from "./onLongFrame.js";
import { onNavigation, onRestore } from "./onNavigation.js";
import { onRequest, writeRequests } from "./onRequest.js";
import { flush, keepAndSend, reset } from "./send.js";
import { onResource } from "./onResource.js";
import { exception, onError } from "./onError.js";

export type { Fields, Settings };
/** How grave an event is. */
export type Level = keyof typeof LEVELS;

/** What has begun is written before the page goes away: children before what they are a part of. */
const leaveAll = (): void => {
  writeRequests();
  for (const activity of [...activities].reverse()) {
    if (activity._open) {
      activity._end = now();
      activity._fields["browser.unfinished"] = true;
    }
    write(activity);
  }
  flush(true);
};

/** Begin to measure; a second call changes nothing. */
export const start = guard((given: Settings): void => {
  if (life) return;
  reset();
  if (!open(given)) return;
  watch();
  renew();
  onHidden(hurry);
  onNavigation();
  onRequest();
  onError();
  // What nothing can ask for yet is set up piece by piece: no task of the page is to be late for it.
  warmUp();
  for (const signal of [onRestore, onRoute, onInteraction, onResource, onLongFrame, onTTFB, onFCP, onLCP, onCLS, onINP]) later(signal);
  later(() => onHidden(leaveAll));
  listen(window, "online", flush);
});

/** Send what there is, and put everything back as it was. */
export const stop = guard((): void => {
  if (!life) return;
  hide(new Event(""));
  close();
});

/** The visitor's word: true, tell visits apart; false, forget what was not sent, measure no more, store nothing. */
export const consent = guard((given: boolean): void => {
  if (life && given) return identify(true);
  close();
  start({ ...settings, consent: !!given });
});

/** OpenTelemetry's severities by level. */
const LEVELS = { debug: 5, info: 9, warning: 13, error: 17, fatal: 21 };

const log = guard((tag: string, details: unknown = {}, level: Level = "info"): void => {
  const severity = LEVELS[level] || Severity.Info;
  if (details instanceof Error) return exception(details, {}, severity, tag);
  const fields = (details instanceof Object ? details : {}) as Fields;
  event(`${tag}`, fields, placeAt(), severity, String(fields == details ? tag : details));
  if (severity > Severity.Warning) keepAndSend();
});

/** Tell an exception that was handled; its type is the tag where none is given. */
const tellException = guard((error: unknown, details?: Fields, tag?: string): void =>
  exception(error, details, Severity.Error, tag),
);

type Tell = (tag: string, details?: unknown) => void;

/** Tagged events: `DebugQueue.log("SESSION_DROP", { details: "timeout" })`. Details may be an Error. */
export const DebugQueue = { log, exception: tellException } as Record<Level, Tell> & {
  log: (tag: string, details?: unknown, level?: Level) => void;
  exception: typeof tellException;
};
for (const level in LEVELS) DebugQueue[level as Level] = (tag, details) => log(tag, details, level as Level);

/** `<script type="module" src="…" data-debugqueue="ENDPOINT" data-key="…">` starts by itself, with settings by name. */
const element = document.querySelector<HTMLElement>("script[data-debugqueue]");
if (element) {
  const { debugqueue, origins, sample, consent: given, ...texts } = element.dataset;
  start({
    ...texts,
    endpoint: debugqueue!,
    origins: origins?.split(" "),
    sample: sample && +sample,
    consent: given && given == "true",
  } as Settings);
}
