import { afterAll } from "@jest/globals";
import { conformance } from "../../conformance/context-hub/suite.ts";
import { namedTarget } from "../../conformance/context-hub/target.ts";
import type { Home } from "../../fixtures/database-home.ts";
import { HubWorld, homes } from "./world.ts";

const ends: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

for (const [name, start] of Object.entries(homes))
  conformance(`the hub on ${name}`, async () => {
    const home: Home = await start();
    ends.push(() => home.remove());
    const world = await HubWorld.start(await home.open("conforming"), "conforming");
    ends.push(() => world.stop());
    return world.target;
  });

const named = namedTarget();
if (named) conformance(`the hub at ${named.address}`, async () => named);
