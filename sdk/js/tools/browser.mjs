/** Bundle src/browser into one minified ES module without imports. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const require = createRequire(import.meta.url);

/** What a page does without: texts for people, kinds of data that the browser SDK never asks for. */
function trimmed(rules) {
  const values = rules.values.filter(({ asked }) => asked !== "ip").map(({ hints, ...rule }) => ({ ...rule, hints: hints.length > 4 ? [] : hints }));
  return { names: rules.names, values };
}

/** The rules in the notation that is shortest once it is packed. */
const rulesPlugin = {
  name: "rules",
  setup(building) {
    building.onLoad({ filter: /core[\\/]rules\.json$/ }, ({ path }) => ({
      contents: JSON.stringify(trimmed(JSON.parse(readFileSync(path, "utf8")))),
      loader: "json",
    }));
  },
};

/**
 * Write the bundle, or return its text where no file is named.
 *
 * @param {string} [outfile]
 * @param {boolean} [debug] let faults of the SDK out into the page, for its own tests
 */
export async function bundleBrowser(outfile, debug = false) {
  const { outputFiles } = await build({
    entryPoints: [join(root, "src", "browser", "index.ts")],
    ...(outfile ? { outfile } : { write: false }),
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2020",
    mangleProps: /^_[a-z]/,
    legalComments: "none",
    define: { __VERSION__: JSON.stringify(require("../package.json").version), __DEBUG__: String(debug) },
    plugins: [rulesPlugin],
  });
  return outputFiles?.[0]?.text;
}
