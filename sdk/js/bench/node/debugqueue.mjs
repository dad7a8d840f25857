import { DebugQueue } from "debugqueue";
import { BURSTS, coreShare, SECONDS, timed } from "./measure.mjs";

const details = (at) => ({ user: "u-4711", reason: "timeout", attempt: at, ms: 12.5, cached: false });
const call = (at) => DebugQueue.log("SESSION_DROP", details(at));
const { median, p99 } = await timed(call, BURSTS);
const bare = await timed(() => DebugQueue.log("SESSION_DROP"), BURSTS);
// Slow enough that each call's place in the code is looked up.
const rare = [];
for (let at = 0; at < 150; at++) {
  await new Promise((resolve) => setTimeout(resolve, 15));
  const begun = performance.now();
  call(at);
  rare.push((performance.now() - begun) * 1000);
}
await DebugQueue.flush(5000);
const idle = await coreShare(details, SECONDS);
const share = (await coreShare(call, SECONDS)) - idle;
await DebugQueue.shutdown(5000);
const { created, sent, dropped, faults } = DebugQueue.counts();
if (sent + dropped !== created || faults > 0) throw new Error(JSON.stringify(DebugQueue.counts()));
console.log(
  JSON.stringify({
    node_log_median_us: median,
    node_log_p99_us: p99,
    node_log_bare_median_us: bare.median,
    node_log_rare_median_us: rare.sort((a, b) => a - b)[rare.length >> 1],
    node_core_ratio_at_1000_a_second: share,
    node_dropped: dropped,
  }),
);
