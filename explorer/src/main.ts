/** The page of `striate explore`: header, input and training at the side, and one of three views. */

import { get, post, snapshot, type Info } from "./api";
import { App, type Part } from "./app";
import { isDark } from "./colour";
import { announce, fill, h, mark, say, speakerElement } from "./dom";
import { labPart } from "./lab";
import { layerPart } from "./layer";
import { overviewPart } from "./overview";
import { sidePart } from "./side";
import { write } from "./state";
import { trainingPart } from "./training";

const root = document.getElementById("app")!;

async function begin(): Promise<void> {
  const info = await get<Info>("state");
  document.title = `${info.name} · striate explore`;
  const app = new App(info), main = h("main", { id: "main", tabIndex: -1 }), problem = h("p", { class: "problem", role: "alert", hidden: true });
  const said = h("p", {}, "The first view is being computed …"), side = sidePart(app), training = trainingPart(app), edited = h("p", { class: "edited-note", hidden: true });
  const tabs = ["network", "lab"] as const;
  const buttons = tabs.map((page) => h("button", { type: "button", onclick: () => app.move({ page }) }, page === "network" ? "Network" : "Lab"));
  if (snapshot) buttons[1].hidden = true;
  fill(root, h("a", { href: "#main", class: "skip", onclick: (event: Event) => { event.preventDefault(); main.focus(); } }, "Skip to the network"),
    h("header", {}, h("span", { class: "mark" }, "striate"), h("div", { class: "title" }, h("h1", {}, info.name), said),
      h("nav", { "aria-label": "Views" }, ...buttons), tools(app)),
    problem, edited, h("div", { class: "frame" }, h("aside", {}, side.element, training.element), main), speakerElement());
  let page: Part = { element: main, update: () => {} }, shown = "", network: Part | null = null;
  app.onProblem = (text) => { say(problem, text); problem.hidden = false; };
  app.onBusy = (busy) => main.setAttribute("aria-busy", String(busy));
  app.onRefresh = async () => {
    problem.hidden = true;
    showEdited(app, edited);
    say(said, app.verdict!.said);
    side.update();
    training.update();
    await page.update();
  };
  app.onMove = () => {
    if (app.view.page === "layer" && !app.layer) app.view.page = "network";
    const { page: name, layer } = app.view, key = name === "network" ? name : `${name} ${layer}`;
    if (key !== shown) {
      page = name === "layer" ? layerPart(app) : name === "lab" ? labPart(app) : network ??= overviewPart(app);
      fill(main, page.element);
      // On a narrow screen the input and the training stand above the view.
      if (shown && innerWidth <= 860) main.scrollIntoView();
      else if (shown) scrollTo(0, 0);
      if (shown) announce(page.element.getAttribute("aria-label") ?? "");
      // The lab chooses a layer itself if none was chosen.
      shown = app.view.page === "lab" ? `lab ${app.view.layer}` : key;
    }
    buttons.forEach((button, i) => mark(button, "aria-current", tabs[i] === (name === "lab" ? "lab" : "network") ? "page" : "false"));
    void app.refresh();
  };
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && app.view.page !== "network" && !document.querySelector("dialog[open]")) app.move({ page: "network" });
  });
  history.replaceState(null, "", write(app.view));
  app.onMove();
}

function showEdited(app: App, note: HTMLElement): void {
  note.hidden = !app.info.edited.length;
  if (note.hidden) return;
  fill(note, `Kernels changed by hand: ${app.info.edited.join(", ")}. All views show the network with these changes. `,
    snapshot ? null : h("button", { type: "button", onclick: () => void app.attempt(async () => {
      await post("reset", {});
      announce("All kernels are as they were learnt.");
      await app.renew();
    }) }, "Reset all"));
}

function tools(app: App): HTMLElement {
  const theme = h("button", { type: "button", onclick: () => { setTheme(isDark() ? "light" : "dark"); label(); void app.refresh(); } });
  const label = () => { say(theme, isDark() ? "Light" : "Dark"); theme.setAttribute("aria-label", `Change to ${isDark() ? "light" : "dark"} colours`); };
  const share = h("button", { type: "button", onclick: () => void app.attempt(async () => {
    await navigator.clipboard.writeText(location.href);
    announce("The address of this view was copied.");
    say(share, "Copied");
    setTimeout(() => say(share, "Copy link"), 1500);
  }) }, "Copy link");
  const save = h("button", { type: "button", onclick: () => {
    const numbers = [...app.visited.keys()].slice(-40).join(";");
    const link = h("a", { href: `/api/export?${new URLSearchParams({ ...app.asked, numbers })}`, download: "striate-explorer.html" });
    link.click();
    announce("The page is written as one HTML file.");
  } }, "Save as HTML");
  label();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", label);
  return h("div", { class: "tools" }, snapshot ? h("span", { class: "hint" }, "a copy without a server") : share, snapshot ? null : save, theme);
}

function setTheme(theme: string): void {
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("striate-theme", theme);
  } catch {
    // Private windows and files may keep nothing: the switch then lasts as long as the page.
  }
}

try {
  const kept = localStorage.getItem("striate-theme");
  if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
} catch {
  // As above.
}
begin().catch((error: unknown) => {
  fill(root, h("p", { class: "opening", role: "alert" }, error instanceof Error ? error.message : String(error)));
});
