import type { Link } from "../bus/link.ts";
import { Store } from "../bus/store.ts";
import { type About, aboutMethod } from "../calls/about.ts";
import { CallServer } from "../calls/call-server.ts";
import { Caller } from "../calls/caller.ts";
import { OfferedMethods } from "../calls/offered.ts";
import { ContextAccess } from "../context/context.ts";
import { Consumption } from "../delivery/consumption.ts";
import { DeadLetters } from "../delivery/dead-letters.ts";
import { HandlingReports } from "../delivery/handling-reports.ts";
import { directedIntake, ownIntake } from "../delivery/intake.ts";
import type { DriverDefinition } from "../driver/definition.ts";
import type { Driver } from "../driver/driver.ts";
import { Grants } from "../driver/grants.ts";
import { manifestOf } from "../driver/manifest.ts";
import type { Runtime } from "../driver/runtime.ts";
import { DriverError } from "../errors.ts";
import { publisher } from "../events/publisher.ts";
import { RegisteredTypes } from "../events/registered-types.ts";
import { createLive } from "../live/live.ts";
import { createObserve } from "../live/observe.ts";
import { createModels } from "../models/models.ts";
import type { Metrics } from "../observability/metrics.ts";
import type { Readiness } from "../observability/readiness.ts";
import type { RuntimeMetrics } from "../observability/runtime-metrics.ts";
import { Bucket } from "../state/bucket.ts";
import { createOnce } from "../state/once.ts";
import { createTools } from "../tools/tools.ts";
import { NO_TRACING } from "../tracing/no-tracing.ts";
import { readSecret } from "./configuration.ts";
import type { Environment } from "./environment.ts";

export interface AssemblyParts {
  definition: DriverDefinition;
  environment: Environment;
  config: unknown;
  link: Link;
  metrics: Metrics;
  counters: RuntimeMetrics;
  readiness: Readiness;
  signal: AbortSignal;
}

export interface Assembly {
  driver: Driver;
  consumptions: Consumption[];
  handlings: HandlingReports | undefined;
  server: CallServer;
}

/** Puts a driver and what serves it together; nothing is at work yet. */
export function assemble(parts: AssemblyParts): Assembly {
  const { definition, environment, link, counters, readiness } = parts;
  const { file, apiPrefix } = environment;
  const grants = new Grants(file.name, file.capabilities);
  const store = new Store(link, file.maxEventBytes);
  const registered = new RegisteredTypes(definition.options.events);
  const methods = [...definition.methods, aboutMethod(() => aboutOf(definition, readiness))];
  const offered = new OfferedMethods(methods.map(({ name }) => name));
  const runtime = createRuntime(parts, { grants, store, registered, offered });
  const driver = definition.create(runtime);
  const { tracing = NO_TRACING } = environment;
  const common = { link, runtime, driver, metrics: counters, tracing };
  // Who keeps the handlings does not tell its own: they would be about nothing but the keeping.
  const keeps = file.subscriptions.some(({ from }) => from === "Handlings");
  const identity = { driver: file.name, namespace: file.namespace, maxBytes: file.maxEventBytes };
  const reports = { ...identity, store, metrics: counters, log: environment.log };
  const handlings = keeps ? undefined : new HandlingReports(reports);
  const consumption = {
    ...common,
    handlings,
    registered,
    apiPrefix,
    handlers: definition.handlers,
    deadLetters: new DeadLetters(file.name, store, grants),
    maxEventBytes: file.maxEventBytes,
  };
  return {
    driver,
    handlings,
    consumptions: file.subscriptions.flatMap((subscription) => {
      const about = `subscription "${subscription.name}"`;
      const consuming = (yes: boolean) =>
        yes ? readiness.clear(about) : readiness.block(about, `the consumer of the ${about} does not answer`);
      const own = { ...consumption, consuming, intake: ownIntake(file.name, subscription) };
      // A driver that gets no replays is ready all the same.
      const directed = {
        ...consumption,
        consuming: () => {},
        intake: directedIntake(file.name, subscription),
      };
      return [
        new Consumption(own, subscription),
        new Consumption(directed, { ...subscription, ordering: "None" }),
      ];
    }),
    server: new CallServer({ ...common, methods, offered }),
  };
}

function aboutOf(definition: DriverDefinition, readiness: Readiness): About {
  const { name, version, events = [] } = manifestOf(definition);
  const obstacles = readiness.obstacles();
  return { name, version, ready: obstacles.length === 0, obstacles, events };
}

interface Shared {
  grants: Grants;
  store: Store;
  registered: RegisteredTypes;
  offered: OfferedMethods;
}

function createRuntime(parts: AssemblyParts, { grants, store, registered, offered }: Shared): Runtime {
  const { environment, link, counters, metrics, config, signal } = parts;
  const { file, apiPrefix, log, tracing = NO_TRACING } = environment;
  const { name, namespace } = file;
  const bucket = new Bucket({ driver: name, apiPrefix, link, store, grants, log });
  const caller = new Caller({ driver: name, link, grants, metrics: counters, tracing });
  const context = new ContextAccess({ file, address: environment.hub });
  return {
    name,
    namespace,
    config,
    log,
    metrics,
    signal,
    tracer: tracing.tracer,
    publish: publisher({ driver: name, namespace, store, grants, metrics: counters, registered, tracing }),
    call: caller.call,
    tools: createTools({ capabilities: file.capabilities, describe: caller.describe, call: caller.call }),
    state: bucket,
    once: createOnce(bucket),
    models: createModels({
      ...{ file, metrics: counters, log },
      keysDir: environment.modelKeysDir,
      counts: file.capabilities.state ? bucket : undefined,
    }),
    contextOn: (behalf) => context.on(behalf),
    offer: (tools) => offered.replace(tools),
    secret: (secret) => readSecret(file.name, secret, environment.secretsDir),
    live: createLive(name, link, counters),
    observe: createObserve({ link, grants, metrics: counters, log }),
    bus: { connection: link.connection },
    listenHost: environment.listenHost,
    port: (wanted) => {
      const number = environment.port(wanted);
      if (number !== undefined) return number;
      throw new DriverError(
        "NotFound",
        `driver "${name}" has no port "${wanted}": its Driver object would need it in spec.ports`,
      );
    },
  };
}
