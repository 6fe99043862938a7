/** The scenarios, in this order, on one installation. */
import { afterAll, beforeAll, describe } from "@jest/globals";
import { install, makeNamespaces, removeEverything } from "./installation.ts";
import { autoscaling } from "./scenarios/autoscaling.ts";
import { contextHub } from "./scenarios/context-hub.ts";
import { deletion, deletionOfTheNamespace } from "./scenarios/deletion.ts";
import { egress } from "./scenarios/egress.ts";
import { faults } from "./scenarios/faults.ts";
import { installation } from "./scenarios/installation.ts";
import { people } from "./scenarios/people.ts";
import { policies } from "./scenarios/policies.ts";
import { quickstart } from "./scenarios/quickstart.ts";
import { refusals } from "./scenarios/refusals.ts";
import { release } from "./scenarios/release.ts";
import { scaling } from "./scenarios/scaling.ts";

beforeAll(async () => {
  await removeEverything(); // of a run that was killed
  await makeNamespaces();
  await install();
});

afterAll(() => removeEverything());

describe("an installation", installation);
describe("the quickstart", quickstart);
describe("a Driver that can't be right", refusals);
describe("policies and roles", policies);
describe("people and the operator", people);
describe("scaling", scaling);
describe("autoscaling", autoscaling);
describe("egress", egress);
describe("the context hub", contextHub);
describe("faults", faults);
describe("deleting a Driver", deletion);
describe("the release", release);
describe("deleting a namespace", deletionOfTheNamespace);
