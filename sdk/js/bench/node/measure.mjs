/** How calls are timed, the same for every side. */
const GROUP = 16;
const BURST = 512;
const quick = process.argv.includes("--quick");
/** How many bursts, and for how many seconds at 1,000 calls a second. */
export const BURSTS = quick ? 100 : 200;
export const SECONDS = quick ? 2 : 3;

/** Return the median and the 99th percentile of a call in microseconds. */
export async function timed(call, bursts) {
  const groups = [];
  for (let burst = 0; burst < bursts; burst++) {
    for (let group = 0; group < BURST / GROUP; group++) {
      const begun = performance.now();
      for (let at = 0; at < GROUP; at++) call(burst * BURST + group * GROUP + at);
      groups.push(((performance.now() - begun) * 1000) / GROUP);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const kept = groups.slice(groups.length >> 2).sort((a, b) => a - b);
  return { median: kept[kept.length >> 1], p99: kept[Math.floor(kept.length * 0.99)] };
}

/** Return the share of a core that a process takes that makes 1,000 calls a second, sending included. */
export async function coreShare(call, seconds) {
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const begun = process.cpuUsage();
  const start = performance.now();
  let made = 0;
  while (performance.now() - start < seconds * 1000) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    for (const due = Math.floor(performance.now() - start); made < due; made++) call(made);
  }
  const used = process.cpuUsage(begun);
  return (used.user + used.system) / 1000 / (performance.now() - start);
}
