/** Numbers onto canvases: however many planes a canvas shows, its pixels are written once. */

import type { Numbers } from "./api";
import { BLUE, pixel, variable, type Scale } from "./colour";

/** Left, top, width and height, in pixels of the page. */
export type Place = [number, number, number, number];
/** A plane of numbers, row by row, and where in the canvas it is painted. */
export interface Tile { numbers: Numbers; rows: number; columns: number; place: Place }

const FRAME = [120, 132, 146], FRAME_SHARE = 0.45, LARGEST_SIDE = 16_000, LARGEST_AREA = 16_000_000;
let memory = new ArrayBuffer(0);

/** Pixels to write, all clear, in memory that all canvases take in turn. */
function blank(width: number, height: number): ImageData {
  const size = 4 * width * height;
  if (memory.byteLength < size) memory = new ArrayBuffer(size);
  const bytes = new Uint8ClampedArray(memory, 0, size);
  bytes.fill(0);
  return new ImageData(bytes, width, height);
}

/** How many pixels of the screen are one of the page; fewer where a canvas would grow beyond what browsers take. */
function fineness(width: number, height: number): number {
  const most = Math.min(LARGEST_SIDE / Math.max(width, height), Math.sqrt(LARGEST_AREA / (width * height)));
  return Math.min(3, window.devicePixelRatio || 1, Math.max(most, 0.25));
}

/** Paints planes, each stretched over its place, framed if wanted: one that is white all over can still be seen. */
export function paint(canvas: HTMLCanvasElement, width: number, height: number, scale: Scale, tiles: Tile[],
                      framed = false): CanvasRenderingContext2D {
  const context = surface(canvas, width, height), fine = fineness(width, height);
  const image = blank(canvas.width, canvas.height), pixels = new Uint32Array(image.data.buffer, 0, image.width * image.height);
  for (const tile of tiles) {
    const [left, top, wide, tall] = tile.place;
    const x = Math.round(left * fine), y = Math.round(top * fine);
    const right = Math.min(image.width, Math.round((left + wide) * fine)), bottom = Math.min(image.height, Math.round((top + tall) * fine));
    stretch(pixels, image.width, tile, scale, [x, y, right - x, bottom - y]);
    if (framed) frame(image, [x, y, right - x, bottom - y], Math.max(1, Math.round(fine)));
  }
  context.putImageData(image, 0, 0);
  return context;
}

/** Each pixel of the place gets the colour of the number that lies there. */
function stretch(pixels: Uint32Array, across: number, tile: Tile, scale: Scale, [x, y, wide, tall]: Place): void {
  const { numbers, rows, columns } = tile, colours = new Uint32Array(columns);
  let last = -1;
  for (let j = 0; j < tall; j++) {
    const row = Math.floor(((j + 0.5) * rows) / tall), start = (y + j) * across + x;
    if (row === last) pixels.copyWithin(start, start - across, start - across + wide);
    else {
      for (let column = 0; column < columns; column++) colours[column] = pixel(scale, numbers[row * columns + column]);
      for (let i = 0; i < wide; i++) pixels[start + i] = colours[Math.floor(((i + 0.5) * columns) / wide)];
    }
    last = row;
  }
}

/** A thin line inside the border of a place. */
function frame(image: ImageData, [x, y, wide, tall]: Place, thick: number): void {
  const { data, width } = image;
  const mix = (from: number, to: number, step: number) => {
    for (let at = 4 * from; at < 4 * to; at += 4 * step) {
      for (let c = 0; c < 3; c++) data[at + c] += (FRAME[c] - data[at + c]) * FRAME_SHARE;
    }
  };
  for (let i = 0; i < thick; i++) {
    mix((y + i) * width + x, (y + i) * width + x + wide, 1);
    mix((y + tall - 1 - i) * width + x, (y + tall - 1 - i) * width + x + wide, 1);
    mix((y + thick) * width + x + i, (y + tall - thick) * width + x + i, width);
    mix((y + thick) * width + x + wide - 1 - i, (y + tall - thick) * width + x + wide - 1 - i, width);
  }
}

/** Colours (height, width, 3) as a picture. */
export function photograph(numbers: Numbers, width: number, height: number): HTMLCanvasElement {
  const canvas = document.createElement("canvas"), image = blank(width, height), { data } = image;
  canvas.width = width;
  canvas.height = height;
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) data[4 * i + c] = numbers[3 * i + c];
    data[4 * i + 3] = 255;
  }
  canvas.getContext("2d")!.putImageData(image, 0, 0);
  return canvas;
}

/** Makes a canvas sharp: `width` x `height` of the page, more pixels on fine screens. Gives its context, cleared. */
export function surface(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const fine = fineness(width, height);
  const [across, down] = [Math.max(1, Math.round(width * fine)), Math.max(1, Math.round(height * fine))];
  if (canvas.width !== across || canvas.height !== down) [canvas.width, canvas.height] = [across, down];
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d")!;
  context.setTransform(fine, 0, 0, fine, 0, 0);
  context.clearRect(0, 0, width, height);
  context.imageSmoothingEnabled = false;
  return context;
}

/** A line of numbers as a curve with its area, in its place. */
export function curve(context: CanvasRenderingContext2D, numbers: Numbers, low: number, high: number,
                      place: Place): void {
  const [x, y, width, height] = place, span = high - low || 1;
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
