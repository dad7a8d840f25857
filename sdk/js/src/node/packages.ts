import { readFile } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** A package as its own package.json has it. */
export interface Package {
  readonly name: string;
  readonly version: string;
  /** Where it is. */
  readonly folder: string;
}

const MARK = `${sep}node_modules${sep}`;

/** Return the folder of the package that a file or a `file:` address belongs to; undefined where that is none. */
export function packageOf(file: string): string | undefined {
  const path = file.startsWith("file:") ? pathOf(file) : file;
  const at = path.lastIndexOf(MARK);
  if (at < 0) return undefined;
  const inside = path.slice(at + MARK.length).split(sep);
  const name = inside[0]?.startsWith("@") ? inside.slice(0, 2) : inside.slice(0, 1);
  return path.slice(0, at + MARK.length) + name.join(sep);
}

function pathOf(url: string): string {
  try {
    return fileURLToPath(url);
  } catch {
    return "";
  }
}

/** Return name and version of the package in a folder; undefined where it has none. */
export async function readPackage(folder: string): Promise<Package | undefined> {
  const { name, version } = ((await readJson(join(folder, "package.json"))) ?? {}) as Record<string, unknown>;
  return typeof name === "string" && typeof version === "string" ? { name, version, folder } : undefined;
}

/** Return what npm wrote down of the packages that it installed for this program; none for other installers. */
export async function installedPackages(program = process.argv[1] ?? process.cwd()): Promise<Package[]> {
  for (let folder = dirname(program); ; folder = dirname(folder)) {
    const lock = (await readJson(join(folder, "node_modules", ".package-lock.json"))) as { packages?: Record<string, { version?: unknown }> } | undefined;
    if (lock?.packages) return Object.entries(lock.packages).flatMap(([path, { version }]) => entry(folder, path, version));
    if (dirname(folder) === folder) return [];
  }
}

function entry(folder: string, path: string, version: unknown): Package[] {
  const name = path.split("node_modules/").at(-1);
  return name && typeof version === "string" ? [{ name, version, folder: join(folder, path) }] : [];
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch {
    return undefined;
  }
}
