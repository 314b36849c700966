/** The convolution lab: sliders for kernel size, stride, padding and dilation; what comes out, and its size formula. */

import { get, Planes, type Lab } from "./api";
import type { App, Part } from "./app";
import { BLUE, grey, ORANGE, range, scaleFor, signed } from "./colour";
import { announce, fill, h, say, short } from "./dom";
import { PlaneView } from "./picker";
import type { View } from "./state";

type Setting = View["lab"];
const SLIDERS: [keyof Setting & ("size" | "stride" | "padding" | "dilation"), string, number, number][] = [
  ["size", "kernel size", 1, 11], ["stride", "stride", 1, 6], ["padding", "padding", 0, 10], ["dilation", "dilation", 1, 4],
];
const KERNELS = ["own", "mean", "blur", "vertical edges", "horizontal edges", "sharpen"];

/** The layers over whose input a window could slide. */
function usable(app: App): string[] {
  return app.info.nodes.filter((node) => {
    const source = node.sources[0], shape = source < 0 ? app.info.input.shape : app.info.nodes[source].shape;
    return shape.length >= 2;
  }).map((node) => node.name);
}

/** The sliders as the layer has them. */
function settingOf(app: App): Setting {
  const window = app.layer?.window, own = app.layer?.kernel ? "own" : "vertical edges";
  if (!window) return { size: 3, stride: 1, padding: 0, dilation: 1, channel: 0, kernel: "vertical edges" };
  return {
    size: Math.min(11, window.size.at(-1)!), stride: Math.min(6, window.strides.at(-1)!),
    padding: Math.min(10, window.padding.at(-1)![0]), dilation: Math.min(4, window.dilation.at(-1)!), channel: 0, kernel: own,
  };
}

export function labPart(app: App): Part {
  const names = usable(app);
  if (!names.length) {
    const text = "A window slides over lines and images: this network has no layer that takes one.";
    return { element: h("section", { class: "page", "aria-label": "The convolution lab" }, h("h2", {}, "The convolution lab"), h("p", { class: "lead" }, text)), update: () => {} };
  }
  if (!names.includes(app.view.layer)) {
    app.view.layer = app.info.nodes.find((node) => node.kernel && names.includes(node.name))?.name ?? names[0];
    app.view.lab = settingOf(app);
  }
  if (app.view.lab.kernel === "own" && !app.layer!.kernel) app.view.lab = settingOf(app);  // Another layer's view.
  const change = (part: Partial<Setting>) => app.move({ lab: { ...app.view.lab, ...part } }, true);
  const outputs = new Map<string, HTMLElement>(), inputs = new Map<string, HTMLInputElement>();
  const sliders = SLIDERS.map(([name, word, low, high]) => {
    const input = h("input", { type: "range", min: String(low), max: String(high), step: "1", oninput: () => change({ [name]: Number(input.value) }) });
    const value = h("b", {});
    inputs.set(name, input);
    outputs.set(name, value);
    return h("label", { class: "slider" }, h("span", {}, word, value), input);
  });
  const layers = h("select", {
    onchange: () => { app.view.layer = layers.value; app.move({ layer: layers.value, lab: settingOf(app) }); },
  }, ...names.map((name) => h("option", { value: name, selected: name === app.view.layer }, name)));
  const kernels = h("select", { onchange: () => change({ kernel: kernels.value }) },
    ...KERNELS.filter((name) => name !== "own" || app.layer?.kernel).map((name) => h("option", { value: name }, name === "own" ? "the layer’s own filter" : name)));
  const channel = h("input", { type: "number", min: "0", max: String(Math.max(0, channels(app) - 1)), class: "narrow", onchange: () => change({ channel: Number(channel.value) || 0 }) });
  const same = h("button", { type: "button" }, "“same”"), formulas = h("div", { class: "formulas", "aria-live": "polite" });
  const problem = h("p", { class: "lead" });
  let chosen: [number, number] = [0, 0], last: Lab | null = null;
  const x = new PlaneView("Input, with its padding and the window", 330, 330);
  const kernel = new PlaneView("Kernel", 170, 170);
  const y = new PlaneView("Output; the arrow keys move the window", 330, 330, (row, column) => { chosen = [row, column]; draw(); });

  const draw = () => {
    if (!last) return;
    const { size, stride, padding, dilation } = app.view.lab, plane = new Planes(last.x), isLine = last.kind === "lines";
    const pad = isLine ? 0 : padding, rows = plane.height + 2 * pad, columns = plane.width + 2 * padding;
    const padded = new Float32Array(rows * columns), [low, high] = range(plane.at(0));
    for (let row = 0; row < plane.height; row++) padded.set(plane.at(0).subarray(row * plane.width, (row + 1) * plane.width), (row + pad) * columns + padding);
    const out = last.y ? new Planes(last.y) : null, reach = (size - 1) * dilation + 1;
    chosen = [Math.min(chosen[0], (out?.height ?? 1) - 1), Math.min(chosen[1], (out?.width ?? 1) - 1)];
    const boxes = [{ row: pad, column: padding, rows: plane.height, columns: plane.width, colour: "#5d6a79" }];
    if (out) boxes.push({ row: isLine ? 0 : chosen[0] * stride, column: chosen[1] * stride, rows: isLine ? 1 : reach, columns: reach, colour: BLUE });
    x.draw(padded, rows, columns, low < 0 ? signed(Math.max(-low, high)) : grey(0, high), boxes, `input ${plane.height} × ${plane.width}, with padding ${rows} × ${columns}`);
    const weights = new Planes(last.kernel);
    kernel.draw(weights.at(0), weights.height, weights.width, signed(Math.max(...range(weights.at(0)).map(Math.abs))), [], `kernel ${weights.height} × ${weights.width}`);
    y.element.hidden = !out;
    if (!out) return;
    const value = out.at(0)[chosen[0] * out.width + chosen[1]];
    y.draw(out.at(0), out.height, out.width, scaleFor(...range(out.at(0))), [{ row: chosen[0], column: chosen[1], rows: 1, columns: 1, colour: ORANGE }],
      `output ${out.height} × ${out.width}; at (${chosen.join(", ")}) it is ${short(value, 4)}`, chosen);
  };
  const element = h("section", { class: "page", "aria-label": "The convolution lab" },
    h("h2", {}, "The convolution lab"),
    h("p", { class: "lead" }, "One channel of a layer’s input, one kernel: move the sliders and see what would come out, and how large it would be. "
      + "Computed by the engine’s definition of convolution, which its compiled kernels are tested against."),
    h("div", { class: "lab-tools" }, h("label", {}, "layer ", layers), h("label", {}, "kernel ", kernels), h("label", {}, "input channel ", channel)),
    h("div", { class: "sliders" }, ...sliders), h("div", { class: "tools paddings" }, "padding: ",
      h("button", { type: "button", onclick: () => change({ padding: 0 }) }, "“valid”"), same), formulas, problem, h("div", { class: "planes" }, x.element, kernel.element, y.element));
  const update = async () => {
    const { lab } = app.view, id = app.node;
    for (const [name] of SLIDERS) {
      inputs.get(name)!.value = String(lab[name]);
      say(outputs.get(name)!, String(lab[name]));
    }
    kernels.value = lab.kernel;
    channel.value = String(lab.channel);
    const { channel: wanted, ...rest } = lab;
    try {
      last = await get<Lab>("lab", { layer: id, ...app.asked, ...rest, channel: wanted, filter: 0 });
    } catch (error) {
      say(problem, error instanceof Error ? error.message : String(error));
      return;
    }
    say(problem, "");
    same.onclick = () => change({ padding: last!.same });
    const texts = last.formulas.join("|");
    if (formulas.dataset.texts !== texts) {
      formulas.dataset.texts = texts;
      fill(formulas, ...last.formulas.map((text) => h("code", {}, text)));
      announce(last.formulas.join("; "));
    }
    draw();
  };
  return { element, update };
}

function channels(app: App): number {
  const source = app.layer?.sources[0] ?? -1;
  return (source < 0 ? app.info.input.shape : app.info.nodes[source].shape).at(-1) ?? 1;
}
