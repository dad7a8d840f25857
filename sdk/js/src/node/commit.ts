import { readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

/** Where builds and platforms put the commit, the most explicit first. */
const VARIABLES = [
  "VCS_REF_HEAD_REVISION",
  "GIT_COMMIT",
  "GIT_SHA",
  "COMMIT_SHA",
  "SOURCE_COMMIT",
  "SOURCE_VERSION",
  "GITHUB_SHA",
  "CI_COMMIT_SHA",
  "HEROKU_SLUG_COMMIT",
  "RENDER_GIT_COMMIT",
  "RAILWAY_GIT_COMMIT_SHA",
  "VERCEL_GIT_COMMIT_SHA",
];

/** Return the commit that runs, by the environment or the work tree around `folder`; undefined where neither says. */
export function runningCommit(folder: string, env: Environment): string | undefined {
  const named = VARIABLES.map((name) => env[name]).find((value) => value);
  if (named) return named;
  for (let at = folder, up = 0; up < 32; at = dirname(at), up++) {
    const git = gitFolder(at);
    if (git !== undefined) return head(git);
    if (dirname(at) === at) break;
  }
  return undefined;
}

/** Return the .git folder of a work tree; that of a linked one is named in a file. */
function gitFolder(folder: string): string | undefined {
  const git = join(folder, ".git");
  const found = statSync(git, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  return found.isDirectory() ? git : resolve(folder, read(git).replace("gitdir:", "").trim());
}

/** Return the commit that is checked out, without starting git. */
function head(git: string): string | undefined {
  const text = read(join(git, "HEAD")).trim();
  if (!text.startsWith("ref:")) return text || undefined;
  const ref = text.slice(4).trim();
  const common = read(join(git, "commondir")).trim();
  for (const place of [git, resolve(git, common)]) {
    const packed = read(join(place, "packed-refs")).split("\n").find((line) => line.endsWith(` ${ref}`));
    const commit = read(join(place, ref)).trim() || packed?.split(" ")[0];
    if (commit) return commit;
  }
  return undefined;
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
