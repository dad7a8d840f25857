/** Every limit of the browser SDK and the reason for it; the build puts the numbers in place. */
export const enum Limit {
  /** Bytes of records under way at once: all keepalive requests and beacons of a page share 64 KiB, and each body has a resource too. */
  UnderWay = 60_000,
  /** ms that the receiver may take to answer. */
  Answer = 30_000,
  /** Bytes held in all; what comes after is dropped and counted. */
  Held = 262_144,
  /** Bytes held of a visit that was not drawn; the oldest make room. */
  HeldUnsampled = 49_152,
  /** Bytes of one record. */
  Record = 32_768,
  /** So many bytes are sent at once … */
  SendAt = 16_384,
  /** … and fewer after so many ms. */
  SendAfter = 3000,
  /** Longest pause between tries, in ms. */
  Pause = 60_000,
  /** Attributes of a record, and how deep objects in it are looked into. */
  Fields = 64,
  Depth = 4,
  /** Characters of a text. */
  Text = 8192,
  /** ms without a child until an activity is over: twice this. */
  Quiet = 250,
  /** ms after which an activity takes no more children, so that a page that polls ends it. */
  Activity = 30_000,
  /** ms of work on entries before the page gets its turn. */
  Slice = 2,
  /** ms that the browser may take to measure a request after it was answered. */
  Measured = 5000,
  /** ms within which its reading of a start and ours, or two events of one interaction, are the same. */
  Same = 50,
  /** ms from which a key alone is worth telling. */
  SlowKey = 100,
  /** ms below which the browser does not tell of events, and to which it rounds their lengths. */
  ShortestEvent = 16,
  Rounding = 8,
  /** Of so many interactions the slowest is left out of INP. */
  OneIn = 50,
  /** Interactions that are remembered until all but the slowest are forgotten. */
  Interactions = 100,
  /** The slowest interactions and the latest long frames that are remembered. */
  Slowest = 10,
  Frames = 20,
  /** ms between shifts of one window, and its longest. */
  ShiftGap = 1000,
  ShiftWindow = 5000,
  /** How often the same exception is told, and how many different ones. */
  SameFault = 5,
  Faults = 200,
  /** Characters of a path to an element. */
  Path = 80,
}

/** OpenTelemetry's severities. */
export const enum Severity {
  Info = 9,
  Warning = 13,
  Error = 17,
}
