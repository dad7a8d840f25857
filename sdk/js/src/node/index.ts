export type { Details, Level } from "../core/types.js";
export { snapshot } from "../core/snapshot.js";
