/** Runs programs of test/programs, as a user's programs run: with the built package and nothing of this process. */
import { spawn } from "node:child_process";
import { join } from "node:path";

/** How a program ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** From its start to its end, in milliseconds. */
  readonly tookMs: number;
}

/** A program that may be signalled. */
export interface Running {
  readonly ended: Promise<Ended>;
  /** Resolves when it printed `text`. */
  printed(text: string): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

export function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const begun = performance.now();
  const child = spawn(process.execPath, args, {
    cwd: join(process.cwd(), "test", "programs"),
    env: { PATH: process.env["PATH"], DEBUGQUEUE_DEBUG: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  let waiting: (() => void)[] = [];
  child.stdout.on("data", (part: Buffer) => {
    stdout += part.toString();
    for (const wake of waiting.splice(0)) wake();
  });
  child.stderr.on("data", (part: Buffer) => (stderr += part.toString()));
  const ended = new Promise<Ended>((resolve) => {
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr, tookMs: performance.now() - begun }));
  });
  const printed = async (text: string): Promise<void> => {
    while (!stdout.includes(text)) {
      await Promise.race([new Promise<void>((resolve) => waiting.push(resolve)), ended.then(() => Promise.reject(new Error(stderr)))]);
    }
  };
  return { ended, printed, kill: (signal) => void child.kill(signal) };
}

/** Run a program to its end. */
export function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return start(args, env).ended;
}
