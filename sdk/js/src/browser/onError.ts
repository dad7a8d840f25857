import { placeAt } from "./activity.js";
import { whereabouts } from "./element.js";
import { event, LEVELS, now, type Fields } from "./record.js";
import { address } from "./scrub.js";
import { keepAndSend } from "./send.js";
import { listen } from "./settings.js";

/** The same fault is told so many times a page. */
const SAME = 5;

const seen = new Map<string, number>();

/** Tell an exception; whatever was thrown is taken. */
export function exception(thrown: unknown, fields: Fields = {}, level = LEVELS.error): void {
  const { name, message, stack } = (thrown instanceof Object ? thrown : { message: thrown }) as Partial<Error>;
  const text = `${message ?? thrown}`.slice(0, 1000);
  const key = name + text + (fields["code.line.number"] ?? "");
  const count = (seen.get(key) || 0) + 1;
  if (seen.size < 200) seen.set(key, count);
  if (count > SAME) return;
  event(
    "exception",
    {
      "exception.type": name || typeof thrown,
      "exception.message": text,
      "exception.stacktrace": stack,
      "url.full": address(location.href),
      ...fields,
    },
    placeAt(now()),
    level,
    text,
  );
  if (level > LEVELS.warning) keepAndSend();
}

/** Exceptions and rejections that nobody handled, and resources that could not be loaded. */
export function onError(): void {
  listen<ErrorEvent>(window, "error", ({ error, message, filename, lineno, colno, target }) => {
    if (target == window)
      exception(error ?? message, {
        "code.file.path": filename && address(filename),
        "code.line.number": lineno,
        "code.column.number": colno,
        "exception.escaped": true,
      });
    else {
      const element = target as HTMLImageElement & HTMLLinkElement;
      exception(
        { name: "ResourceError", message: address(element.currentSrc || element.src || element.href) },
        { "browser.element": whereabouts(element) },
        LEVELS.warning,
      );
    }
  });
  listen<PromiseRejectionEvent>(window, "unhandledrejection", ({ reason }) =>
    exception(reason, { "exception.escaped": true, "browser.rejection": true }),
  );
}
