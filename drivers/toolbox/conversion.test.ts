import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { convert } from "./conversion.ts";
import { findUnit, units } from "./units.ts";

describe("convert", () => {
  test.each([
    { value: 5, from: "miles", to: "km", result: 8.04672, unit: "km" },
    { value: 100, from: "C", to: "°F", result: 212, unit: "°F" },
    { value: -40, from: "celsius", to: "Fahrenheit", result: -40, unit: "°F" },
    { value: 0, from: "K", to: "C", result: -273.15, unit: "°C" },
    { value: 1, from: "stone", to: "lb", result: 14, unit: "lb" },
    { value: 1, from: "gallon", to: "fl oz", result: 128, unit: "fl oz" },
    { value: 1, from: "imperial  pint", to: "ml", result: 568.26125, unit: "ml" },
    { value: 60, from: "mph", to: "km/h", result: 96.56064, unit: "km/h" },
    { value: 1, from: "knot", to: "m/s", result: 0.514444444444, unit: "m/s" },
    { value: 1, from: "GiB", to: "MB", result: 1073.741824, unit: "MB" },
    { value: 8, from: "Mb", to: "MB", result: 1, unit: "MB" },
    { value: 5, from: "gb", to: "MB", result: 5000, unit: "MB" },
    { value: 0.1, from: "m", to: "cm", result: 10, unit: "cm" },
  ])("$value $from to $to", ({ value, from, to, result, unit }) => {
    expect(convert({ value, from, to })).toMatchObject({ value: result, unit });
  });

  test.each([
    { input: { value: 1, from: "kilometrs", to: "m" }, message: 'did you mean "km"' },
    { input: { value: 1, from: "m", to: "zzzzzz" }, message: "known are length (m," },
    { input: { value: 1, from: "kg", to: "km" }, message: "kg is a unit of mass and km one of length" },
    { input: { value: -300, from: "C", to: "K" }, message: "below absolute zero" },
    { input: { value: 1e308, from: "km", to: "nm" }, message: "too large" },
  ])("refuses $input: $message", ({ input, message }) => {
    expect(() => convert(input)).toThrow(
      expect.objectContaining({ code: "InvalidInput", message: expect.stringContaining(message) }),
    );
  });

  test("there and back again gives the same amount, for any two units of a dimension", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...units),
        fc.nat(),
        fc.double({ min: 1, max: 1e6, noNaN: true }),
        (from, pick, value) => {
          const peers = units.filter((unit) => unit.dimension === from.dimension);
          const to = peers[pick % peers.length] ?? from;
          const there = convert({ value, from: from.symbol, to: to.symbol });
          const back = convert({ value: there.value, from: to.symbol, to: from.symbol });
          // Temperatures shift by hundreds, so twelve digits of the sum leave fewer of the amount.
          expect(Math.abs(back.value - value)).toBeLessThanOrEqual(1e-8 * Math.max(value, 1_000));
        },
      ),
    );
  });

  test("no name stands for two units", () => {
    for (const unit of units)
      for (const name of [unit.symbol, ...unit.names]) expect([name, findUnit(name)]).toEqual([name, unit]);
  });
});
