import { API_VERSION, type Driver, DriverSpec, Manifest, type ManifestInput } from "@vextir/api";
import type { Release } from "../release.ts";

/** A Driver as the API server stores it: with defaults. */
export function aDriver({
  name = "assistant",
  spec = {},
  ...rest
}: {
  name?: string;
  spec?: object;
  metadata?: Partial<Driver["metadata"]>;
  status?: Driver["status"];
}): Driver {
  return {
    apiVersion: API_VERSION,
    kind: "Driver",
    metadata: {
      name,
      namespace: "team",
      uid: `uid-${name}`,
      resourceVersion: "1",
      generation: 1,
      ...rest.metadata,
    },
    spec: DriverSpec.parse({ class: "Agent", module: "assistant", ...spec }),
    ...(rest.status && { status: rest.status }),
  };
}

export const specOf = (driver: Driver) => DriverSpec.parse(driver.spec);

export const aManifest = (manifest: Partial<ManifestInput> = {}): Manifest =>
  Manifest.parse({ name: "assistant", version: "1.0.0", class: "Agent", ...manifest });

export function aRelease(release: Partial<Release> = {}): Release {
  return {
    version: "1.0.0",
    image: "example.org/drivers:1",
    manifests: new Map([["assistant", aManifest()]]),
    bus: { url: "nats://bus:4222" },
    ...release,
  };
}
