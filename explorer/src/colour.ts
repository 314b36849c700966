/** The palette of striate's figures (striate/see/palette.py), which colour-blind readers can tell apart. */

import type { Numbers } from "./api";

export const BLUE = "#1f5fbf", ORANGE = "#cf5a12", INK = "#17212d";
const ABOVE = [31, 95, 191], BELOW = [207, 90, 18];
const HEAT = [[0, 34, 78], [65, 77, 107], [124, 123, 120], [187, 175, 113], [254, 232, 56]];

export type Colour = [number, number, number];
/** How numbers become colours: evenly from `low` to `high` through a table; `zero` is the level of what is no number. */
export interface Scale { low: number; high: number; zero: number; colours: Uint32Array }

export const LEVELS = 1024;
const IS_LITTLE = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** A table of pixels for shares from 0 to 1: a colour is looked up, not computed. */
function table(colour: (share: number) => Colour): Uint32Array {
  return Uint32Array.from({ length: LEVELS + 1 }, (_, i) => packed(colour(i / LEVELS)));
}

/** A colour as one pixel of a canvas. */
function packed([red, green, blue]: Colour): number {
  return IS_LITTLE ? (255 << 24) | (blue << 16) | (green << 8) | red : (red << 24) | (green << 16) | (blue << 8) | 255;
}

/** Part of the way from one colour to another. */
function between(from: number[], to: number[], share: number): Colour {
  return [0, 1, 2].map((i) => Math.round(from[i] + (to[i] - from[i]) * share)) as Colour;
}

const WHITE = [255, 255, 255], BLACK = [0, 0, 0];
const HEATS = table((share) => {
  const place = share * (HEAT.length - 1), first = Math.min(HEAT.length - 2, Math.floor(place));
  return between(HEAT[first], HEAT[first + 1], place - first);
});
const SIGNS = table((share) => between(WHITE, share > 0.5 ? ABOVE : BELOW, Math.abs(2 * share - 1)));
const GREYS = table((share) => between(BLACK, WHITE, share));

/** Dark blue for `low`, over grey to yellow for `high`. */
export function heat(low: number, high: number): Scale { return { low, high, zero: 0, colours: HEATS }; }

/** White at zero, blue above, orange below; full at `largest`. */
export function signed(largest: number): Scale {
  return { low: -(largest || 1), high: largest || 1, zero: LEVELS / 2, colours: SIGNS };
}

/** Heat where nothing is below zero, signed colours else. */
export function scaleFor(low: number, high: number): Scale {
  return low >= 0 ? heat(0, high) : signed(Math.max(-low, high));
}

/** Dark for the smallest, bright for the largest: a photograph. */
export function grey(low: number, high: number): Scale { return { low, high, zero: 0, colours: GREYS }; }

/** The pixel of a number. */
export function pixel(scale: Scale, value: number): number {
  const { low, high, zero, colours } = scale, level = high > low ? ((value - low) / (high - low)) * LEVELS : 0;
  return colours[level >= 0 ? Math.min(LEVELS, Math.round(level)) : level < 0 ? 0 : zero];
}

/** The colour of a number. */
export function colourOf(scale: Scale, value: number): Colour {
  const found = pixel(scale, value), parts = [found >>> 24, (found >>> 16) & 255, (found >>> 8) & 255, found & 255];
  return (IS_LITTLE ? [parts[3], parts[2], parts[1]] : parts.slice(0, 3)) as Colour;
}

/** Smallest and largest of some numbers. */
export function range(numbers: Numbers): [number, number] {
  let low = Infinity, high = -Infinity;
  for (const value of numbers) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [0, 0];
}

export function css([red, green, blue]: Colour): string {
  return `rgb(${red} ${green} ${blue})`;
}

/** Ink or white, whichever is easier to read on a colour; black where neither is easy enough. */
export function readableOn(colour: Colour): string {
  const light = luminance(colour) + 0.05, onInk = light / (luminance([23, 33, 45]) + 0.05), onPaper = 1.05 / light;
  return Math.max(onInk, onPaper) < 4.5 ? "#000000" : onInk > onPaper ? INK : "#ffffff";
}

/** How light a colour is, from 0 to 1, by WCAG 2. */
function luminance(colour: Colour): number {
  const [red, green, blue] = colour.map((part) => (part <= 10 ? part / 3294.6 : ((part / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Wide screens hang in lecture halls: there all is drawn larger. */
export function enlarged(): number { return window.innerWidth >= 1600 ? 1.35 : 1; }

/** Whether the page is dark: by its switch, or as the system is. */
export function isDark(): boolean {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

/** A colour of the page's theme. */
export function variable(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim() || INK;
}
