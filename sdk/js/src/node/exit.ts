import { isMainThread } from "node:worker_threads";
import { fault } from "../core/guard.js";

/** What the end of a process asks of the SDK. */
export interface Endings {
  readonly signals: readonly NodeJS.Signals[];
  /** Changes whenever there is something new to send. */
  newest(): number;
  /** Send what is left while callbacks still run. */
  flush(): Promise<unknown>;
  /** Send what is left when no callback runs any more. */
  flushSync(): void;
}

/**
 * Have what is left sent when the process ends.
 *
 * @returns a function that takes the handlers off again.
 */
export function watchForTheEnd(endings: Endings): () => void {
  let tried = -1;
  const whenIdle = (): void => {
    // Waiting for the network makes Node ask again; the same events are tried once.
    if (endings.newest() === tried) return;
    tried = endings.newest();
    void endings.flush().catch(fault);
  };
  const whenOver = (): void => {
    try {
      endings.flushSync();
    } catch (error) {
      fault(error);
    }
  };
  process.on("beforeExit", whenIdle);
  process.on("exit", whenOver);
  const offSignals = isMainThread ? watchSignals(endings) : () => {};
  return () => {
    process.off("beforeExit", whenIdle);
    process.off("exit", whenOver);
    offSignals();
  };
}

/** A signal ends the process as it would have done without us, a little later, and at once if it comes again. */
function watchSignals(endings: Endings): () => void {
  let ending = false;
  const off = (): void => endings.signals.forEach((signal) => void process.off(signal, whenSignalled));
  const die = (signal: NodeJS.Signals): void => {
    off();
    process.kill(process.pid, signal);
  };
  const whenSignalled = (signal: NodeJS.Signals): void => {
    const others = process.listenerCount(signal) > 1;
    if (others) void endings.flush().catch(fault);
    else if (ending) die(signal);
    else {
      ending = true;
      endings.flush().catch(fault).finally(() => die(signal));
    }
  };
  for (const signal of endings.signals) process.on(signal, whenSignalled);
  return off;
}
