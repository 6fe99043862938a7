import { KEYS, SECRETS } from "../bootstrap/names.ts";
import type { OwnSecrets, SecretData } from "../bootstrap/secrets.ts";
import { type Authority, dueStep, isChanging, settled, switched } from "./authority.ts";
import type { KeyedCertificate } from "./certificate-check.ts";

const NEXT = { certificate: "next.crt", privateKey: "next.key" } as const;
const PREVIOUS = "previous.crt";
const NAME = "vextir";

/** Needed once in ninety days: an operator that finds its certificates must not carry what makes them. */
const loadIssuer = () => import("./issuing.ts");

/** The authority in the Secret `vextir-ca`. Throws ClusterError, and TypeError when the Secret lacks a key. */
export class AuthorityStore {
  readonly #secrets: OwnSecrets;

  constructor(secrets: OwnSecrets) {
    this.#secrets = secrets;
  }

  /** Made where it is absent, and as far as the time says. */
  async ensure(now: number): Promise<Authority> {
    const data = await this.#secrets.readOrCreate(SECRETS.authority, async () => {
      const { createAuthority } = await loadIssuer();
      return encoded({ current: await createAuthority(NAME, now) });
    });
    const authority = decoded(data);
    return dueStep(authority, now) === undefined ? authority : this.#step(now);
  }

  /**
   * Announces another authority, unless a change is under way. @returns whether it was announced.
   * @throws TypeError where there is none to change.
   */
  async change(now: number): Promise<boolean> {
    const { createAuthority } = await loadIssuer();
    const next = await createAuthority(NAME, now);
    let announced = false;
    await this.#secrets.edit(SECRETS.authority, (data) => {
      const authority = decoded(data);
      announced = !isChanging(authority);
      return announced ? encoded({ ...authority, next }) : data;
    });
    return announced;
  }

  async #step(now: number): Promise<Authority> {
    const { createAuthority } = await loadIssuer();
    const next = await createAuthority(NAME, now);
    let made: Authority | undefined;
    await this.#secrets.edit(SECRETS.authority, (data) => {
      const authority = decoded(data);
      const step = dueStep(authority, now);
      made =
        step === "announce"
          ? { ...authority, next }
          : step === "switch"
            ? switched(authority)
            : step === "forget"
              ? settled(authority)
              : authority;
      return encoded(made);
    });
    return made as Authority;
  }
}

function encoded({ current, next, previous }: Authority): SecretData {
  return {
    [KEYS.certificate]: Buffer.from(current.certificate),
    [KEYS.privateKey]: Buffer.from(current.privateKey),
    ...(next && {
      [NEXT.certificate]: Buffer.from(next.certificate),
      [NEXT.privateKey]: Buffer.from(next.privateKey),
    }),
    ...(previous !== undefined && { [PREVIOUS]: Buffer.from(previous) }),
  };
}

function decoded(data: SecretData): Authority {
  const current = pairOf(data, KEYS.certificate, KEYS.privateKey);
  if (!current)
    throw new TypeError(
      `Secret ${SECRETS.authority} has no ${KEYS.certificate} and ${KEYS.privateKey}: restore it from a backup, or delete it to begin anew`,
    );
  const next = pairOf(data, NEXT.certificate, NEXT.privateKey);
  const previous = data[PREVIOUS]?.toString();
  return { current, ...(next && { next }), ...(previous !== undefined && { previous }) };
}

function pairOf(data: SecretData, certificate: string, privateKey: string): KeyedCertificate | undefined {
  const [made, key] = [data[certificate]?.toString(), data[privateKey]?.toString()];
  return made && key ? { certificate: made, privateKey: key } : undefined;
}
