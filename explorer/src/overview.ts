/** The network: one row a layer, a rail that joins them, and in each row the maps of the layer, live. */

import { Planes, type LayerInfo, type Strip } from "./api";
import type { App, Part } from "./app";
import { curve, frame, heat, pixels, signed, surface, type Scale } from "./colour";
import { fill, h, say, shape, short, svg } from "./dom";

const TILE = 46, GAP = 5, LINE_TILE = 104, ARC = 11, REST = 56;
const QUIET = ["Dropout", "Flatten", "InputLayer", "Reshape", "Activation", "SpatialDropout2D", "GaussianNoise"];

export function overviewPart(app: App): Part {
  const rail = svg("svg", { class: "rail", "aria-hidden": "true" });
  const input = h("li", { class: "row input-row" }, h("div", { class: "row-name" }, h("b", {}, "input"),
    h("span", {}, shape(app.info.input.shape))));
  const rows = app.info.nodes.map((node) => row(app, node));
  const list = h("ol", { class: "layers" }, input, ...rows.map((item) => item.element));
  const box = h("div", { class: "network" }, list);
  box.prepend(rail);
  const total = app.info.nodes.reduce((sum, node) => sum + node.flops, 0);
  const seen = new Set<string>();
  const parameters = app.info.nodes.filter((node) => !seen.has(node.layer) && seen.add(node.layer))
    .reduce((sum, node) => sum + node.parameters, 0);
  const element = h("section", { class: "page", "aria-label": "The network" },
    h("h2", {}, "The network"),
    h("p", { class: "lead" }, `${app.info.nodes.length} layers, ${parameters.toLocaleString("en")} parameters, `
      + `${total.toLocaleString("en")} operations for one input. Choose a layer, or one of its maps, to look closer.`),
    box, legend(app.info.nodes));
  const draw = () => {
    drawRail(rail, [input, ...rows.map((item) => item.element)], app.info.nodes);
    if (app.overview) app.overview.layers.forEach((strip, i) => rows[i].draw(strip));
  };
  new ResizeObserver(draw).observe(box);
  return { element, update: draw };
}

function row(app: App, node: LayerInfo) {
  const canvas = h("canvas", { class: "strip", "aria-hidden": "true" });
  const range = h("span", { class: "range" }), rest = h("span", { class: "rest-count" });
  let kind = "", count = 0, tile = TILE;
  surface(canvas, 1, QUIET.includes(node.kind) ? 26 : TILE);  // Room for what is still to come.
  const open = (channel: number | null) => app.move({
    page: "layer", layer: node.name, what: "maps", index: channel === null ? [] : chosen(kind, channel, node),
  });
  const name = h("button", {
    class: "row-name", type: "button", onclick: () => open(null),
  }, h("b", {}, node.name), h("span", {}, node.kind), range);
  canvas.addEventListener("click", (event) => {
    const channel = Math.floor(event.offsetX / tile);
    open(channel < count ? channel : null);
  });
  const element = h("li", { class: QUIET.includes(node.kind) ? "row quiet" : "row" }, name,
    h("div", { class: "strip-box" }, canvas, rest));
  const draw = (strip: Strip) => {
    const width = canvas.parentElement!.clientWidth - REST, height = QUIET.includes(node.kind) ? 26 : TILE;
    const planes = new Planes(strip.maps);
    kind = strip.kind;
    // Bytes: zero is 0 where nothing is negative, else in the middle.
    const scale = strip.low >= 0 ? heat(0, 255) : aboutMiddle();
    ({ count, tile } = strip.kind === "vector" ? drawUnits(canvas, planes, scale, width, height)
      : drawMaps(canvas, planes, strip, scale, width, height));
    say(rest, strip.count > count ? `+${(strip.count - count).toLocaleString("en")}` : "");
    say(range, `${shape(node.shape)}  ·  ${short(strip.low, 2)} … ${short(strip.high, 2)}`);
    name.setAttribute("aria-label", `${node.name}, ${node.kind}, output ${shape(node.shape)}, numbers from `
      + `${short(strip.low)} to ${short(strip.high)}`);
    element.classList.toggle("edited", app.info.edited.includes(node.layer));
  };
  return { element, draw };
}

/** Signed colours for bytes: zero in the middle. */
function aboutMiddle(): Scale {
  const scale = signed(127.5);
  return Object.assign((value: number) => scale(value - 127.5), { low: 0, high: 255, zero: scale.zero });
}

/** Where a click on a strip leads: the index of a number, or only its channel (-1: the strongest place). */
function chosen(kind: string, channel: number, node: LayerInfo): number[] {
  return kind === "vector" ? [channel] : [...node.shape.slice(0, -1).map(() => -1), channel];
}

function drawMaps(canvas: HTMLCanvasElement, planes: Planes, strip: Strip, scale: Scale,
                  width: number, height: number) {
  const side = strip.kind === "lines" ? LINE_TILE : Math.round(height * Math.min(3, planes.width / planes.height || 1));
  const tile = side + GAP, count = Math.max(1, Math.min(planes.count, Math.floor((width + GAP) / tile)));
  const context = surface(canvas, Math.max(1, Math.min(width, count * tile)), height);
  for (let i = 0; i < count; i++) {
    if (strip.kind === "lines") curve(context, planes.at(i), 0, 255, [i * tile, 1, side, height - 2]);
    else {
      context.drawImage(pixels(planes.at(i), planes.width, planes.height, scale), i * tile, 0, side, height);
      frame(context, i * tile, 0, side, height);
    }
  }
  return { count, tile };
}

function drawUnits(canvas: HTMLCanvasElement, planes: Planes, scale: Scale, width: number, height: number) {
  const tile = Math.max(3, Math.min(30, Math.floor(width / planes.count)));
  const count = Math.min(planes.count, Math.floor(width / tile));
  const tall = Math.min(height, 30);
  const context = surface(canvas, Math.max(1, count * tile), tall);
  for (let i = 0; i < count; i++) {
    context.fillStyle = `rgb(${scale(planes.numbers[i]).join(" ")})`;
    context.fillRect(i * tile, 0, tile > 5 ? tile - 1 : tile, tall);
  }
  return { count, tile };
}

/** Straight from layer to layer; an arc for what jumps over some. */
function drawRail(rail: SVGElement, rows: HTMLElement[], nodes: LayerInfo[]): void {
  const base = rows[0].parentElement!.getBoundingClientRect();
  const heights = rows.map((item) => {
    const box = item.getBoundingClientRect();
    return box.top - base.top + Math.min(box.height / 2, 24);
  });
  const arcs: { from: number; to: number; lane: number }[] = [], parts: SVGElement[] = [];
  nodes.forEach((node, i) => node.sources.forEach((source) => {
    const from = source + 1, to = i + 1;
    if (to - from > 1) arcs.push({ from, to, lane: 0 });
  }));
  arcs.sort((a, b) => a.to - a.from - (b.to - b.from));
  for (const arc of arcs) {
    while (arcs.some((other) => other !== arc && other.lane === arc.lane && other.lane > 0 && other.from < arc.to
      && arc.from < other.to) || arc.lane === 0) arc.lane++;
  }
  const lanes = Math.max(0, ...arcs.map((arc) => arc.lane)), x = 9 + lanes * ARC;
  nodes.forEach((node, i) => {
    if (node.sources.includes(i - 1)) parts.push(svg("path", { d: `M${x} ${heights[i]}V${heights[i + 1]}` }));
  });
  for (const { from, to, lane } of arcs) {
    const left = x - lane * ARC, y = heights[from], end = heights[to], bend = Math.min(16, (end - y) / 2);
    parts.push(svg("path", { d: `M${x} ${y}Q${left} ${y} ${left} ${y + bend}V${end - bend}Q${left} ${end} ${x} ${end}` }));
  }
  heights.forEach((y, i) => parts.push(svg("circle", {
    cx: x, cy: y, r: 5.5, fill: i === 0 ? "var(--ink)" : `var(--${colourName(nodes[i - 1].family)})`,
  })));
  const list = rows[0].parentElement!;
  list.style.marginLeft = `${x + 16}px`;
  rail.setAttribute("width", String(x + 10));
  rail.setAttribute("height", String(list.offsetHeight));
  rail.replaceChildren(...parts);
}

function colourName(family: string): string {
  const names: Record<string, string> = {
    convolution: "blue", pooling: "orange", dense: "green", normalisation: "purple", merging: "yellow", input: "ink",
  };
  return names[family] ?? "muted";
}

function legend(nodes: LayerInfo[]): HTMLElement {
  const families = [...new Set(nodes.map((node) => node.family))];
  const element = h("p", { class: "legend" });
  fill(element, ...families.map((family) => h("span", {}, h("i", { class: `dot ${colourName(family)}` }), family)),
    h("span", {}, h("i", { class: "ramp" }), "0 to the layer’s largest"),
    h("span", {}, h("i", { class: "ramp two" }), "below and above zero"));
  return element;
}
