import { fault } from "../core/guard.js";
import { captureConsole } from "./console.js";
import { configured, DebugQueue } from "./debugQueue.js";
import { instrument, type Instrumented } from "./instrument.js";
import { watchInventory, type Tripwire } from "./inventory.js";
import type { Options } from "./settings.js";
import { noteUnhandled } from "./unhandled.js";

/** What `start` sets up beside the queue. */
export interface StartOptions extends Options {
  /** Load OpenTelemetry's automatic instrumentation, where it is installed; true unless told. */
  readonly instrument?: boolean;
  /** Queue what the console is told as warning or error; false unless told. */
  readonly logs?: boolean;
  /** Queue exceptions that end the program; true unless told. */
  readonly unhandled?: boolean;
  /** Report the packages that are installed and loaded, a few seconds later; true unless told. */
  readonly inventory?: boolean;
  /** Watch what runs; armed after the first inventory. */
  readonly tripwires?: readonly Tripwire[];
}

/** What `start` did. */
export interface Started {
  /** What came of OpenTelemetry's instrumentation; `off` where it was not asked for or failed. */
  readonly instrumented: Instrumented | "off";
}

/**
 * Set up the queue of this process, and what goes with it. Call it before other packages are loaded, or run the program
 * with `node --import debugqueue/register`.
 */
export function start(options: StartOptions = {}): Started {
  let instrumented: Started["instrumented"] = "off";
  try {
    DebugQueue.configure(options);
    const client = configured();
    if (client.isOff) return { instrumented };
    if (options.unhandled ?? true) noteUnhandled();
    if (options.logs ?? false) captureConsole();
    if (options.inventory ?? true) watchInventory(options.tripwires ?? []);
    if (options.instrument ?? true) instrumented = instrument(client.settings, client.service);
  } catch (error) {
    fault(error);
  }
  return { instrumented };
}
