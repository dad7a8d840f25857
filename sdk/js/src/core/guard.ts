/** The one place where an SDK swallows what went wrong inside it. */

let raises = false;
let swallowed = 0;

/** Let faults of the SDK itself come out, for its own tests; the environment variable is DEBUGQUEUE_DEBUG=1. */
export function raiseFaults(on: boolean): void {
  raises = on;
}

/** Return how many faults of the SDK were swallowed since it was loaded. */
export function swallowedFaults(): number {
  return swallowed;
}

/** Note a fault of the SDK: counted, never seen by the host; raised only under the SDK's own tests. */
export function fault(error: unknown): void {
  swallowed++;
  if (raises) throw error;
}
