// Sends documents with an official client of Elasticsearch: URL, INDEX, MODULE, a file of a JSON list.
const { readFileSync } = require("node:fs");

async function main() {
  const [url, index, module, file] = process.argv.slice(2);
  const { Client } = require(module);
  const client = new Client({ node: url, maxRetries: 0, compression: process.env.COMPRESSION === "gzip" });
  const answered = await client.info();
  const info = answered.body ?? answered;
  let dropped = 0;
  const result = await client.helpers.bulk({
    datasource: JSON.parse(readFileSync(file, "utf8")),
    onDocument: () => ({ create: { _index: index } }),
    onDrop: () => { dropped += 1; },
    flushBytes: 20_000,
    concurrency: 2,
  });
  console.log(JSON.stringify({ number: info.version.number, sent: result.successful, dropped }));
  await client.close();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
