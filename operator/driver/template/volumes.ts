import { BUS_AUDIENCE, type DriverSpec, HUB_AUDIENCE, POD_PATHS } from "@vextir/api";
import { type Release, trustedAuthorities } from "../../release.ts";
import type { Volume, VolumeMount } from "../../workloads.ts";
import type { GrantedModel } from "../models.ts";
import { CA_CONFIG_MAP, CA_KEY } from "../names.ts";

/** The kubelet renews the token when four fifths of its time have passed; ten minutes is the least that it takes. */
const TOKEN_SECONDS = 600;
/** Of the one writable folder, which is on the node's disk. */
const TMP_SIZE = "256Mi";

interface Mounted {
  volume: Volume;
  mount: VolumeMount;
}

const mounted = (volume: Volume, mountPath: string, readOnly = true): Mounted => ({
  volume,
  mount: { name: volume.name, mountPath, ...(readOnly && { readOnly }) },
});

export interface MountInput {
  spec: DriverSpec;
  release: Release;
  /** Name of the template's ConfigMap. */
  configMap: string;
  models: readonly GrantedModel[];
}

/** What a driver's pod mounts. */
export function mounts({ spec, release, configMap, models }: MountInput): Mounted[] {
  return [
    mounted({ name: "driver", configMap: { name: configMap } }, POD_PATHS.driverDir),
    mounted(token("bus-token", BUS_AUDIENCE), POD_PATHS.busTokenDir),
    mounted(token("hub-token", HUB_AUDIENCE), POD_PATHS.hubTokenDir),
    mounted({ name: "tmp", emptyDir: { sizeLimit: TMP_SIZE } }, "/tmp", false),
    ...(trustedAuthorities(release) === undefined ? [] : [mounted(authority, POD_PATHS.caDir)]),
    ...(spec.configSecretRefs.length === 0 ? [] : [mounted(secrets(spec), POD_PATHS.secretsDir)]),
    ...(wantKeys(models) ? [mounted(modelKeys(models), POD_PATHS.modelKeysDir)] : []),
  ];
}

/** Says who the pod is, to one audience. The API server is none of them. */
function token(name: string, audience: string): Volume {
  const serviceAccountToken = { audience, expirationSeconds: TOKEN_SECONDS, path: "token" };
  return { name, projected: { sources: [{ serviceAccountToken }] } };
}

const authority: Volume = {
  name: "bus-ca",
  configMap: { name: CA_CONFIG_MAP, items: [{ key: CA_KEY, path: CA_KEY }] },
};

/** One file per reference, named after the key of the configuration that it fills. */
function secrets(spec: DriverSpec): Volume {
  const sources = spec.configSecretRefs.map(({ name, secretKeyRef }) => ({
    secret: { name: secretKeyRef.name, items: [{ key: secretKeyRef.key, path: name }] },
  }));
  return { name: "secrets", projected: { sources } };
}

export const wantKeys = (models: readonly GrantedModel[]) =>
  models.some(({ keyRef }) => keyRef !== undefined);

/** One file per model that wants a key, named after the model. A Secret that is not there yet keeps no pod from starting: another model may do. */
function modelKeys(models: readonly GrantedModel[]): Volume {
  const sources = models.flatMap(({ file, keyRef }) =>
    keyRef
      ? [{ secret: { name: keyRef.name, items: [{ key: keyRef.key, path: file.name }], optional: true } }]
      : [],
  );
  return { name: "model-keys", projected: { sources } };
}
