import { placeAt } from "./activity.js";
import { whereabouts } from "./element.js";
import { event, type Fields } from "./record.js";
import { keepAndSend } from "./send.js";
import { listen } from "./settings.js";
import { Limit, Severity } from "./limits.js";


const seen = new Map<string, number>();

/** Tell an exception; whatever was thrown is taken. */
export function exception(thrown: unknown, fields: Fields = {}, level: number = Severity.Error, tag = "exception"): void {
  const { name, message, stack } = (thrown instanceof Object ? thrown : {}) as Partial<Error>;
  const text = `${message ?? thrown}`;
  const key = text + stack;
  const count = (seen.get(key) || 0) + 1;
  if (count > Limit.SameFault || seen.size > Limit.Faults) return;
  seen.set(key, count);
  event(
    tag,
    {
      exception: { type: name || typeof thrown, message: text, stacktrace: stack },
      "url.full": location.href,
      ...fields,
    },
    placeAt(),
    level,
    text,
  );
  if (level > Severity.Warning) keepAndSend();
}

/** Exceptions and rejections that nobody handled, and resources that could not be loaded. */
export function onError(): void {
  listen<ErrorEvent>(window, "error", ({ error, message, filename, lineno, colno, target }) => {
    if (target == window)
      exception(error ?? message, {
        code: { file: { path: filename }, line: { number: lineno }, column: { number: colno } },
      });
    else {
      const element = target as HTMLImageElement & HTMLLinkElement;
      exception(
        { name: "ResourceError", message: element.currentSrc || element.src || element.href },
        { "browser.element": whereabouts(element) },
        Severity.Warning,
      );
    }
  });
  listen<PromiseRejectionEvent>(window, "unhandledrejection", ({ reason }) => exception(reason, { "browser.rejection": true }));
}
