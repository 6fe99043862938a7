/** Why a request is refused, and the status that says so. */
const STATUS = {
  /** The body is not JSON, not UTF-8, or not an event or a batch of them. */
  InvalidBody: 400,
  /** A CloudEvents version other than 1.0. */
  UnknownSpecVersion: 400,
  MissingAttribute: 400,
  InvalidAttribute: 400,
  /** A parameter of the URL, or of a header, is not what it must be. */
  InvalidParameter: 400,
  /** An attribute that says what only the bus can know. */
  ReservedAttribute: 400,
  /** The data breaks the registered schema of its type. */
  InvalidData: 400,
  /** Some events of a batch are invalid: none was published. */
  InvalidBatch: 400,
  BadRequest: 400,
  /** Nobody may do this here without proof of who they are, and the proof is missing or not good. */
  Unauthenticated: 401,
  /** Known, but not allowed to. */
  NotAllowed: 403,
  /** The gateway's Driver does not grant the type. */
  NotGranted: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  RequestTimeout: 408,
  TooLarge: 413,
  UnsupportedMediaType: 415,
  TooManyRequests: 429,
  HeadersTooLarge: 431,
  Internal: 500,
  /** The ledger answered that it failed, or what was not expected. */
  LedgerFailed: 502,
  /** The bus did not confirm the event; sending it again is safe. */
  BusUnavailable: 503,
  /** The ledger is not granted, not there, or slow. */
  LedgerUnavailable: 503,
  /** The keys that a token is checked with can't be had. */
  KeysUnavailable: 503,
  /** As many requests or waits as the gateway takes are under way. */
  Busy: 503,
} as const;

export type ProblemCode = keyof typeof STATUS;
export const PROBLEM_CODES = Object.keys(STATUS) as ProblemCode[];

export interface ProblemOptions extends ErrorOptions {
  /** The attribute or header at fault, as the client wrote it. */
  field?: string;
  /** Further members of the problem's JSON. */
  members?: Record<string, unknown>;
  /** Headers of the answer. */
  headers?: Record<string, string>;
}

/** Seconds after which a 503 may be tried again. */
export const RETRY_AFTER_SECONDS = 1;

/** An answer that is an error; as JSON, a problem of RFC 9457. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly code: ProblemCode;
  readonly field: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly #members: Record<string, unknown>;

  constructor(
    code: ProblemCode,
    detail: string,
    { field, members, headers, ...options }: ProblemOptions = {},
  ) {
    super(detail, options);
    this.code = code;
    this.field = field;
    this.headers = headers ?? {};
    this.#members = members ?? {};
  }

  get status(): number {
    return STATUS[this.code];
  }

  toJSON(): Record<string, unknown> {
    return {
      type: `urn:vextir:problem:${this.code}`,
      title: this.code.replaceAll(/([a-z])([A-Z])/g, "$1 $2"),
      status: this.status,
      detail: this.message,
      ...(this.field !== undefined && { field: this.field }),
      ...this.#members,
    };
  }
}
