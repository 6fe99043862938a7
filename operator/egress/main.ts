/** The egress proxy's process. Its environment is described in configuration.ts. */
import { pino } from "pino";
import { version } from "../version.ts";
import { type EgressConfiguration, readEgressConfiguration } from "./configuration.ts";
import { Egress } from "./egress.ts";

function configurationOrEnd(): EgressConfiguration {
  try {
    return readEgressConfiguration(process.env);
  } catch (error) {
    pino().fatal({ err: error }, (error as Error).message);
    process.exit(1);
  }
}

const configuration = configurationOrEnd();
const log = pino({ level: configuration.logLevel, base: { pod: configuration.pod } });
const egress = new Egress({ configuration, log });

const stop = (signal: string) => {
  log.info({ signal }, "stopping: open tunnels may end by themselves");
  void egress.stop();
};
process.once("SIGTERM", stop);
process.once("SIGINT", stop);
process.on("unhandledRejection", (err) => log.error({ err }, "a promise was left unhandled"));

log.info({ version }, "the egress proxy starts");
try {
  await egress.start();
  log.info({ port: egress.port }, "the egress proxy serves");
  await egress.ended;
  log.info("the egress proxy ended");
  process.exit(0);
} catch (err) {
  log.fatal({ err }, "the egress proxy failed");
  process.exit(1);
}
