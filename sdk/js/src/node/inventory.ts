import * as module from "node:module";
import { pathToFileURL } from "node:url";
import { MessageChannel } from "node:worker_threads";
import { fault } from "../core/guard.js";
import { setTimer } from "./clock.js";
import { outsideRequests } from "./context.js";
import { record } from "./debugQueue.js";
import { isModule } from "./instrument.js";
import { installedPackages, packageOf, readPackage, type Package } from "./packages.js";

const TAG = "debugqueue.inventory";
const FIRST_AFTER_MS = 5000;
const AGAIN_AFTER_MS = 60_000;
const PER_EVENT = 64;

/** Queues an event: tag and details. */
export type Report = (tag: string, details: Readonly<Record<string, unknown>>) => void;

/**
 * Tells that something ran that should be known of.
 *
 * `arm` is called once in each thread, after the first inventory, with the packages that are loaded; it must return
 * soon. `loaded` is called for those that are loaded later. `report` may be called at any time.
 */
export interface Tripwire {
  arm(report: Report, loaded: readonly Package[]): void;
  loaded?(added: readonly Package[]): void;
}

const report: Report = (tag, details) => record(tag, details, "info", report);

let watching = false;

/** Report the packages that are installed, those that are loaded, and later newly loaded ones; once in each thread. */
export function watchInventory(tripwires: readonly Tripwire[]): void {
  if (watching) return;
  watching = true;
  const inventory = new Inventory(tripwires);
  if (isModule()) inventory.hookModules();
  const again = (waitMs: number): void => {
    outsideRequests(() => setTimer(() => void inventory.look().catch(fault).then(() => again(AGAIN_AFTER_MS)), waitMs)).unref();
  };
  again(FIRST_AFTER_MS);
}

/** The packages of this thread, as far as they were seen. */
export class Inventory {
  /** Addresses of ES modules that were loaded since the last look. */
  private readonly urls = new Set<string>();
  /** Folders of packages that were told of. */
  private readonly known = new Set<string>();
  private looks = 0;

  constructor(
    private readonly tripwires: readonly Tripwire[],
    private readonly tell: Report = report,
  ) {}

  /** Note each ES module that is loaded from now on: unlike CommonJS, Node keeps no list of them that can be read. */
  hookModules(): void {
    const { registerHooks, register } = module as unknown as {
      registerHooks?: (hooks: object) => void;
      register?: (name: string, options: object) => void;
    };
    const note = (url: string): void => void this.urls.add(url);
    if (registerHooks !== undefined) {
      registerHooks({ load: (url: string, context: unknown, next: (...args: unknown[]) => unknown) => (note(url), next(url, context)) });
    } else if (register !== undefined) {
      const { port1, port2 } = new MessageChannel();
      port1.on("message", note).unref();
      register(LOAD_HOOK, { parentURL: pathToFileURL(__filename), data: port2, transferList: [port2] });
    }
  }

  /** Look at what is loaded, and report what is new; reads files, without holding up the program. */
  async look(): Promise<void> {
    const first = this.looks++ === 0;
    if (first) this.report("installed", await installedPackages());
    const added = await this.added();
    this.report("loaded", added);
    for (const tripwire of this.tripwires) {
      if (first) tripwire.arm(this.tell, added);
      else if (added.length > 0) tripwire.loaded?.(added);
    }
  }

  private async added(): Promise<Package[]> {
    const paths = [...Object.keys(require.cache), ...this.urls];
    this.urls.clear();
    const folders = new Set(paths.map(packageOf).filter((folder): folder is string => folder !== undefined && !this.known.has(folder)));
    const added: Package[] = [];
    for (const folder of folders) {
      this.known.add(folder);
      const found = await readPackage(folder);
      if (found) added.push(found);
    }
    return added;
  }

  private report(kind: "installed" | "loaded", packages: readonly Package[]): void {
    const all = [...new Set(packages.map(({ name, version }) => `${name}@${version}`))].sort();
    const parts = Math.ceil(all.length / PER_EVENT);
    for (let part = 0; part < parts; part++) {
      this.tell(TAG, {
        [`${TAG}.kind`]: kind,
        [`${TAG}.packages`]: all.slice(part * PER_EVENT, (part + 1) * PER_EVENT),
        [`${TAG}.part`]: part + 1,
        [`${TAG}.parts`]: parts,
        "package.ecosystem": "npm",
      });
    }
  }
}

/** Runs in Node's thread for hooks; as an address of its own, so that no file has to be found at run time. */
const LOAD_HOOK = `data:text/javascript,${encodeURIComponent(`
let port;
export function initialize(given) { port = given; port.unref?.(); }
export function load(url, context, next) { port.postMessage(url); return next(url, context); }
`)}`;
