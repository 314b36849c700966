/** What goes in and what comes out: the input, ways to choose another one, and the network's answer. */

import { Planes, snapshot, unpack, type Sample, type Verdict } from "./api";
import type { App, Part } from "./app";
import { isDark, range } from "./colour";
import { drawingDialog, sendFile } from "./drawing";
import { fill, h, mark, say, short } from "./dom";
import { curve, photograph, surface } from "./paint";

const SIDE = 176, LINE_WIDTH = 266;

export function sidePart(app: App): Part {
  const canvas = h("canvas", { class: "input", role: "img" });
  const caption = h("p", { class: "caption" }), picks = h("div", { class: "picks", role: "group", "aria-label": "Inputs to choose from" });
  const answer = h("div", { class: "answer" });
  const { kind } = app.info.input;
  surface(canvas, kind === "line" ? LINE_WIDTH : SIDE, kind === "image" ? SIDE : 88);  // Room for what is still to come.
  const own = snapshot === null && kind !== "other" ? tools(app, kind) : null;
  const element = h("section", { class: "panel", "aria-label": "Input and answer" }, h("h2", {}, "Input"),
    h("div", { class: kind === "line" ? "line-box" : "input-box" }, canvas, own), caption, picks,
    h("h2", {}, "What the network says"), answer);
  let listed: Sample[] = [], last: Verdict | null = null, painted = "";
  const update = () => {
    const { verdict } = app;
    if (!verdict) return;
    const sample = app.info.samples.find((one) => one.id === app.view.image), label = sample?.label ?? null;
    // While a network learns the input stays: it is painted when something of it changes.
    const { page, layer, index } = app.view, look = [page, layer, index, isDark(), devicePixelRatio, verdict.input.data].join(" ");
    if (look !== painted) drawInput(app, canvas);
    painted = look;
    mark(canvas, "aria-label", `Input ${sample?.name ?? ""}`);
    say(caption, `${sample?.name ?? ""}${label === null ? "" : `: really ${app.info.classes[label] ?? label}`}`);
    if (listed !== app.info.samples) {
      listed = app.info.samples;
      fill(picks, ...listed.map((one) => pick(app, one)));
    }
    [...picks.children].forEach((button, i) => mark(button, "aria-pressed", String(listed[i].id === app.view.image)));
    if (verdict === last) return;
    last = verdict;
    fill(answer, ...verdict.answer.map((one) => answerRow(one.name, one.share, one.index === label, app.info.classes.length > 0)));
  };
  return { element, update };
}

function answerRow(name: string, share: number | null, isRight: boolean, isShare: boolean): HTMLElement {
  const bar = h("i", { class: isRight ? "right" : "" });
  bar.style.width = `${isShare ? Math.max(0, Math.min(1, share ?? 0)) * 100 : 0}%`;
  const text = share === null ? "no number" : isShare ? `${(100 * share).toFixed(1)} %` : short(share, 4);
  return h("div", { class: "answer-row" }, h("span", { class: "answer-name", title: name }, name, isRight ? " ✓" : ""),
    isShare ? h("span", { class: "answer-bar" }, bar) : h("span", {}), h("b", {}, text));
}

/** The input, with the part of it that the chosen number sees. */
function drawInput(app: App, canvas: HTMLCanvasElement): void {
  const packed = app.verdict!.input;
  if (packed.kind === "image") {
    const [height, width] = packed.shape, zoom = Math.min(SIDE / width, SIDE / height);
    const context = surface(canvas, Math.round(width * zoom), Math.round(height * zoom));
    context.drawImage(photograph(unpack(packed), width, height), 0, 0, width * zoom, height * zoom);
    field(app, context, [height, width], zoom);
  } else if (packed.kind === "lines") {
    const planes = new Planes(packed), context = surface(canvas, LINE_WIDTH, Math.min(planes.count, 6) * 44);
    const [low, high] = range(planes.numbers);
    for (let i = 0; i < Math.min(planes.count, 6); i++) curve(context, planes.at(i), low, high, [0, i * 44 + 2, LINE_WIDTH, 40]);
  } else surface(canvas, SIDE, 2);
}

function field(app: App, context: CanvasRenderingContext2D, lengths: number[], zoom: number): void {
  const fields = app.layer?.field, { index } = app.view;
  if (app.view.page !== "layer" || fields?.length !== 2 || index.length !== 3 || index.some((i) => i < 0)) return;
  const [[y0, y1], [x0, x1]] = fields.map(([size, step, start], axis) => {
    const first = start + index[axis] * step;
    return [Math.max(0, first), Math.min(lengths[axis], first + size)];
  });
  context.lineWidth = 4;
  context.strokeStyle = "#ffffff";
  context.strokeRect(x0 * zoom + 2, y0 * zoom + 2, (x1 - x0) * zoom - 4, (y1 - y0) * zoom - 4);
  context.lineWidth = 2;
  context.strokeStyle = "#1f5fbf";
  context.strokeRect(x0 * zoom + 2, y0 * zoom + 2, (x1 - x0) * zoom - 4, (y1 - y0) * zoom - 4);
}

function pick(app: App, sample: Sample): HTMLElement {
  const button = h("button", { type: "button", title: sample.name, "aria-label": sample.name, onclick: () => app.move({ image: sample.id }, true) });
  if (sample.thumb) {
    const [height, width] = sample.thumb.shape;
    button.append(photograph(unpack(sample.thumb), width, height));
  } else button.append(sample.name);
  return button;
}

function tools(app: App, kind: string): HTMLElement {
  const invert = h("input", { type: "checkbox" });
  const file = h("input", { type: "file", accept: "image/*", class: "unseen", "aria-label": "Image file", onchange: () => {
    if (file.files?.[0]) void sendFile(app, file.files[0], invert.checked);
    file.value = "";
  } });
  const draw = h("button", { type: "button", onclick: () => {
    const dialog = drawingDialog(app);
    document.body.append(dialog);
    dialog.addEventListener("close", () => dialog.remove());
    dialog.showModal();
  } }, "Draw …");
  if (kind === "line") return h("div", { class: "tools" }, draw);
  addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("dropping"); });
  addEventListener("dragleave", () => document.body.classList.remove("dropping"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    const dropped = event.dataTransfer?.files[0];
    if (dropped) void sendFile(app, dropped, invert.checked);
  });
  return h("div", { class: "tools" }, h("button", { type: "button", onclick: () => file.click() }, "File …"), file, draw,
    h("label", { title: "Fashion-MNIST is bright on black; photographs of things on paper are not" }, invert, " invert"),
    h("span", { class: "hint" }, "or drop an image on the page"));
}
