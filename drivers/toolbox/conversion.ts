import { DriverError } from "@vextir/driver-runtime";
import { z } from "zod";
import { nearest } from "./suggestion.ts";
import { type Dimension, findUnit, type Unit, unitNames, units } from "./units.ts";

const UnitName = z.string().min(1).max(60);

export const ConvertInput = z.object({
  value: z.number().describe("The amount."),
  from: UnitName.describe('Its unit, by symbol or name: "mi", "miles", "°C", "GiB", "km/h".'),
  to: UnitName.describe("The unit wanted, of the same dimension."),
});

export const ConvertOutput = z.object({
  value: z.number(),
  unit: z.string().describe("Symbol of the unit."),
  dimension: z.string(),
  text: z.string().describe("For people: 5 mi = 8.04672 km."),
});

/** Twelve significant digits hide the noise of binary fractions and keep more than a measurement has. */
const tidy = (value: number) => Number(value.toPrecision(12));

/** @throws DriverError `InvalidInput`: an unknown unit, two dimensions, below absolute zero, or too large a number. */
export function convert({ value, from, to }: z.infer<typeof ConvertInput>): z.infer<typeof ConvertOutput> {
  const [source, target] = [unitOf(from), unitOf(to)];
  if (source.dimension !== target.dimension)
    throw new DriverError(
      "InvalidInput",
      `${source.symbol} is a unit of ${source.dimension} and ${target.symbol} one of ${target.dimension}: they can't be converted`,
    );
  const base = value * source.factor + source.shift;
  if (source.dimension === "temperature" && tidy(base) < 0)
    throw new DriverError("InvalidInput", `${value} ${source.symbol} is below absolute zero`);
  const result = tidy((base - target.shift) / target.factor);
  if (!Number.isFinite(result))
    throw new DriverError("InvalidInput", `${value} ${source.symbol} is too large for ${target.symbol}`);
  return {
    value: result,
    unit: target.symbol,
    dimension: target.dimension,
    text: `${value} ${source.symbol} = ${result} ${target.symbol}`,
  };
}

function unitOf(name: string): Unit {
  const unit = findUnit(name);
  if (unit) return unit;
  const near = nearest(name.trim(), unitNames());
  const hint = near ? `did you mean "${findUnit(near)?.symbol}"?` : `known are ${knownUnits()}`;
  throw new DriverError("InvalidInput", `no unit "${name.trim()}" is known: ${hint}`);
}

/** `length (m, km, …), mass (…)`: what a caller may ask for. */
export function knownUnits(): string {
  const groups = Map.groupBy(units, (unit): Dimension => unit.dimension);
  return [...groups]
    .map(([dimension, list]) => `${dimension} (${list.map((u) => u.symbol).join(", ")})`)
    .join(", ");
}
