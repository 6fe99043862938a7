import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Capabilities } from "@vextir/api";
import type { Event } from "@vextir/driver-runtime";
import { type TestKit, type TestKitOptions, testKit } from "@vextir/driver-runtime/testing";
import { ContextAccess } from "../../../driver-runtime/context/context.ts";
import type { Behalf, ContextHub } from "../../../driver-runtime/context/hub.ts";
import type { Home } from "../../fixtures/database-home.ts";
import { type HubExtras, HubWorld, homes } from "./world.ts";

const VERBS = ["read" as const, "write" as const, "search" as const, "synthesize" as const];
export const TENANT = "alpha";

export interface DriverWorldOptions extends Omit<TestKitOptions, "hub"> {
  store: "PostgreSQL" | "PGlite";
  /** What the driver is granted in the hub, and for whose documents. */
  collections: readonly string[];
  users?: "All" | "Caller";
  hub?: HubExtras;
}

/** A hub, and a driver of this process on a bus of its own. */
export interface DriverWorld {
  hub: HubWorld;
  home: Home;
  kit: TestKit;
  /** The hub as another driver uses it. */
  as(driver: string, behalf?: Behalf): Promise<ContextHub>;
  stop(): Promise<void>;
}

export async function driverWorld(
  source: Parameters<typeof testKit>[0],
  { store, collections, users = "All", hub: extras, ...options }: DriverWorldOptions,
): Promise<DriverWorld> {
  const folder = await mkdtemp(join(tmpdir(), "vextir-driver-"));
  const home = await (homes[store] as () => Promise<Home>)();
  const hub = await HubWorld.start(await home.open("driver"), "driver", extras);
  const context = collections.map((collection) => ({ collection, verbs: VERBS, users }));
  const address = async (driver: string) => {
    hub.policy.grants.set(`${TENANT}/${driver}`, context);
    const tokenFile = join(folder, driver);
    await writeFile(tokenFile, await hub.tokens.pod(TENANT, driver));
    return { url: `http://${hub.target.address}`, tokenFile };
  };
  const name = options.name ?? "under-test";
  const capabilities = { ...options.capabilities, context };
  const kit = await testKit(source, { ...options, name, capabilities, hub: await address(name) });
  return {
    ...{ hub, home, kit },
    as: async (driver, behalf = {}) =>
      new ContextAccess({
        file: { name: driver, capabilities: Capabilities.parse({ context }) },
        address: await address(driver),
      }).on(behalf),
    stop: async () => {
      await kit.stop();
      await hub.stop();
      await home.remove();
      await rm(folder, { recursive: true });
    },
  };
}

/** The events of a type that an event directly caused, as soon as there are `count`. */
export async function causedBy(
  kit: TestKit,
  id: string,
  pattern: string,
  { count = 1, timeoutMs = 60_000 } = {},
): Promise<Event[]> {
  for (let all = count; ; all++) {
    const events = await kit.events(pattern, { count: all, timeoutMs });
    const caused = events.filter(({ causationId }) => causationId === id);
    if (caused.length >= count) return caused;
    all = Math.max(all, events.length);
  }
}
