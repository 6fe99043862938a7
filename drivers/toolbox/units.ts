/** One unit: `value * factor + shift` gives the dimension's base unit. */
export interface Unit {
  symbol: string;
  names: readonly string[];
  factor: number;
  shift: number;
  dimension: Dimension;
}

export type Dimension = keyof typeof TABLE;

type Row = readonly [symbol: string, factor: number, names: string, shift?: number];

const INCH = 0.0254;
const POUND = 0.45359237;
/** US gallon in litres: 231 cubic inches. */
const GALLON = 3.785411784;
const IMPERIAL_GALLON = 4.54609;

/**
 * Factors are exact: international yard and pound (1959), NIST SP 811 appendix B, IEC 80000-13 for data. Where a name is
 * spoken of in several sizes (gallon, pint, cup, fluid ounce) the plain one is the US customary unit.
 */
const TABLE = {
  length: [
    ["m", 1, "metre metres meter meters"],
    ["nm", 1e-9, "nanometre nanometres nanometer nanometers"],
    ["µm", 1e-6, "um micrometre micrometres micrometer micrometers micron microns"],
    ["mm", 1e-3, "millimetre millimetres millimeter millimeters"],
    ["cm", 1e-2, "centimetre centimetres centimeter centimeters"],
    ["dm", 1e-1, "decimetre decimetres decimeter decimeters"],
    ["km", 1e3, "kilometre kilometres kilometer kilometers kms"],
    ["in", INCH, "inch inches"],
    ["ft", INCH * 12, "foot feet"],
    ["yd", INCH * 36, "yard yards"],
    ["mi", 1609.344, "mile miles"],
    ["nmi", 1852, "nautical-mile nautical-miles"],
  ],
  mass: [
    ["kg", 1, "kilogram kilograms kilo kilos kilogramme kilogrammes"],
    ["µg", 1e-9, "ug mcg microgram micrograms"],
    ["mg", 1e-6, "milligram milligrams"],
    ["g", 1e-3, "gram grams gramme grammes"],
    ["t", 1e3, "tonne tonnes metric-ton metric-tons"],
    ["oz", POUND / 16, "ounce ounces"],
    ["lb", POUND, "lbs pound pounds"],
    ["st", POUND * 14, "stone stones"],
    ["short ton", POUND * 2_000, "short-ton short-tons us-ton us-tons"],
    ["long ton", POUND * 2_240, "long-ton long-tons imperial-ton imperial-tons"],
  ],
  temperature: [
    ["K", 1, "kelvin kelvins"],
    ["°C", 1, "c celsius centigrade degc degrees-celsius", 273.15],
    ["°F", 5 / 9, "f fahrenheit degf degrees-fahrenheit", 459.67 * (5 / 9)],
    ["°R", 5 / 9, "rankine degr"],
  ],
  volume: [
    ["l", 1, "litre litres liter liters"],
    [
      "ml",
      1e-3,
      "millilitre millilitres milliliter milliliters cc cm3 cm³ cubic-centimetre cubic-centimetres",
    ],
    ["cl", 1e-2, "centilitre centilitres centiliter centiliters"],
    ["dl", 1e-1, "decilitre decilitres deciliter deciliters"],
    ["m³", 1e3, "m3 cubic-metre cubic-metres cubic-meter cubic-meters"],
    ["ft³", (INCH * 12) ** 3 * 1e3, "ft3 cubic-foot cubic-feet"],
    ["in³", INCH ** 3 * 1e3, "in3 cubic-inch cubic-inches"],
    ["tsp", GALLON / 768, "teaspoon teaspoons"],
    ["tbsp", GALLON / 256, "tablespoon tablespoons"],
    ["fl oz", GALLON / 128, "floz fluid-ounce fluid-ounces"],
    ["cup", GALLON / 16, "cups"],
    ["pt", GALLON / 8, "pint pints"],
    ["qt", GALLON / 4, "quart quarts"],
    ["gal", GALLON, "gallon gallons us-gallon us-gallons"],
    ["imp pt", IMPERIAL_GALLON / 8, "imperial-pint imperial-pints uk-pint uk-pints"],
    ["imp gal", IMPERIAL_GALLON, "imperial-gallon imperial-gallons uk-gallon uk-gallons"],
  ],
  speed: [
    ["m/s", 1, "mps metres-per-second meters-per-second"],
    ["km/h", 1 / 3.6, "kmh kph kmph kilometres-per-hour kilometers-per-hour"],
    ["mph", 0.44704, "mi/h miles-per-hour"],
    ["kn", 1852 / 3_600, "kt kts knot knots"],
    ["ft/s", INCH * 12, "fps feet-per-second"],
  ],
  data: [
    ["B", 8, "byte bytes"],
    ["kB", 8e3, "kb kilobyte kilobytes"],
    ["MB", 8e6, "megabyte megabytes"],
    ["GB", 8e9, "gigabyte gigabytes"],
    ["TB", 8e12, "terabyte terabytes"],
    ["PB", 8e15, "petabyte petabytes"],
    ["KiB", 8 * 2 ** 10, "kibibyte kibibytes"],
    ["MiB", 8 * 2 ** 20, "mebibyte mebibytes"],
    ["GiB", 8 * 2 ** 30, "gibibyte gibibytes"],
    ["TiB", 8 * 2 ** 40, "tebibyte tebibytes"],
    ["PiB", 8 * 2 ** 50, "pebibyte pebibytes"],
    ["bit", 1, "bits"],
    ["kbit", 1e3, "kilobit kilobits"],
    ["Mbit", 1e6, "Mb megabit megabits"],
    ["Gbit", 1e9, "Gb gigabit gigabits"],
    ["Tbit", 1e12, "Tb terabit terabits"],
  ],
} satisfies Record<string, readonly Row[]>;

export const units: readonly Unit[] = (Object.entries(TABLE) as [Dimension, readonly Row[]][]).flatMap(
  ([dimension, rows]) =>
    rows.map(([symbol, factor, names, shift = 0]) => ({
      symbol,
      names: names.split(" ").map((name) => name.replaceAll("-", " ")),
      factor,
      shift,
      dimension,
    })),
);

const exact = new Map<string, Unit>();
const anyCase = new Map<string, Unit>();
for (const unit of units) {
  for (const name of [unit.symbol, ...unit.names]) {
    if (!exact.has(name)) exact.set(name, unit);
    // `gb` is mostly meant as GB: the unit that stands first in the table wins.
    if (!anyCase.has(name.toLowerCase())) anyCase.set(name.toLowerCase(), unit);
  }
}

/** By symbol or name; case counts only where it tells two units apart (`MB`, `Mb`). */
export function findUnit(name: string): Unit | undefined {
  const typed = name.trim().replaceAll(/\s+/g, " ");
  return exact.get(typed) ?? anyCase.get(typed.toLowerCase());
}

export const unitNames = (): Iterable<string> => anyCase.keys();
