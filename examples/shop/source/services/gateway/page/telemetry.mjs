// What the page tells of itself: how it loads, what people do, which requests that makes and what goes
// wrong. All of that is the SDK's work; without an address to send to, it does nothing.

import { DebugQueue, start } from "./debugqueue.mjs";

const meta = (name) => document.querySelector(`meta[name="${name}"]`);
const endpoint = meta("telemetry-url").content;
if (endpoint) {
  start({
    endpoint,
    service: "page",
    version: meta("release").content,
    attributes: {
      "service.namespace": "shop",
      "deployment.environment.name": "demo",
      "vcs.ref.head.revision": meta("release").dataset.revision,
    },
  });
}

export { DebugQueue };
