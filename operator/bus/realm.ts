import { createHmac, randomUUID } from "node:crypto";
import type { Export, Permissions } from "@nats-io/jwt";
import { HUB_POLICY, subjects, TOOL_SERVER_METHOD } from "@vextir/api";
import type { CalloutBox } from "./callout-box.ts";
import { type AccountClaims, type Claims, signClaims } from "./claims.ts";
import { DerivedKeys, type KeyPurpose } from "./derived-keys.ts";
import {
  accountSigners,
  accountsSigner,
  firstMaterial,
  type KeyMaterial,
  type KeyRef,
  realmMasters,
  realmSigners,
  type Signers,
  trustedSigners,
} from "./key-material.ts";
import { realmLimits } from "./limits.ts";
import { encodeSeed, SigningKey } from "./nkey.ts";

/** An account's id and the keys that sign its users. The id's own key is never needed. */
export interface AccountKeys {
  id: string;
  signingKey: SigningKey;
  /** Public keys whose users the account takes, sorted: two while they are rotated. */
  accepted: readonly string[];
}

/** One of the realm's own accounts, with the claims that nats-server starts with. */
export interface RealmAccount extends AccountKeys {
  name: string;
  /** Without `signing_keys`. */
  claims: AccountClaims;
  jwt: string;
}

/** Somebody who connects with a key instead of a pod's token. */
export interface BusUser {
  jwt: string;
  key: SigningKey;
}

export interface RealmOptions {
  /** Where the operator's identity key is kept outside: its JWT, naming this realm's `operatorSigningKeys`. */
  operatorJwt?: string;
}

/**
 * The realm's own claims are the same in every run (so is the server's configuration), and older than any pushed later,
 * which nats-server therefore keeps.
 */
const REALM_ISSUED_AT = Math.floor(Date.UTC(2026, 0, 1) / 1000);

/** Four times as many as one installation is meant for; each takes some two kilobytes. */
const KNOWN_ACCOUNTS = 20_000;

const SYSTEM_EXPORTS: Export[] = [
  {
    name: "account-monitoring-services",
    subject: "$SYS.REQ.ACCOUNT.*.*",
    type: "service",
    account_token_position: 4,
    response_type: "Stream",
  },
  {
    name: "account-monitoring-streams",
    subject: "$SYS.ACCOUNT.*.>",
    type: "stream",
    account_token_position: 3,
  },
];

const REPORT_EXPORT: Export = {
  name: "report",
  subject: "report.>",
  type: "service",
  response_type: "Singleton",
  response_threshold: 30e9,
};

const SYSTEM_USER: Permissions = {
  pub: {
    allow: [
      "$SYS.REQ.CLAIMS.UPDATE",
      "$SYS.REQ.CLAIMS.DELETE",
      "$SYS.REQ.CLAIMS.LIST",
      "$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP",
      "$SYS.REQ.ACCOUNT.PING.STATZ",
      "$SYS.REQ.SERVER.PING.STATSZ",
      // Which operator each server knows.
      "$SYS.REQ.SERVER.PING.VARZ",
      "$SYS.REQ.SERVER.*.RELOAD",
    ],
  },
  sub: { allow: ["_INBOX.>"] },
};
const CALLOUT_USER: Permissions = { sub: { allow: ["$SYS.REQ.USER.AUTH"] }, resp: { max: 1, ttl: 10e9 } };
const REPORT_USER: Permissions = { sub: { allow: ["report.*.*"] }, resp: { max: 1, ttl: 60e9 } };
/** Looks, and hears what is to wake somebody; changes nothing. */
const SCALING_USER: Permissions = {
  pub: { allow: ["$JS.API.CONSUMER.LIST.*", "$JS.API.CONSUMER.INFO.*.*"] },
  sub: { allow: ["pub.>", "run.>", "to.>", "wake.*", "_INBOX.>"] },
  resp: { max: 1, ttl: 5e9 },
};
const SCALING_ANSWERS: Permissions = {
  sub: { allow: ["scaling.*.*"] },
  resp: { max: 1, ttl: 5e9 },
};
const SCALING_QUESTIONS: Permissions = { pub: { allow: ["scaling.*.*"] }, sub: { allow: ["_INBOX.>"] } };
/** Who asks a driver how the server does that it stands for. */
export const TOOL_SERVER_ASKER = "vextir-operator";
const TOOL_SERVER_USER: Permissions = {
  pub: { allow: [subjects.call("*", TOOL_SERVER_METHOD, TOOL_SERVER_ASKER)] },
  sub: { allow: ["_INBOX.>"] },
};
const IN_HAND_USER: Permissions = { pub: { allow: [subjects.inHand] }, sub: { allow: ["_INBOX.>"] } };
/** The leader says what is granted in the context hub, the hub hears it: neither may do what the other does. */
const HUB_POLICY_USER: Permissions = {
  pub: { allow: [HUB_POLICY.beat, HUB_POLICY.changed] },
  sub: { allow: [HUB_POLICY.page] },
  resp: { max: 1, ttl: 10e9 },
};
const HUB_USER: Permissions = {
  pub: { allow: [HUB_POLICY.page] },
  sub: { allow: [HUB_POLICY.beat, HUB_POLICY.changed, "_INBOX.>"] },
};
const NOTHING: Permissions = { pub: { deny: [">"] }, sub: { deny: [">"] } };

/** What follows from one state of the key material. */
interface Derived {
  material: KeyMaterial;
  /** Makes ids: nothing is signed with it. */
  identity: DerivedKeys;
  signer: SigningKey;
  operatorJwt: string;
  operatorSigningKeys: readonly string[];
  system: RealmAccount;
  auth: RealmAccount;
  vextir: RealmAccount;
  calloutBoxes: readonly CalloutBox[];
  sentinelJwt: string;
  /** By id. Deriving takes a quarter of a millisecond, and every reconciliation and connect asks. */
  accounts: Map<string, AccountKeys>;
}

/**
 * All that follows from the key material: the NATS operator, its own accounts, and the keys of everybody else's. While keys are
 * rotated the material changes (`use`), and everything with it but the accounts' ids.
 */
export class Realm {
  readonly #options: RealmOptions;
  #derived: Derived;
  /** By the driver's uid; they never change. */
  readonly #driverIds = new Map<string, string>();

  constructor(material: KeyMaterial, options: RealmOptions = {}) {
    this.#options = options;
    this.#derived = derive(material, options);
  }

  get material(): KeyMaterial {
    return this.#derived.material;
  }

  /** Takes the material as it is now. */
  use(material: KeyMaterial): void {
    this.#derived = derive(material, this.#options);
  }

  get operatorJwt(): string {
    return this.#derived.operatorJwt;
  }
  /** All are trusted from the start: the operator's JWT can't be reloaded, so a rotation needs the next ones there. */
  get operatorSigningKeys(): readonly string[] {
    return this.#derived.operatorSigningKeys;
  }
  /** nats-server's system account. */
  get system(): RealmAccount {
    return this.#derived.system;
  }
  /** Where the auth callout is asked. */
  get auth(): RealmAccount {
    return this.#derived.auth;
  }
  /** The operator's own account: drivers report to it. */
  get vextir(): RealmAccount {
    return this.#derived.vextir;
  }
  /** Encrypt between nats-server and the auth callout; several while the master is rotated. */
  get calloutBoxes(): readonly CalloutBox[] {
    return this.#derived.calloutBoxes;
  }
  /** The user that everybody is who brings only a token, until the callout has answered. */
  get sentinelJwt(): string {
    return this.#derived.sentinelJwt;
  }

  /** The account of the driver with this uid. */
  driverAccount(uid: string): AccountKeys {
    return this.accountKeys(remembered(this.#driverIds, uid, () => this.accountId("driver-account", uid)));
  }

  /** The id of a bus account that is not pinned yet, of the EventBus with this uid. */
  newBusAccountId(uid: string): string {
    return this.accountId("bus-account", uid);
  }

  /** Of an account by its id: a pinned bus account outlives the object whose uid it was made of. */
  accountKeys(id: string): AccountKeys {
    const { accounts, material } = this.#derived;
    return remembered(accounts, id, () => keysOf(id, accountSigners(material, id)));
  }

  /** Of a message that drivers could write too: the same for the same words, and nobody else's guess. */
  messageId(words: string): string {
    const key = this.#derived.identity.bytes("message-ids", "", 1);
    return createHmac("sha256", key).update(words).digest("base64url");
  }

  private accountId(purpose: KeyPurpose, uid: string): string {
    return this.#derived.identity.signing("account", purpose, uid).publicKey;
  }

  /**
   * Claims of an account, as they are pushed: never twice the same text. nats-server takes the text that it had for no
   * change, also when the account was deleted meanwhile, which then stays disabled (measured, 2.15.2).
   */
  signAccount(accountId: string, name: string, claims: AccountClaims, issuedAt: number): string {
    const content: Claims = {
      type: "account",
      id: randomUUID(),
      issuedAt,
      name,
      subject: accountId,
      nats: { ...claims },
    };
    return signClaims(content, this.#derived.signer);
  }

  /** Public key that signs the accounts. */
  get signer(): string {
    return this.#derived.signer.publicKey;
  }

  /** The request that deletes accounts. */
  signDeletion(accountIds: readonly string[]): string {
    const { signer } = this.#derived;
    const subject = signer.publicKey;
    return signClaims({ type: "generic", name: "delete", subject, nats: { accounts: accountIds } }, signer);
  }

  /** Who pushes accounts. */
  systemUser = (): BusUser => this.internalUser(this.system, "authority", SYSTEM_USER);
  /** Who answers the auth callout. */
  calloutUser = (): BusUser => this.internalUser(this.auth, "callout", CALLOUT_USER);
  /** Who hears the drivers' reports. */
  reportUser = (): BusUser => this.internalUser(this.vextir, "reports", REPORT_USER);
  /** Who tells the context hub what is granted. */
  hubPolicyUser = (): BusUser => this.internalUser(this.vextir, "hub-policy", HUB_POLICY_USER);
  /** Of the context hub's user, as NATS' clients read them (a `.creds` file): the same until the master is another. */
  hubCredentials = (): string => {
    const seed = userSeed(this.material.master, "context-hub");
    const subject = new SigningKey("user", seed).publicKey;
    const user = { name: "context-hub", subject, permissions: HUB_USER, issuedAt: REALM_ISSUED_AT };
    return credentialsText(signUser(this.vextir, user), encodeSeed("user", seed));
  };
  /** Who makes a tenant's streams and consumers; may do everything in its bus account. */
  tenantUser = (account: AccountKeys): BusUser => this.internalUser(account, "tenant-admin", {});

  /** Who reads the lag of a tenant's drivers, in its bus account. */
  scalingUser = (account: AccountKeys): BusUser => this.internalUser(account, "scaling", SCALING_USER);
  /** Who tells how drivers are scaled, and who asks it. */
  scalingAnswerUser = (): BusUser => this.internalUser(this.vextir, "scaling-answers", SCALING_ANSWERS);
  scalingQuestionUser = (): BusUser => this.internalUser(this.vextir, "scaling-questions", SCALING_QUESTIONS);
  /** Who asks a driver's pods what they have in hand, in the driver's account. */
  inHandUser = (account: AccountKeys): BusUser => this.internalUser(account, "in-hand", IN_HAND_USER);

  /** Who asks how the server does that the driver stands for, in the driver's account. */
  toolServerUser = (account: AccountKeys): BusUser =>
    this.internalUser(account, "tool-server", TOOL_SERVER_USER);

  /** A user of the account, for a key that somebody else holds. */
  signUser(account: AccountKeys, user: UserClaims): string {
    return signUser(account, user);
  }

  private internalUser(account: AccountKeys, name: string, permissions: Permissions): BusUser {
    const key = userKey(this.material.master, name);
    return { key, jwt: signUser(account, { name, subject: key.publicKey, permissions }) };
  }
}

export interface UserClaims {
  name: string;
  /** The user's public key. */
  subject: string;
  permissions?: Permissions;
  /** Whoever has the JWT is the user. */
  bearer?: boolean;
  /** Seconds since 1970. */
  expiresAt?: number;
  /** Seconds since 1970. */
  issuedAt?: number;
}

function derive(material: KeyMaterial, options: RealmOptions): Derived {
  const identity = new DerivedKeys(material.identity);
  const signer = signingKey("operator", "operator-signing", "", accountsSigner(material));
  const masters = realmMasters(material);
  const boxes = masters.map((master) => new DerivedKeys(master).box("callout-xkey"));
  const realm = { material, identity, signer };
  const system = realmAccount(realm, "SYS", "system-account", { exports: SYSTEM_EXPORTS });
  const auth = realmAccount(realm, "AUTH", "auth-account", {
    authorization: {
      auth_users: masters.map((master) => userKey(master, "callout").publicKey).sort(),
      allowed_accounts: ["*"],
      xkey: calloutKey(material, boxes),
    },
  });
  const vextir = realmAccount(realm, "vextir", "vextir-account", { exports: [REPORT_EXPORT] });
  const operatorSigningKeys = trustedSigners(material).map(
    (key) => signingKey("operator", "operator-signing", "", key).publicKey,
  );
  return {
    ...realm,
    ...{ system, auth, vextir, operatorSigningKeys },
    calloutBoxes: boxes,
    operatorJwt: options.operatorJwt ?? signOperator(material, operatorSigningKeys, system.id),
    sentinelJwt: signUser(auth, {
      name: "sentinel",
      subject: userKey(material.master, "sentinel").publicKey,
      permissions: NOTHING,
      bearer: true,
      issuedAt: REALM_ISSUED_AT,
    }),
    accounts: new Map([system, auth, vextir].map((account) => [account.id, account])),
  };
}

function remembered<T>(known: Map<string, T>, key: string, make: () => T): T {
  const found = known.get(key);
  if (found !== undefined) return found;
  const [oldest] = known.keys();
  if (known.size >= KNOWN_ACCOUNTS && oldest !== undefined) known.delete(oldest);
  const made = make();
  known.set(key, made);
  return made;
}

/** The new key only when every replica is known to have it: who has not can't read what the server asks. */
function calloutKey({ state, previous }: KeyMaterial, boxes: readonly CalloutBox[]): string {
  const isOld = previous !== undefined && state.rotation?.phase === "switching";
  return (isOld ? boxes.at(-1) : boxes[0])?.publicKey ?? "";
}

function realmAccount(
  { material, identity, signer }: Pick<Derived, "material" | "identity" | "signer">,
  name: string,
  purpose: KeyPurpose,
  claims: AccountClaims,
): RealmAccount {
  const keys = keysOf(identity.signing("account", purpose).publicKey, realmSigners(material));
  const own = { ...claims, limits: realmLimits(name === "AUTH") };
  const nats = { ...own, signing_keys: [...keys.accepted] };
  const content: Claims = { type: "account", name, subject: keys.id, nats, issuedAt: REALM_ISSUED_AT };
  return { ...keys, name, claims: own, jwt: signClaims(content, signer) };
}

function keysOf(id: string, { sign, accept }: Signers): AccountKeys {
  const key = (ref: KeyRef) => signingKey("account", "account-signing", id, ref);
  return { id, signingKey: key(sign), accepted: accept.map((ref) => key(ref).publicKey).sort() };
}

const signingKey = (kind: "operator" | "account", purpose: KeyPurpose, uid: string, key: KeyRef) =>
  new DerivedKeys(key.master).signing(kind, purpose, uid, key.epoch);

const userSeed = (master: Uint8Array, name: string) =>
  new DerivedKeys(master).bytes("internal-user", name, 1);

const userKey = (master: Uint8Array, name: string) => new SigningKey("user", userSeed(master, name));

const credentialsText = (jwt: string, seed: string) =>
  [block("NATS USER JWT", jwt), block("USER NKEY SEED", seed)].join("\n");

const block = (name: string, text: string) => `-----BEGIN ${name}-----\n${text}\n------END ${name}------\n`;

function signUser(account: AccountKeys, user: UserClaims): string {
  const { name, subject, permissions = {}, bearer = false, expiresAt, issuedAt } = user;
  const claims: Claims = {
    type: "user",
    name,
    subject,
    nats: {
      issuer_account: account.id,
      ...permissions,
      subs: -1,
      data: -1,
      payload: -1,
      ...(bearer && { bearer_token: true }),
    },
    ...(expiresAt !== undefined && { expiresAt }),
    ...(issuedAt !== undefined && { issuedAt }),
  };
  return signClaims(claims, account.signingKey);
}

function signOperator({ master }: KeyMaterial, signingKeys: readonly string[], systemId: string): string {
  const identity = new DerivedKeys(master).signing("operator", "operator");
  return signClaims(
    {
      type: "operator",
      name: "vextir",
      subject: identity.publicKey,
      nats: { signing_keys: signingKeys, system_account: systemId, strict_signing_key_usage: true },
      issuedAt: REALM_ISSUED_AT,
    },
    identity,
  );
}

/** @param master 32 random bytes, where nothing but it is kept; or all that is: who has it owns the bus. */
export function createRealm(master: Uint8Array | KeyMaterial, options?: RealmOptions): Realm {
  if (!(master instanceof Uint8Array)) return new Realm(master, options);
  const next = new DerivedKeys(master).bytes("next-master", "", 1);
  return new Realm(firstMaterial(master, master, next), options);
}
