import { fault } from "../core/guard.js";
import { record } from "./debugQueue.js";

let noted = false;

/** Queue what ends the program because nobody caught it; it ends as it would have done. */
export function noteUnhandled(): void {
  if (noted) return;
  noted = true;
  process.on("uncaughtExceptionMonitor", function noteException(error, origin) {
    try {
      record("UNHANDLED_EXCEPTION", { error, origin }, "fatal", noteException);
    } catch (inner) {
      fault(inner);
    }
  });
}
