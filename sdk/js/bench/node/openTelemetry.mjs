import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-http";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";
import { BURSTS, coreShare, SECONDS, timed } from "./measure.mjs";

const provider = new LoggerProvider({ processors: [new BatchLogRecordProcessor({ exporter: new OTLPLogExporter() })] });
const logger = provider.getLogger("bench");
const call = (at) =>
  logger.emit({
    eventName: "SESSION_DROP",
    severityNumber: 9,
    body: "SESSION_DROP",
    attributes: { user: "u-4711", reason: "timeout", attempt: at, ms: 12.5, cached: false },
  });
const { median, p99 } = await timed(call, BURSTS);
await provider.forceFlush();
const idle = await coreShare(() => {}, SECONDS);
const share = (await coreShare(call, SECONDS)) - idle;
await provider.shutdown();
console.log(JSON.stringify({ opentelemetry_emit_median_us: median, opentelemetry_emit_p99_us: p99, opentelemetry_core_ratio_at_1000_a_second: share }));
