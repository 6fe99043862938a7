/** The whole operator, let in as in a pod. */
import { readConfiguration } from "@vextir/operator/configuration.ts";
import { Operator } from "@vextir/operator/operator.ts";
import { pino } from "pino";

const configuration = await readConfiguration(process.env);
const access = { serviceAccountDir: process.argv[2] ?? "" };
const operator = new Operator({ configuration, log: pino({ level: configuration.logLevel }), access });
process.once("SIGTERM", () => void operator.stop());
await operator.run();
process.exit(0);
