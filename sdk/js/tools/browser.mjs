/** Bundle src/browser into one minified ES module without imports. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const require = createRequire(import.meta.url);

/** Return src/browser/rules.ts as literals: what it works out when it runs, worked out now. */
function literalRules({ names, values }) {
  const unless = [...new Set(values.map((rule) => rule.unless).filter(Boolean))];
  const literal = (source, flags) => RegExp(source, flags).toString();
  const rules = values
    .filter(({ asked }) => asked !== "ip")
    .map(({ kind, pattern, ignore_case, unless: exception, check }) =>
      [
        JSON.stringify(kind),
        literal(pattern, ignore_case ? "gi" : "g"),
        ...(exception || check ? [exception ? `unless${unless.indexOf(exception)}` : 0] : []),
        ...(check ? [JSON.stringify(check)] : []),
      ].join(),
    );
  return (
    unless.map((source, at) => `const unless${at} = ${literal(source, "i")};\n`).join("") +
    `export const RULES = [${rules.map((rule) => `[${rule}]`)}];\n` +
    `export const SECRET = ${literal(names.secret, "")}, HARMLESS = ${literal(names.harmless, "")};\n`
  );
}

const rulesPlugin = {
  name: "rules",
  setup(building) {
    building.onLoad({ filter: /browser[\\/]rules\.ts$/ }, () => ({
      contents: literalRules(JSON.parse(readFileSync(join(root, "src", "core", "rules.json"), "utf8"))),
      loader: "js",
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
