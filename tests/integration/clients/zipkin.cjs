// Records spans with Zipkin's own tracer for JavaScript and sends them: URL, HOW MANY.
const { BatchRecorder, ExplicitContext, Tracer, jsonEncoder, Annotation } = require("zipkin");
const { HttpLogger } = require("zipkin-transport-http");

const [url, count] = process.argv.slice(2);
let underWay = 0;
const log = new HttpLogger({
  fetchImplementation: (...request) => {
    underWay += 1;
    return fetch(...request);
  },
  endpoint: `${url}/api/v2/spans`,
  jsonEncoder: jsonEncoder.JSON_V2,
  httpInterval: 100,
  timeout: 20_000,
  log: { error: (text) => { console.error(text); process.exit(1); } },
});
const tracer = new Tracer({
  ctxImpl: new ExplicitContext(),
  recorder: new BatchRecorder({ logger: log }),
  localServiceName: "till",
  traceId128Bit: true,
});
const root = tracer.createRootId();
tracer.setId(root);
tracer.recordServiceName("till");
tracer.recordRpc("open");
tracer.recordAnnotation(new Annotation.ServerRecv());
for (let number = 1; number < Number(count); number += 1) {
  tracer.letId(tracer.createChildId(), () => {
    tracer.recordServiceName("till");
    tracer.recordRpc(`get /drawers/${number}`);
    tracer.recordAnnotation(new Annotation.ClientSend());
    tracer.recordAnnotation(new Annotation.ServerAddr({ serviceName: "drawer" }));
    tracer.recordBinary("http.path", `/drawers/${number}`);
    if (number === 1) tracer.recordBinary("error", "jammed");
    tracer.recordAnnotation(new Annotation.ClientRecv());
  });
}
tracer.setId(root);
tracer.recordAnnotation(new Annotation.ServerSend());
log.on("success", () => {
  underWay -= 1;
  if (underWay === 0 && log.queue.length === 0) {
    console.log(JSON.stringify({ trace_id: root.traceId }));
    process.exit(0);
  }
});
setTimeout(() => process.exit(2), 50_000);
