import { placeAt } from "./activity.js";
import { observe } from "./observe.js";
import { finishRequest } from "./onRequest.js";
import { place, span } from "./record.js";
import { measured, serverOf } from "./resource.js";
import { isOwn } from "./send.js";

/** Every resource: what it was, who asked for it, whether it held up the first paint, and where its time went. */
export const onResource = (): void =>
  observe("resource", (entry) => {
    if (isOwn(entry.name) || finishRequest(entry)) return;
    const at = placeAt(entry.startTime);
    span({
      ...place(at._trace),
      _parent: at._span,
      _name: "resourceFetch",
      _start: entry.startTime,
      _end: entry.responseEnd || entry.startTime + entry.duration,
      _fields: measured(entry),
      _failed: entry.responseStatus > 399,
      _link: serverOf(entry),
    });
  });
