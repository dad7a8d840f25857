// Sends events with Splunk's own logging library: URL, TOKEN, a file of a JSON list of texts and objects, TIME.
const { readFileSync } = require("node:fs");
const { Logger } = require("splunk-logging");

const [url, token, file, time] = process.argv.slice(2);
const logger = new Logger({ token, url, maxRetries: 0, maxBatchCount: 0 });
logger.error = (error) => {
  console.error(error);
  process.exit(1);
};
for (const message of JSON.parse(readFileSync(file, "utf8"))) {
  logger.send({
    message,
    severity: "warn",
    metadata: { time: Number(time), host: "till-3", source: "till", sourcetype: "httpevent", index: "main" },
  });
}
logger.flush((error, response, body) => console.log(JSON.stringify({ status: response.statusCode, body })));
