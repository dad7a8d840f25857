import { draftOf } from "./entries.js";
import { observe } from "./observe.js";
import { finishRequest } from "./onRequest.js";
import { span } from "./record.js";
import { isOwn } from "./send.js";

/** Every resource: what it was, who asked for it, whether it held up the first paint, and where its time went. */
export const onResource = (): boolean =>
  observe("resource", (entry) => {
    if (!isOwn(entry.name) && !finishRequest(entry)) span(draftOf(entry, "resourceFetch"));
  });
