// Start the gateway.

import { app } from "./app.mjs";
import { run } from "./server.mjs";

run(app);
