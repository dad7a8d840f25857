// Finds the OpenTelemetry that a Node program can reach: the auto-instrumentation package, or the
// SDK with whatever instrumentations lie beside it. Run by itself, it prints what it finds:
//
//     node find_node.mjs FOLDER…

import { existsSync, readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const AUTO = "@opentelemetry/auto-instrumentations-node";
const SDK = "@opentelemetry/sdk-node";
const PREFIX = "@opentelemetry/instrumentation-";

/**
 * Return the first OpenTelemetry that is found from one of the folders upwards, or null.
 *
 * @returns from: the folder; register: file of the auto-instrumentation, or null where only the SDK
 *   is there; sdk: file of the SDK's entry; names: packages of instrumentations, sorted; needs: the
 *   versions of Node that it asks for.
 */
export function findOpenTelemetry(folders) {
  for (const from of folders) {
    const near = createRequire(join(from, "_"));
    const register = resolved(near, `${AUTO}/register`);
    const sdk = resolved(register ? createRequire(register) : near, SDK);
    if (!sdk) continue;
    const own = manifest(register ?? sdk, register ? AUTO : SDK);
    const names = register
      ? Object.keys(own.dependencies ?? {}).filter((each) => each.startsWith(PREFIX))
      : installed(near);
    return { from, register, sdk, names: names.sort(), needs: own.engines?.node ?? "" };
  }
  return null;
}

/** Whether a version of Node is one of `^18.19.0 || >=20.6.0`; true for what it cannot read. */
export function fits(version, needs) {
  const have = version.split(".").map(Number);
  const choices = needs.split("||").map((each) => /^\s*(\^|>=)\s*(\d+)(?:\.(\d+))?/.exec(each));
  if (choices.some((each) => each === null)) return true;
  return choices.some(([, sign, major, minor]) => {
    const enough = have[0] > +major || (have[0] === +major && have[1] >= +(minor ?? 0));
    return enough && (sign === ">=" || have[0] === +major);
  });
}

function resolved(near, name) {
  try {
    return near.resolve(name);
  } catch {
    return null;
  }
}

function manifest(file, name) {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    try {
      const found = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
      if (found.name === name) return found;
    } catch {
      // A folder inside the package.
    }
  }
  return {};
}

function installed(near) {
  const places = (near.resolve.paths("@opentelemetry/_") ?? []).map((each) => join(each, "@opentelemetry"));
  const found = places.filter(existsSync).flatMap((each) => readdirSync(each));
  const names = new Set(found.map((each) => `@opentelemetry/${each}`));
  return [...names].filter((each) => each.startsWith(PREFIX));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = findOpenTelemetry(process.argv.slice(2));
  const version = process.versions.node;
  console.log(JSON.stringify({ version, fits: fits(version, found?.needs ?? ""), ...found }));
}
