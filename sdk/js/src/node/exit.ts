import { isMainThread } from "node:worker_threads";
import { fault } from "../core/guard.js";
import { clearTimer, setTimer } from "./clock.js";

/** What the end of a process asks of the SDK. */
export interface Endings {
  readonly signals: readonly NodeJS.Signals[];
  /** How long the end may be held up. */
  readonly timeoutMs: number;
  /** Changes whenever there is something new to send. */
  newest(): number;
  /** Send what is left while callbacks still run. */
  flush(): Promise<unknown>;
  /** Send what is left when no callback runs any more. */
  flushSync(): void;
}

const others: (() => Promise<unknown>)[] = [];

/** Have something else sent too when the process ends while callbacks still run. */
export function atTheEnd(flush: () => Promise<unknown>): void {
  others.push(flush);
}

async function flushAll(endings: Endings): Promise<void> {
  const all = [...others.splice(0), () => endings.flush()].map(async (flush) => flush());
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => (timer = setTimer(resolve, endings.timeoutMs)));
  await Promise.race([Promise.allSettled(all), late]);
  clearTimer(timer);
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
    void flushAll(endings).catch(fault);
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
    const theirs = process.listenerCount(signal) > 1;
    if (theirs) void flushAll(endings).catch(fault);
    else if (ending) die(signal);
    else {
      ending = true;
      flushAll(endings).catch(fault).finally(() => die(signal));
    }
  };
  for (const signal of endings.signals) process.on(signal, whenSignalled);
  return off;
}
