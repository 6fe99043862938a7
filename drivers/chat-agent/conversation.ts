import { hash } from "node:crypto";
import { type ChatMessage, DriverError, type State, type StateEntry } from "@vextir/driver-runtime";
import type { Config } from "./config.ts";

/** What is kept of a conversation. */
export interface Conversation {
  /** Of what is no longer kept word by word. */
  summary?: string;
  turns: { said: string; answered: string }[];
  /** Of the last answer, in milliseconds since the epoch. */
  atMs: number;
}

export const EMPTY: Conversation = { turns: [], atMs: 0 };
const DAY_MS = 86_400_000;
/** As JSON: a value of the bucket must stay within what the bus takes, a MiB where nothing else is said. */
const MAX_BYTES = 900_000;

/** Where a conversation is kept, and how much of it. */
export interface Place {
  state: Pick<State, "get" | "create" | "update">;
  key: string;
  memory: Config["memory"];
}

/** One user's conversation: nobody reads another's by guessing its id. */
export const conversationKey = (userId: string | undefined, conversationId: string) =>
  `conversation.${hash("sha256", JSON.stringify([userId ?? null, conversationId]), "hex")}`;

/** `now`: milliseconds since the epoch. */
export async function recall({ state, key, memory }: Place, now: number): Promise<Conversation> {
  return alive(await state.get<Conversation>(key), memory, now);
}

/** Another pod that answers in the same conversation at the same moment wins or loses as a whole turn. */
export async function remember(
  { state, key, memory }: Place,
  turn: Conversation["turns"][number],
  now: number,
): Promise<void> {
  // Room for what is not summarised yet.
  const most = { turns: 2 * memory.turns, characters: 2 * memory.characters };
  for (let attempt = 0; ; attempt++) {
    const entry = await state.get<Conversation>(key);
    const before = alive(entry, memory, now);
    const next = bounded({ ...before, turns: [...before.turns, turn], atMs: now }, most);
    try {
      if (entry) await state.update(key, next, entry.revision);
      else await state.create(key, next);
      return;
    } catch (error) {
      if (!isConflict(error) || attempt >= 5) throw error;
    }
  }
}

/**
 * Puts a summary in the place of the older half of a conversation that is more than what is to be kept. One that goes on meanwhile stays
 * as it is: whoever goes on with it finds it too long, too.
 */
export async function condense(
  { state, key, memory }: Place,
  summarise: (older: Conversation) => Promise<string>,
): Promise<void> {
  const entry = await state.get<Conversation>(key);
  if (!entry || !isOverfull(entry.value, memory)) return;
  const { older, rest } = split(entry.value);
  const summary = await summarise(older);
  try {
    await state.update(key, bounded({ ...rest, summary }, memory), entry.revision);
  } catch (error) {
    if (!isConflict(error)) throw error;
  }
}

const isConflict = (error: unknown) => error instanceof DriverError && error.code === "Conflict";

/** Of one that rested too long nothing is left. */
const alive = (entry: StateEntry<Conversation> | undefined, { ttlDays }: Config["memory"], now: number) =>
  entry && now - entry.value.atMs < ttlDays * DAY_MS ? entry.value : EMPTY;

/** As the model is told. */
export function historyOf({ summary, turns }: Conversation): ChatMessage[] {
  const earlier: ChatMessage[] =
    summary === undefined ? [] : [{ role: "system", text: `What was said before, in short:\n${summary}` }];
  return [
    ...earlier,
    ...turns.flatMap(({ said, answered }): ChatMessage[] => [
      { role: "user", text: said },
      { role: "assistant", text: answered },
    ]),
  ];
}

const sizeOf = ({ summary = "", turns }: Conversation) =>
  turns.reduce((sum, { said, answered }) => sum + said.length + answered.length, summary.length);

const bytesOf = (conversation: Conversation) => Buffer.byteLength(JSON.stringify(conversation));

const isOverfull = (conversation: Conversation, { turns, characters }: Config["memory"]) =>
  conversation.turns.length > turns || sizeOf(conversation) > characters;

/** The older half of the turns, and the rest of the conversation. */
export function split(conversation: Conversation): { older: Conversation; rest: Conversation } {
  const { summary, turns, atMs } = conversation;
  const half = Math.ceil(turns.length / 2);
  const older = { turns: turns.slice(0, half), atMs, ...(summary !== undefined && { summary }) };
  return { older, rest: { turns: turns.slice(half), atMs } };
}

/** Within the bounds whatever it was; the newest stay. */
function bounded(conversation: Conversation, most: Pick<Config["memory"], "turns" | "characters">) {
  const max = most.characters;
  let rest: Conversation = {
    ...conversation,
    turns: conversation.turns.slice(-most.turns),
    ...(conversation.summary !== undefined && { summary: conversation.summary.slice(0, max / 4) }),
  };
  while (rest.turns.length > 0 && (sizeOf(rest) > max || bytesOf(rest) > MAX_BYTES))
    rest = { ...rest, turns: rest.turns.slice(1) };
  return rest;
}
