/** The operator's process. Its environment is described in configuration.ts. */
import { pino } from "pino";
import { readConfiguration } from "./configuration.ts";
import { Operator } from "./operator.ts";
import { version } from "./version.ts";

const configuration = await readConfiguration(process.env).catch((error: Error) => {
  pino().fatal({ err: error }, error.message);
  process.exit(1);
});
const log = pino({
  level: configuration.logLevel,
  base: { pod: configuration.pod },
  serializers: { error: pino.stdSerializers.err },
});
const operator = new Operator({ configuration, log });

const stop = (signal: string) => {
  log.info({ signal }, "stopping");
  void operator.stop();
};
process.once("SIGTERM", stop);
process.once("SIGINT", stop);
process.on("unhandledRejection", (err) => log.error({ err }, "a promise was left unhandled"));

log.info({ version }, "the operator starts");
try {
  await operator.run();
  log.info("the operator ended");
  process.exit(0);
} catch (err) {
  log.fatal({ err }, "the operator failed");
  process.exit(1);
}
