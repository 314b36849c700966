/** The network: one row a layer, a rail that joins them, and in each row the maps of the layer, live. */

import { Planes, type LayerInfo, type Overview, type Strip } from "./api";
import type { App, Part } from "./app";
import { heat, isDark, signed, type Scale } from "./colour";
import { fill, h, say, shape, short, svg } from "./dom";
import { curve, paint, surface } from "./paint";

const TILE = 46, GAP = 5, LINE_TILE = 104, ARC = 11, REST = 56;
const QUIET = ["Dropout", "Flatten", "InputLayer", "Reshape", "Activation", "SpatialDropout2D", "GaussianNoise"];

export function overviewPart(app: App): Part {
  const rail = svg("svg", { class: "rail", "aria-hidden": "true" });
  const input = h("li", { class: "row input-row" }, h("div", { class: "row-name" }, h("b", {}, "input"),
    h("span", {}, shape(app.info.input.shape))));
  const rows = app.info.nodes.map((node) => row(app, node)), items = [input, ...rows.map((item) => item.element)];
  const list = h("ol", { class: "layers" }, ...items), arcs = arcsOf(app.info.nodes), x = railAt(arcs);
  list.style.marginLeft = `${x + 16}px`;
  const box = h("div", { class: "network" }, rail, list);
  const total = app.info.nodes.reduce((sum, node) => sum + node.flops, 0);
  const seen = new Set<string>();
  const parameters = app.info.nodes.filter((node) => !seen.has(node.layer) && seen.add(node.layer))
    .reduce((sum, node) => sum + node.parameters, 0);
  const element = h("section", { class: "page", "aria-label": "The network" },
    h("h2", {}, "The network"),
    h("p", { class: "lead" }, `${app.info.nodes.length} layers, ${parameters.toLocaleString("en")} parameters, `
      + `${total ? `${total.toLocaleString("en")} operations for one input` : "inputs of any size"}. Choose a layer, or one of its maps, to look closer.`),
    box, legend(app.info.nodes));
  let overview: Overview | null = null, drawn = "", width = 0;
  const draw = () => {
    if (!overview || !box.isConnected) return;
    // Known already, or asked for once before anything is written: each question would lay out the page anew.
    const look = `${width ||= rows[0].width()} ${isDark()} ${devicePixelRatio}`;
    rows.forEach((item, i) => item.draw(overview!.layers[i], width, look));
    drawn = look;
  };
  new ResizeObserver(() => {
    if (!box.isConnected) return;
    drawRail(rail, items, app.info.nodes, arcs, x);
    const now = rows[0].width();
    if (drawn && now !== width) {
      width = now;
      draw();
    }
  }).observe(box);
  const places = new Map<Element, (typeof rows)[number]>(rows.map((item) => [item.element, item]));
  const watch = new IntersectionObserver((changes) => {
    for (const { target, isIntersecting } of changes) places.get(target)!.show(isIntersecting);
  }, { rootMargin: "200px" });
  for (const { element } of rows) watch.observe(element);
  addEventListener("beforeprint", () => { for (const item of rows) item.show(true); });
  const update = async () => {
    overview = await app.overview();
    draw();
  };
  return { element, update };
}

function row(app: App, node: LayerInfo) {
  const canvas = h("canvas", { class: "strip", "aria-hidden": "true" });
  const range = h("span", { class: "range" }), rest = h("span", { class: "rest-count" });
  const height = QUIET.includes(node.kind) ? 26 : TILE;
  let kind = "", count = 0, tile = TILE, last: Strip | null = null, looked = "", seen = true, old = false, room = 0;
  surface(canvas, 1, height);  // Room for what is still to come.
  const open = (channel: number | null) => app.move({
    page: "layer", layer: node.name, what: "maps", index: channel === null ? last?.largest ?? [] : chosen(kind, channel, node),
  });
  const own = node.name.lastIndexOf("/") + 1;  // Before it stand the models that the layer is in.
  const name = h("button", {
    class: "row-name", type: "button", onclick: () => open(null),
  }, h("b", {}, h("i", { class: "models" }, node.name.slice(0, own)), h("i", {}, node.name.slice(own))), h("span", {}, node.kind), range);
  canvas.addEventListener("click", (event) => {
    const channel = Math.floor(event.offsetX / tile);
    open(channel < count ? channel : null);
  });
  const box = h("div", { class: "strip-box" }, canvas, rest);
  const element = h("li", { class: QUIET.includes(node.kind) ? "row quiet" : "row" }, name, box);
  const picture = (strip: Strip) => {
    const planes = new Planes(strip.maps);
    kind = strip.kind;
    // Bytes: zero is 0 where nothing is negative, else in the middle.
    const scale = strip.low >= 0 ? heat(0, 255) : { ...signed(127.5), low: 0, high: 255 };
    ({ count, tile } = strip.kind === "vector" ? drawUnits(canvas, planes, scale, room, height)
      : drawMaps(canvas, planes, strip, scale, room, height));
    say(rest, strip.count > count ? `+${(strip.count - count).toLocaleString("en")}` : "");
  };
  const show = (isSeen: boolean) => {
    seen = isSeen;
    if (!seen || !old) return;
    old = false;
    picture(last!);
  };
  const draw = (strip: Strip, width: number, look: string) => {
    element.classList.toggle("edited", app.info.edited.includes(node.layer));
    if (strip === last && look === looked) return;
    // The first picture is there from the beginning; what changes out of sight is painted when it comes into view.
    old = last !== null && look === looked && !seen;
    [last, looked, room] = [strip, look, width];
    if (!old) picture(strip);
    say(range, `${shape(node.shape)}  ·  ${short(strip.low, 2)} … ${short(strip.high, 2)}${strip.broken ? ", NaN or ∞" : ""}`);
    name.setAttribute("aria-label", `${node.name}, ${node.kind}, output ${shape(node.shape)}, numbers from `
      + `${short(strip.low)} to ${short(strip.high)}${strip.broken ? `, ${strip.broken} NaN or infinite` : ""}`);
  };
  return { element, draw, show, width: () => box.clientWidth - REST };
}

/** Where a click on a strip leads: the index of a number, or only its channel (-1: the strongest place). */
function chosen(kind: string, channel: number, node: LayerInfo): number[] {
  return kind === "vector" ? [channel] : [...node.shape.slice(0, -1).map(() => -1), channel];
}

function drawMaps(canvas: HTMLCanvasElement, planes: Planes, strip: Strip, scale: Scale,
                  width: number, height: number) {
  const side = strip.kind === "lines" ? LINE_TILE : Math.round(height * Math.min(3, planes.width / planes.height || 1));
  const tile = side + GAP, count = Math.max(1, Math.min(planes.count, Math.floor((width + GAP) / tile)));
  const across = Math.max(1, Math.min(width, count * tile)), places = Array.from({ length: count }, (_, i) => i);
  if (strip.kind === "lines") {
    const context = surface(canvas, across, height);
    for (const i of places) curve(context, planes.at(i), 0, 255, [i * tile, 1, side, height - 2]);
  } else {
    paint(canvas, across, height, scale, places.map((i) => ({
      numbers: planes.at(i), rows: planes.height, columns: planes.width, place: [i * tile, 0, side, height],
    })), true);
  }
  return { count, tile };
}

function drawUnits(canvas: HTMLCanvasElement, planes: Planes, scale: Scale, width: number, height: number) {
  const tile = Math.max(3, Math.min(30, Math.floor(width / planes.count)));
  const count = Math.min(planes.count, Math.floor(width / tile)), tall = Math.min(height, 30);
  paint(canvas, Math.max(1, count * tile), tall, scale, Array.from({ length: count }, (_, i) => ({
    numbers: planes.at(i), rows: 1, columns: 1, place: [i * tile, 0, tile > 5 ? tile - 1 : tile, tall],
  })));
  return { count, tile };
}

interface Arc { from: number; to: number; lane: number }

/** The connections that jump over rows, each in a lane in which it meets no other. */
function arcsOf(nodes: LayerInfo[]): Arc[] {
  const arcs: Arc[] = [];
  nodes.forEach((node, i) => node.sources.forEach((source) => {
    if (i - source > 1) arcs.push({ from: source + 1, to: i + 1, lane: 0 });
  }));
  arcs.sort((a, b) => a.to - a.from - (b.to - b.from));
  for (const arc of arcs) {
    while (arcs.some((other) => other !== arc && other.lane === arc.lane && other.lane > 0 && other.from < arc.to
      && arc.from < other.to) || arc.lane === 0) arc.lane++;
  }
  return arcs;
}

/** How far from the left the rail runs: at its left there is room for the arcs. */
function railAt(arcs: Arc[]): number { return 9 + Math.max(0, ...arcs.map((arc) => arc.lane)) * ARC; }

/** Straight from layer to layer; an arc for what jumps over some. */
function drawRail(rail: SVGElement, rows: HTMLElement[], nodes: LayerInfo[], arcs: Arc[], x: number): void {
  const list = rows[0].parentElement!, base = list.getBoundingClientRect(), parts: SVGElement[] = [];
  const heights = rows.map((item) => {
    const box = item.getBoundingClientRect();
    return box.top - base.top + Math.min(box.height / 2, 24);
  });
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
  rail.setAttribute("width", String(x + 10));
  rail.setAttribute("height", String(base.height));
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
