import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { threadId } from "node:worker_threads";
import type { FlatAttributes, SafeValue } from "../core/types.js";
import { runningCommit } from "./commit.js";
import { pairs, type Options } from "./settings.js";

type Environment = Readonly<Record<string, string | undefined>>;

const INSTANCE = randomUUID();

/** Return the attributes that all events of this process share, as OpenTelemetry names them. */
export function resource(options: Options, env: Environment = process.env): FlatAttributes {
  const given = pairs(env["OTEL_RESOURCE_ATTRIBUTES"]);
  const own = programPackage();
  const all: Record<string, SafeValue | undefined> = {
    "service.instance.id": INSTANCE,
    "service.version": own.version,
    "vcs.ref.head.revision": options.commit ?? given["vcs.ref.head.revision"] ?? runningCommit(programFolder(), env),
    "deployment.environment.name": env["NODE_ENV"] || undefined,
    "host.name": hostname(),
    "process.pid": process.pid,
    "process.runtime.name": "nodejs",
    "process.runtime.version": process.versions.node,
    ...(threadId > 0 ? { "thread.id": threadId } : {}),
    ...given,
    ...present({
      "service.version": options.version,
      "vcs.ref.head.revision": options.commit,
      "deployment.environment.name": options.environment,
    }),
    "service.name": options.service || env["OTEL_SERVICE_NAME"] || given["service.name"] || own.name || programName(),
    "telemetry.sdk.name": "debugqueue",
    "telemetry.sdk.language": "nodejs",
    "telemetry.sdk.version": __VERSION__,
  };
  return Object.entries(present(all)).flat() as FlatAttributes;
}

function present(from: Record<string, SafeValue | undefined>): Record<string, SafeValue> {
  return Object.fromEntries(Object.entries(from).filter((each): each is [string, SafeValue] => each[1] !== undefined && each[1] !== ""));
}

function programFolder(): string {
  return process.argv[1] ? dirname(process.argv[1]) : process.cwd();
}

function programName(): string {
  const name = basename(process.argv[1] ?? "").replace(/\.[cm]?[jt]s$/, "");
  return name ? `unknown_service:${name}` : "unknown_service:node";
}

/** Return name and version of the package.json above the program that runs. */
function programPackage(): { name?: string; version?: string } {
  let folder = programFolder();
  for (let up = 0; up < 16; up++) {
    try {
      const { name, version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Record<string, unknown>;
      if (typeof name === "string") return { name, ...(typeof version === "string" ? { version } : {}) };
    } catch {
      // Not here, or not for us to read: one folder up.
    }
    const above = dirname(folder);
    if (above === folder) break;
    folder = above;
  }
  return {};
}
