// A program with the OpenTelemetry SDK for Node that knows its endpoint from the environment only.
//
//     node sender.js SERVICE
//
// Prints, as JSON, what it sent. The service's name comes from the program, all else is default.

import { SpanKind, SpanStatusCode, metrics, trace } from "@opentelemetry/api";
import { SeverityNumber, logs } from "@opentelemetry/api-logs";
import { NodeSDK } from "@opentelemetry/sdk-node";

const sdk = new NodeSDK({ serviceName: process.argv[2] });
sdk.start();

const tracer = trace.getTracer("sender", "1.0");
const sent = tracer.startActiveSpan("GET /cart", { kind: SpanKind.SERVER }, (root) => {
  root.setAttribute("shop.items", 3);
  root.setAttribute("shop.tags", ["new", "sale"]);
  logs.getLogger("sender").emit({
    severityNumber: SeverityNumber.WARN,
    severityText: "WARN",
    body: "cart 4711 is stale for alice",
  });
  tracer.startActiveSpan("read cart", { kind: SpanKind.CLIENT }, (child) => {
    child.recordException(new Error("cart is locked: naïve ✓"));
    child.setStatus({ code: SpanStatusCode.ERROR, message: "cart is locked" });
    child.end();
  });
  root.end();
  const { traceId, spanId } = root.spanContext();
  return { trace_id: traceId, root_span_id: spanId };
});
metrics.getMeter("sender").createCounter("shop.carts").add(3, { "shop.region": "de" });

await sdk.shutdown();
console.log(JSON.stringify(sent));
