const RANGE = /^\s*([\w!#$&^.+*-]+)\/([\w!#$&^.+*-]+)\s*((?:;[^;]*)*)$/;
const QUALITY = /^\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*$/i;

interface Range {
  type: string;
  subtype: string;
  quality: number;
}

/**
 * The media type of those offered that the header `Accept` likes best (RFC 9110, section 12.5.1); of equals the first. Where it
 * likes none, the first one too: section 15.5.7 leaves that open, and an answer in another form serves better than none.
 */
export function preferred<T extends string>(header: string | undefined, offered: readonly [T, ...T[]]): T {
  const ranges = (header ?? "").split(",").flatMap(rangeOf);
  let [best] = offered;
  let quality = 0;
  for (const offer of offered) {
    const found = qualityOf(offer, ranges);
    if (found <= quality) continue;
    best = offer;
    quality = found;
  }
  return best;
}

/** What can't be read is left out. */
function rangeOf(text: string): Range[] {
  const [, type, subtype, parameters = ""] = RANGE.exec(text) ?? [];
  if (type === undefined || subtype === undefined) return [];
  const quality = parameters
    .split(";")
    .map((parameter) => QUALITY.exec(parameter)?.[1])
    .find((each) => each !== undefined);
  return [{ type: type.toLowerCase(), subtype: subtype.toLowerCase(), quality: Number(quality ?? 1) }];
}

/** By the range that names it most closely; without one, none. */
function qualityOf(offer: string, ranges: readonly Range[]): number {
  const [type, subtype] = offer.split("/", 2);
  const of = (wantedType: string | undefined, wantedSubtype: string | undefined) =>
    ranges.find((range) => range.type === wantedType && range.subtype === wantedSubtype)?.quality;
  return of(type, subtype) ?? of(type, "*") ?? of("*", "*") ?? 0;
}
