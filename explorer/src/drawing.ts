/** An input of one's own: a file, a drop, or a drawing. */

import { base64, post, type Sample } from "./api";
import type { App } from "./app";
import { announce, h } from "./dom";

const SIDE = 280, LARGEST_FILE = 10 * 2 ** 20;

interface Added { id: string; samples: Sample[] }

/** Looks at an input that the server took in. */
function show(app: App, added: Added): void {
  app.info.samples = added.samples;
  announce("A new input is shown.");
  app.move({ image: added.id }, true);
}

/** Sends an image file. */
export function sendFile(app: App, file: File, invert: boolean): Promise<void> {
  return app.attempt(async () => {
    if (file.size > LARGEST_FILE) throw new Error(`The file has ${Math.round(file.size / 2 ** 20)} MiB; at most 10 can be sent.`);
    const data = base64(new Uint8Array(await file.arrayBuffer()));
    show(app, await post<Added>("image", { name: file.name.slice(0, 80), data, invert }));
  });
}

/** A dialog with a canvas; what is drawn is sent after each stroke, so that the network answers while one draws. */
export function drawingDialog(app: App): HTMLDialogElement {
  const shape = app.info.input.shape.map((n) => n ?? 28), isLine = app.info.input.kind === "line";
  const canvas = h("canvas", { width: SIDE, height: isLine ? 140 : SIDE, class: "drawing", "aria-label": "Drawing" });
  const context = canvas.getContext("2d")!;
  // A stroke is about one and a half of the model's pixels wide.
  const usual = Math.round(Math.min(40, Math.max(6, (1.6 * SIDE) / (shape[1] ?? 28))));
  const brush = h("input", { type: "range", min: "6", max: "40", value: String(usual) });
  const ink = h("input", { type: "color", value: "#ffffff" });
  const heights = new Float32Array(isLine ? shape[0] : 0);
  let last: [number, number] | null = null;
  const clear = () => {
    context.fillStyle = "#000000";
    context.fillRect(0, 0, canvas.width, canvas.height);
    heights.fill(0);
    if (isLine) redraw();
  };
  const redraw = () => {
    context.fillStyle = "#000000";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.strokeStyle = "#ffffff";
    context.lineWidth = 2;
    context.beginPath();
    heights.forEach((value, i) => context.lineTo((i / Math.max(1, heights.length - 1)) * canvas.width, canvas.height * (0.5 - value / 2.2)));
    context.stroke();
  };
  const stroke = (event: PointerEvent) => {
    const at: [number, number] = [event.offsetX, event.offsetY], from = last ?? at;
    if (isLine) {
      const place = (x: number) => Math.round((x / canvas.clientWidth) * (heights.length - 1));
      const [low, high] = [place(Math.min(from[0], at[0])), place(Math.max(from[0], at[0]))];
      for (let i = Math.max(0, low); i <= Math.min(heights.length - 1, high); i++) heights[i] = Math.max(-1.1, Math.min(1.1, (0.5 - at[1] / canvas.clientHeight) * 2.2));
      redraw();
    } else {
      context.strokeStyle = shape[2] === 3 ? ink.value : "#ffffff";
      context.lineWidth = Number(brush.value);
      context.lineCap = "round";
      context.beginPath();
      context.moveTo(...from);
      context.lineTo(...at);
      context.stroke();
    }
    last = at;
  };
  canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); last = null; stroke(event); });
  canvas.addEventListener("pointermove", (event) => { if (event.buttons) stroke(event); });
  canvas.addEventListener("pointerup", () => void send());
  const send = () => app.attempt(async () => {
    const content = isLine ? { values: base64(line(heights, shape)) } : { pixels: base64(pixels(canvas, shape)) };
    show(app, await post<Added>("drawing", content));
  });
  const dialog = h("dialog", { "aria-label": "Draw an input" }, h("h2", {}, "Draw an input"),
    h("p", { class: "lead" }, isLine ? "Draw the curve; all channels get it." : "Bright on black, as the network was taught."), canvas,
    h("div", { class: "tools" }, isLine ? null : h("label", {}, "brush ", brush), shape[2] === 3 ? h("label", {}, "colour ", ink) : null,
      h("button", { type: "button", onclick: () => { clear(); } }, "Clear"),
      h("button", { type: "button", class: "main", onclick: () => dialog.close() }, "Done")));
  clear();
  return dialog;
}

/** The drawing at the model's size, as bytes (height, width, channels). */
function pixels(canvas: HTMLCanvasElement, shape: number[]): Uint8Array {
  const [height, width, channels] = shape, small = h("canvas", { width, height });
  const context = small.getContext("2d")!;
  context.imageSmoothingQuality = "high";
  context.drawImage(canvas, 0, 0, width, height);
  const data = context.getImageData(0, 0, width, height).data, found = new Uint8Array(height * width * channels);
  for (let i = 0; i < height * width; i++) for (let c = 0; c < channels; c++) found[i * channels + c] = data[4 * i + c];
  return found;
}

/** A curve as float32 (length, channels). */
function line(heights: Float32Array, shape: number[]): Uint8Array {
  const values = new Float32Array(shape[0] * shape[1]);
  heights.forEach((value, i) => values.fill(value, i * shape[1], (i + 1) * shape[1]));
  return new Uint8Array(values.buffer);
}
