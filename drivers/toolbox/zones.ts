import { DriverError } from "@vextir/driver-runtime";
import { nearest } from "./suggestion.ts";

/** Well-known cities that lend no zone their name, or whose zone still has an older one. */
const ALIASES: Readonly<Record<string, string>> = {
  "abu dhabi": "Asia/Dubai",
  bangalore: "Asia/Kolkata",
  barcelona: "Europe/Madrid",
  beijing: "Asia/Shanghai",
  bengaluru: "Asia/Kolkata",
  bern: "Europe/Zurich",
  boston: "America/New_York",
  brasilia: "America/Sao_Paulo",
  canberra: "Australia/Sydney",
  "cape town": "Africa/Johannesburg",
  chennai: "Asia/Kolkata",
  cologne: "Europe/Berlin",
  dallas: "America/Chicago",
  delhi: "Asia/Kolkata",
  edinburgh: "Europe/London",
  frankfurt: "Europe/Berlin",
  geneva: "Europe/Zurich",
  hamburg: "Europe/Berlin",
  hanoi: "Asia/Bangkok",
  "ho chi minh city": "Asia/Ho_Chi_Minh",
  houston: "America/Chicago",
  hyderabad: "Asia/Kolkata",
  kathmandu: "Asia/Kathmandu",
  kolkata: "Asia/Kolkata",
  kyiv: "Europe/Kyiv",
  kyoto: "Asia/Tokyo",
  "las vegas": "America/Los_Angeles",
  lyon: "Europe/Paris",
  manchester: "Europe/London",
  marseille: "Europe/Paris",
  miami: "America/New_York",
  milan: "Europe/Rome",
  montreal: "America/Toronto",
  mumbai: "Asia/Kolkata",
  munich: "Europe/Berlin",
  "new delhi": "Asia/Kolkata",
  osaka: "Asia/Tokyo",
  ottawa: "America/Toronto",
  philadelphia: "America/New_York",
  "rio de janeiro": "America/Sao_Paulo",
  rotterdam: "Europe/Amsterdam",
  "san francisco": "America/Los_Angeles",
  seattle: "America/Los_Angeles",
  shenzhen: "Asia/Shanghai",
  "tel aviv": "Asia/Jerusalem",
  "the hague": "Europe/Amsterdam",
  washington: "America/New_York",
  wellington: "Pacific/Auckland",
  yangon: "Asia/Yangon",
};

const zones = Intl.supportedValuesOf("timeZone");

/** `new york` -> `America/New_York`: the last part of a zone's name is mostly a city. */
const cities = new Map<string, string>([
  ...zones.map((zone): [string, string] => [cityOf(zone), zone]),
  ...Object.entries(ALIASES),
]);

function cityOf(zone: string): string {
  return zone
    .slice(zone.lastIndexOf("/") + 1)
    .replaceAll("_", " ")
    .toLowerCase();
}

/**
 * The IANA zone that is meant by a zone's name (any case), a UTC offset (`+05:30`) or a city.
 * @throws DriverError `InvalidInput`, with the nearest name that there is.
 */
export function resolveZone(name: string): string {
  const typed = name.trim().replaceAll(/\s+/g, " ");
  const zone = cities.get(typed.toLowerCase()) ?? known(typed) ?? known(typed.replaceAll(" ", "_"));
  if (zone) return zone;
  const near = nearest(typed, [...zones, ...cities.keys()]);
  const hint = near
    ? `did you mean "${cities.get(near) ?? near}"?`
    : 'give an IANA name such as "Europe/Berlin"';
  throw new DriverError("InvalidInput", `no time zone or city "${typed}" is known: ${hint}`);
}

function known(timeZone: string): string | undefined {
  try {
    return new Intl.DateTimeFormat("en", { timeZone }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}
