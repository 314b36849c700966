/** Live training: start, pause, step, begin anew; the loss as it falls; and the weights of every epoch. */

import { forget, post, snapshot, type Status } from "./api";
import type { App, Part } from "./app";
import { announce, fill, h, mark, say, svg } from "./dom";

const WIDTH = 264, HEIGHT = 120;
/** After an update the page rests so many times as long as it took: the browser's other processes, which bring what was
 * drawn to the screen, take several times as long, and all together cost a training about a tenth. */
const REST = 60;
/** So many milliseconds a training that begins is left alone: words tell that it runs, pictures come afterwards. */
const YOUNG = 2000;
const PHASES: Record<Status["phase"], string> = {
  idle: "Not started", preparing: "Preparing the programs …", running: "Learning", paused: "Paused", failed: "Failed",
};

export function trainingPart(app: App): Part {
  if (!app.info.training) {
    const text = app.info.whyNot;
    return { element: h("section", { class: "panel", "aria-label": "Training" }, h("h2", {}, "Training"), h("p", { class: "lead" }, text)), update: () => {} };
  }
  const act = (action: string) => app.attempt(async () => {
    const status = await post<Status>("train", { action });
    if (action === "restart") {
      points.length = 0;
      forget();
    }
    announce({ start: "The training runs.", pause: "The training is paused.", step: "One step.", restart: "All begins anew." }[action] ?? "");
    take(status);  // Pictures are renewed where weights have changed, and only then.
  });
  const points: Status["points"] = [];
  const start = h("button", { type: "button", class: "main", onclick: () => void act(isRunning(app.status) ? "pause" : "start") }, "Start");
  const step = h("button", { type: "button", onclick: () => void act("step") }, "Step");
  const restart = h("button", { type: "button", onclick: () => void act("restart") }, "Restart");
  const said = h("p", { class: "caption" }), chart = h("div", { class: "chart" });
  const scrub = h("input", { type: "range", min: "0", step: "1", "aria-label": "Weights of which epoch are shown", oninput: () => {
    const kept = app.status?.kept ?? [], place = Number(scrub.value);
    app.move({ at: place >= kept.length ? "live" : String(kept[place]) }, true);
  } });
  const shown = h("b", {});
  const element = h("section", { class: "panel", "aria-label": "Training" }, h("h2", {}, "Training"),
    h("p", { class: "caption", title: `on ${app.info.training.said}` }, `${app.info.training.batch} images a step`),
    h("div", { class: "tools" }, start, step, restart), said, chart,
    h("label", { class: "slider" }, h("span", {}, "weights shown", shown), scrub));
  let last = "";
  const draw = () => {
    const { status } = app;
    if (!status) return;
    say(start, isRunning(status) ? "Pause" : status.steps ? "Go on" : "Start");
    say(said, sentence(status));
    const kept = status.kept, place = app.view.at === "live" ? kept.length : kept.indexOf(Number(app.view.at));
    scrub.max = String(kept.length);
    scrub.value = String(place);
    const words = app.view.at === "live" ? "now" : app.view.at === "0" ? "before the training" : `after epoch ${app.view.at}`;
    say(shown, words);
    mark(scrub, "aria-valuetext", words);
    const key = `${points.length} ${points.at(-1)?.[0]} ${status.epochs.length}`;
    if (key !== last) fill(chart, points.length ? lossChart(points, status) : null);
    last = key;
  };
  let resting = 0;
  const renew = async () => {
    const started = performance.now();
    resting = Infinity;
    await app.renew();
    resting = performance.now() + REST * (performance.now() - started);
  };
  const take = (status: Status) => {
    const edited = String(app.info.edited) !== String(status.edited);
    if (status.steps < (points.at(-1)?.[0] ?? 0)) points.length = 0;
    points.push(...status.points.filter((point) => point[0] > (points.at(-1)?.[0] ?? 0)));
    thin(points);
    const grown = app.status?.kept.length !== status.kept.length, begins = status.phase === "running" && app.status?.phase !== "running";
    app.status = status;
    const { at } = app.view;
    if (at !== "live" && !status.kept.includes(Number(at))) app.move({ at: "live" }, true);  // All began anew.
    const behind = app.verdict !== null && app.verdict.steps !== status.steps && app.view.at === "live";
    // Not even a word changes meanwhile: each change of the page is brought to the screen by three processes.
    if (isRunning(status) && performance.now() < resting && !begins && !edited) return;
    draw();
    if (begins) resting = Math.max(resting, performance.now() + YOUNG);
    if (edited || (behind && !begins)) void renew();
    else if (grown && !begins) void app.refresh();
  };
  let listens = snapshot !== null;
  const update = () => {
    draw();
    if (!listens) follow(take);  // Once the first view is there: nothing is compared with what was never shown.
    listens = true;
  };
  return { element, update };
}

function isRunning(status: Status | null): boolean {
  return status?.phase === "running" || status?.phase === "preparing";
}

/** Listens while the page can be seen: nobody looks, nothing is computed. */
function follow(take: (status: Status) => void): void {
  let source: EventSource | null = null;
  const open = () => {
    source?.close();
    source = null;
    if (document.hidden) return;
    source = new EventSource("/api/events");
    source.onmessage = (event) => take(JSON.parse(event.data as string) as Status);
  };
  document.addEventListener("visibilitychange", open);
  open();
}

/** At most 900 points, of which the old ones lie farther apart. */
function thin(points: Status["points"]): void {
  while (points.length > 900) {
    for (let i = Math.floor(points.length / 2); i > 0; i -= 2) points.splice(i, 1);
  }
}

function sentence(status: Status): string {
  if (status.phase === "failed") return status.problem;
  const epoch = status.epochs.length + 1, done = status.steps - status.epochs.length * status.steps_per_epoch;
  const last = status.epochs.at(-1), rate = status.rate ? `, ${Math.round(status.rate).toLocaleString("en")} images/s` : "";
  const accuracy = last?.val_accuracy === undefined ? "" : ` After epoch ${epoch - 1}: ${(100 * last.val_accuracy).toFixed(1)} % of the held-out images right.`;
  if (!status.steps) return PHASES[status.phase];
  return `${PHASES[status.phase]}: epoch ${epoch}, step ${Math.max(0, done)} of ${status.steps_per_epoch}${rate}.${accuracy}`;
}

/** The loss of each step, faint, and its running mean; dots are the held-out images' losses. */
function lossChart(points: Status["points"], status: Status): Element {
  const chart = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": points.length ? `Loss, now ${points.at(-1)![1].toFixed(3)}` : "Loss: no step yet" });
  const left = 30, bottom = HEIGHT - 18, top = 8, right = WIDTH - 4;
  const steps = Math.max(1, points.at(-1)?.[0] ?? 1), losses = points.map((point) => point[1]).filter(Number.isFinite);
  const most = Math.max(0.1, ...losses.slice(0, 3), ...losses.slice(-200)) * 1.05;
  const x = (step: number) => left + ((right - left) * step) / steps, y = (loss: number) => bottom - ((bottom - top) * Math.min(loss, most)) / most;
  for (const level of [0, most / 2, most]) {
    chart.append(svg("line", { x1: left, x2: right, y1: y(level), y2: y(level), class: "rule" }),
      svg("text", { x: left - 4, y: y(level) + 4, "text-anchor": "end" }, level.toFixed(level ? 1 : 0)));
  }
  status.epochs.forEach((_, i) => {
    const at = x((i + 1) * status.steps_per_epoch);
    if (at <= right) chart.append(svg("line", { x1: at, x2: at, y1: top, y2: bottom, class: "rule epoch" }));
  });
  const path = (rows: [number, number][]) => rows.map(([step, loss], i) => `${i ? "L" : "M"}${x(step).toFixed(1)} ${y(loss).toFixed(1)}`).join("");
  const finite = points.filter((point) => Number.isFinite(point[1])).map((point): [number, number] => [point[0], point[1]]);
  let mean = finite[0]?.[1] ?? 0;
  const smooth = finite.map(([step, loss]): [number, number] => { mean += (loss - mean) * 0.12; return [step, mean]; });
  if (finite.length) chart.append(svg("path", { d: path(finite), class: "raw" }), svg("path", { d: path(smooth), class: "smooth" }));
  status.epochs.forEach((logs, i) => {
    if (logs.val_loss !== undefined) chart.append(svg("circle", { cx: x((i + 1) * status.steps_per_epoch), cy: y(logs.val_loss), r: 3, class: "held" }));
  });
  chart.append(svg("text", { x: right, y: HEIGHT - 3, "text-anchor": "end" }, `step ${steps.toLocaleString("en")}`),
    svg("text", { x: left, y: HEIGHT - 3 }, "loss · dots: held-out images"));
  return chart;
}
