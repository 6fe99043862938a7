/** The context hub's process. Its environment is described in configuration.ts. */
import { pino } from "pino";
import { type HubConfiguration, readHubConfiguration } from "./configuration.ts";
import { startHub } from "./process.ts";

function configurationOrEnd(): HubConfiguration {
  try {
    return readHubConfiguration(process.env);
  } catch (error) {
    pino().fatal({ err: error }, (error as Error).message);
    process.exit(1);
  }
}

const configuration = configurationOrEnd();
const log = pino({ level: configuration.logLevel });
process.on("unhandledRejection", (err) => log.error({ err }, "a promise was left unhandled"));
try {
  const hub = await startHub(configuration, log);
  log.info({ port: hub.port }, "the context hub serves");
  const stop = (signal: string) => {
    log.info({ signal }, "stopping");
    void hub.stop().then(() => process.exit(0));
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
} catch (err) {
  log.fatal({ err }, "the context hub failed");
  process.exit(1);
}
