/** The palette of striate's figures (striate/see/palette.py), which colour-blind readers can tell apart. */

import type { Numbers } from "./api";

export const BLUE = "#1f5fbf", ORANGE = "#cf5a12", INK = "#17212d";
const ABOVE = [31, 95, 191], BELOW = [207, 90, 18];
const HEAT = [[0, 34, 78], [65, 77, 107], [124, 123, 120], [187, 175, 113], [254, 232, 56]];

export type Colour = [number, number, number];
/** A colour for each number, from `low` to `high`; `zero` is the level (of 1024) of what is no number. */
export interface Scale { (value: number): Colour; low: number; high: number; zero: number }

/** Dark blue for `low`, over grey to yellow for `high`. */
export function heat(low: number, high: number): Scale {
  return scaled(low, high, 0, (value) => {
    const share = high > low ? Math.min(1, Math.max(0, (value - low) / (high - low))) : 0;
    const place = (Number.isFinite(share) ? share : 0) * (HEAT.length - 1);
    const first = Math.min(HEAT.length - 2, Math.floor(place)), part = place - first;
    return [0, 1, 2].map((i) => Math.round(HEAT[first][i] * (1 - part) + HEAT[first + 1][i] * part)) as Colour;
  });
}

function scaled(low: number, high: number, zero: number, colour: (value: number) => Colour): Scale {
  return Object.assign(colour, { low, high, zero });
}

/** White at zero, blue above, orange below; full at `largest`. */
export function signed(largest: number): Scale {
  const end = largest || 1;
  return scaled(-end, end, LEVELS / 2, (value) => {
    const share = Math.min(1, Math.max(-1, (Number.isFinite(value) ? value : 0) / end));
    const full = share > 0 ? ABOVE : BELOW;
    return [0, 1, 2].map((i) => Math.round(255 + (full[i] - 255) * Math.abs(share))) as Colour;
  });
}

/** Heat where nothing is below zero, signed colours else. */
export function scaleFor(low: number, high: number): Scale {
  return low >= 0 ? heat(0, high) : signed(Math.max(-low, high));
}

/** Dark for the smallest, bright for the largest: a photograph. */
export function grey(low: number, high: number): Scale {
  return scaled(low, high, 0, (value) => {
    const level = Math.round(255 * (high > low ? Math.min(1, Math.max(0, (value - low) / (high - low))) : 0));
    return [level, level, level];
  });
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

/** Ink or white, whichever is easier to read on a colour. */
export function readableOn([red, green, blue]: Colour): string {
  return 0.299 * red + 0.587 * green + 0.114 * blue > 140 ? INK : "#ffffff";
}

/** Wide screens hang in lecture halls: there all is drawn larger. */
export function enlarged(): number { return window.innerWidth >= 1600 ? 1.35 : 1; }

/** A plane of numbers as a picture of one pixel a number. */
export function pixels(numbers: Numbers, width: number, height: number, scale: Scale): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, width);
  canvas.height = Math.max(1, height);
  const context = canvas.getContext("2d")!, image = context.createImageData(canvas.width, canvas.height);
  const colours = table(scale), { low, high } = scale, found = new Uint32Array(image.data.buffer);
  const steps = high > low ? LEVELS / (high - low) : 0;
  for (let i = 0; i < numbers.length; i++) {
    const level = (numbers[i] - low) * steps;
    // What is no number is drawn as zero is, as `scale` has it.
    found[i] = colours[level >= 0 ? Math.min(LEVELS, Math.round(level)) : level < 0 ? 0 : scale.zero];
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

const LEVELS = 1024;
const IS_LITTLE = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** The colours of a scale from its lowest to its highest number, as pixels: looked up, not computed, for each pixel. */
function table(scale: Scale): Uint32Array {
  return Uint32Array.from({ length: LEVELS + 1 }, (_, i) => {
    const [red, green, blue] = scale(scale.low + ((scale.high - scale.low) * i) / LEVELS);
    return IS_LITTLE ? (255 << 24) | (blue << 16) | (green << 8) | red : (red << 24) | (green << 16) | (blue << 8) | 255;
  });
}

/** Colours (height, width, 3) as a picture. */
export function photograph(numbers: Numbers, width: number, height: number): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d")!, image = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++) image.data.set([numbers[3 * i], numbers[3 * i + 1], numbers[3 * i + 2], 255], 4 * i);
  context.putImageData(image, 0, 0);
  return canvas;
}

/** Makes a canvas sharp: `width` x `height` of the page, more pixels on fine screens. Gives its context, cleared. */
export function surface(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const fine = Math.min(3, window.devicePixelRatio || 1);
  if (canvas.width !== Math.round(width * fine) || canvas.height !== Math.round(height * fine)) {
    canvas.width = Math.round(width * fine);
    canvas.height = Math.round(height * fine);
  }
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d")!;
  context.setTransform(fine, 0, 0, fine, 0, 0);
  context.clearRect(0, 0, width, height);
  context.imageSmoothingEnabled = false;
  return context;
}

/** A line of numbers as a curve with its area, in a box. */
export function curve(context: CanvasRenderingContext2D, numbers: Numbers, low: number, high: number,
                      box: [number, number, number, number]): void {
  const [x, y, width, height] = box, span = high - low || 1;
  const at = (i: number) => x + (numbers.length > 1 ? (i / (numbers.length - 1)) * width : width / 2);
  const up = (value: number) => y + height - ((value - low) / span) * height;
  const zero = up(Math.min(high, Math.max(low, 0)));
  context.beginPath();
  context.moveTo(at(0), zero);
  for (let i = 0; i < numbers.length; i++) context.lineTo(at(i), up(numbers[i]));
  context.lineTo(at(numbers.length - 1), zero);
  context.globalAlpha = 0.22;
  context.fillStyle = BLUE;
  context.fill();
  context.globalAlpha = 1;
  context.beginPath();
  for (let i = 0; i < numbers.length; i++) context.lineTo(at(i), up(numbers[i]));
  context.strokeStyle = variable("--blue");
  context.lineWidth = 1.5;
  context.stroke();
}

/** A thin line around a picture: one that is white all over can still be seen. */
export function frame(context: CanvasRenderingContext2D, x: number, y: number, width: number, height: number): void {
  context.strokeStyle = "rgb(120 132 146 / .45)";
  context.lineWidth = 1;
  context.strokeRect(x + 0.5, y + 0.5, width - 1, height - 1);
}

/** A colour of the page's theme. */
export function variable(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim() || INK;
}
