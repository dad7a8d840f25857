// Loaded before a Node program by `tracepulse run` (NODE_OPTIONS): starts the OpenTelemetry that was
// found, for CommonJS and for ES modules. Whatever goes wrong here, the program itself starts.

import module, { createRequire } from "node:module";
import { basename } from "node:path";
import { pathToFileURL } from "node:url";
import { isMainThread } from "node:worker_threads";
import { findOpenTelemetry } from "./find_node.mjs";

// They start the program as a child, which gets the same variables; they are not the program.
const LAUNCHERS = new Set(["npm-cli.js", "npx-cli.js", "yarn.js", "yarn.cjs", "pnpm.cjs", "corepack.js"]);
const SHUTDOWN_LIMIT_MS = 2_000;

// Only modules that an instrumentation asks for are wrapped: wrapping all of them breaks some.
function hookModules(near) {
  const instrumentation = createRequire(near.resolve("@opentelemetry/instrumentation"));
  const { createAddHookMessageChannel } = instrumentation("import-in-the-middle");
  const { registerOptions, waitForAllMessagesAcknowledged } = createAddHookMessageChannel();
  const hook = pathToFileURL(instrumentation.resolve("import-in-the-middle/hook.mjs"));
  module.register(hook.href, import.meta.url, registerOptions);
  return waitForAllMessagesAcknowledged;
}

function startSdk(found) {
  const near = createRequire(found.sdk);
  const beside = createRequire(`${found.from}/_`);
  const { NodeSDK } = near(found.sdk);
  const sdk = new NodeSDK({ instrumentations: found.names.flatMap((name) => instrumentations(beside, name)) });
  sdk.start();
  const end = () => sdk.shutdown().catch(() => {});
  process.once("beforeExit", end);
  process.on("SIGTERM", end);
}

function instrumentations(near, name) {
  try {
    return Object.values(near(name))
      .filter((each) => typeof each === "function" && typeof each.prototype?.setTracerProvider === "function")
      .map((each) => new each());
  } catch (error) {
    say(`${name} cannot be loaded: ${error?.message ?? error}`);
    return [];
  }
}

// OpenTelemetry listens for SIGTERM to send what is left, and with any listener Node no longer ends
// by itself. So its listener is called from one that repeats the signal, if the program has none.
function endOnSignal(before) {
  const send = process.listeners("SIGTERM").filter((each) => !before.includes(each));
  send.forEach((each) => process.off("SIGTERM", each));
  process.on("SIGTERM", async function sendAndEnd(signal) {
    const alone = process.listeners("SIGTERM").every((each) => each === sendAndEnd);
    const late = new Promise((done) => setTimeout(done, SHUTDOWN_LIMIT_MS).unref());
    await Promise.race([Promise.allSettled(send.map((each) => each(signal))), late]);
    if (!alone) return;
    process.off("SIGTERM", sendAndEnd);
    process.kill(process.pid, signal);
  });
}

function say(text) {
  process.stderr.write(`tracepulse: ${text}\n`);
}

const from = process.env.TRACEPULSE_NODE_FROM;
if (from && isMainThread && !LAUNCHERS.has(basename(process.argv[1] ?? ""))) {
  try {
    const found = findOpenTelemetry([from]);
    const hooked = hookModules(createRequire(found.sdk));
    const before = process.listeners("SIGTERM");
    if (found.register) createRequire(found.register)(found.register);
    else startSdk(found);
    endOnSignal(before);
    await hooked();
  } catch (error) {
    say(`started without OpenTelemetry: ${error?.message ?? error}`);
  }
}
