/** The one object that all parts of the page share: what is looked at, what is known, and how to move on. */

import { forget, knows, recall, snapshot, type Info, type LayerInfo, type Overview, type Status, type Verdict } from "./api";
import { announce } from "./dom";
import { read, write, type View } from "./state";

/** A part of the page: drawn once, brought up to date whenever numbers change. */
export interface Part { element: HTMLElement; update(): void | Promise<void> }

export class App {
  view: View = read(location.hash);
  verdict: Verdict | null = null;
  status: Status | null = null;
  /** Numbers that were looked at: an exported page will hold them. */
  readonly visited = new Map<string, string>();
  /** Called after each move (the page may be another) and after each refresh. */
  onMove: () => void = () => {};
  onRefresh: () => Promise<void> = async () => {};
  onProblem: (text: string) => void = () => {};
  /** Told when the view falls behind what was asked for, and when it has caught up. */
  onBusy: (busy: boolean) => void = () => {};
  private refreshing: Promise<void> | null = null;
  private again = false;

  constructor(readonly info: Info) {
    if (snapshot) Object.assign(this.view, { image: snapshot.image, at: snapshot.at });
    if (!info.samples.some((sample) => sample.id === this.view.image)) this.view.image = info.samples[0]?.id ?? "";
    addEventListener("popstate", () => {
      this.view = { ...read(location.hash), image: read(location.hash).image || this.view.image };
      this.onMove();
    });
  }

  /** The layer that is looked at. */
  get node(): number { return this.info.nodes.findIndex((node) => node.name === this.view.layer); }
  get layer(): LayerInfo | undefined { return this.info.nodes[this.node]; }
  /** Which input and which weights every request is about. */
  get asked() { return { image: this.view.image, at: this.view.at }; }

  /** Goes to another view; `quietly` replaces the address instead of adding a step to the history. */
  move(change: Partial<View>, quietly = false): void {
    const before = this.view;
    this.view = { ...before, ...change };
    const address = write(this.view);
    if (quietly) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
    this.onMove();
  }

  /** Shows other numbers: weights have changed. */
  renew(): Promise<void> {
    forget();
    return this.refresh();
  }

  /** Shows what the view asks for. Calls while one is under way are answered by one more run. */
  refresh(): Promise<void> {
    if (this.refreshing) {
      this.again = true;
      return this.refreshing;
    }
    this.onBusy(true);
    const run = async () => {
      do {
        this.again = false;
        await this.attempt(async () => {
          this.verdict = await this.judged();
          this.info.edited = this.verdict.edited;
          await this.onRefresh();
        });
      } while (this.again);
    };
    this.refreshing = run().finally(() => {
      this.refreshing = null;
      this.onBusy(false);
    });
    return this.refreshing;
  }

  /** The maps of all layers. */
  overview(): Promise<Overview> { return recall<Overview>("overview", this.asked); }

  /** The verdict comes with all maps, or alone where these are neither shown nor known. */
  private judged(): Promise<Verdict> {
    const withMaps = snapshot || this.view.page === "network" || knows("overview", this.asked);
    return withMaps ? this.overview() : recall<Verdict>("verdict", this.asked);
  }

  /** Runs something that may fail; what it throws is told in words. */
  async attempt(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.onProblem(text);
      announce(text);
    }
  }
}
