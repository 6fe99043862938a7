import {
  type DeadLetterDetail,
  type DeadLetterPage,
  DeadLetterSelection,
  type LettersDone,
  RedriveRequest,
  type ReplayPage,
  ReplayRequest,
} from "@vextir/api";
import { z } from "zod";
import type { Redelivery } from "../bus/index.ts";
import { ApiProblem } from "./problem.ts";

export interface LettersOptions {
  redelivery: Pick<Redelivery, "list" | "show" | "redrive" | "drop" | "replay">;
  /** Whether the operator works in the namespace. */
  watches: (namespace: string) => boolean;
}

interface Whose {
  namespace: string;
  /** Absent: of all drivers. */
  name?: string;
}

const NUMBERS = ["after", "through", "limit"];

/** Dead letters and replays, as they are asked for over HTTP. Throws ApiProblem, BusError. */
export class Letters {
  readonly #options: LettersOptions;

  constructor(options: LettersOptions) {
    this.#options = options;
  }

  list(whose: Whose, query: URLSearchParams): Promise<DeadLetterPage> {
    const given = [...query].map(([name, value]) => [name, NUMBERS.includes(name) ? Number(value) : value]);
    const selection = understood(DeadLetterSelection, Object.fromEntries(given));
    return this.#in(whose).list(whose.namespace, mine(selection, whose));
  }

  async show(whose: Whose, sequence: number): Promise<DeadLetterDetail> {
    const found = await this.#in(whose).show(whose.namespace, sequence);
    if (found && (whose.name === undefined || found.letter.driver === whose.name)) return found;
    throw new ApiProblem(
      "NotFound",
      `there is no dead letter ${sequence} in the namespace ${whose.namespace}`,
    );
  }

  redrive(whose: Whose, body: unknown): Promise<LettersDone> {
    const request = mine(understood(RedriveRequest, body), whose);
    return this.#in(whose).redrive(whose.namespace, request);
  }

  drop(whose: Whose, body: unknown): Promise<LettersDone> {
    const selection = mine(understood(DeadLetterSelection, body), whose);
    return this.#in(whose).drop(whose.namespace, selection);
  }

  async replay({ namespace, name }: Required<Whose>, body: unknown): Promise<ReplayPage> {
    const request = understood(ReplayRequest, body);
    const page = await this.#in({ namespace }).replay(namespace, name, request);
    if (page) return page;
    throw new ApiProblem(
      "NotFound",
      `there is no Driver ${namespace}/${name}, or it has no subscription of events`,
    );
  }

  #in({ namespace }: Whose): LettersOptions["redelivery"] {
    const { redelivery, watches } = this.#options;
    if (watches(namespace)) return redelivery;
    throw new ApiProblem("NotFound", "the operator does not work in this namespace");
  }
}

/** Who may so for one driver is given none of another. */
function mine<T extends DeadLetterSelection>(selection: T, { name }: Whose): T {
  if (name === undefined) return selection;
  if (selection.driver === undefined || selection.driver === name) return { ...selection, driver: name };
  throw new ApiProblem("BadRequest", `driver: this path is of ${name} alone`);
}

function understood<T extends z.ZodType>(schema: T, input: unknown): z.output<T> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  throw new ApiProblem("BadRequest", z.prettifyError(result.error));
}
