// Builds the page into the Python package: `npm run build`. The same sources give the same bytes.
import { build } from "esbuild";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const target = process.argv[2] ?? join(here, "..", "striate", "explore", "static");

await mkdir(target, { recursive: true });
await build({
  absWorkingDir: here,
  entryPoints: { app: "src/main.ts" },
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  charset: "ascii",
  legalComments: "none",
  outdir: target,
});
await build({ absWorkingDir: here, entryPoints: { app: "src/style.css" }, bundle: true, minify: true, outdir: target });
// The icon stands in the page itself: a browser would ask for it again with every address that the page takes.
const [page, icon] = await Promise.all(["index.html", "icon.png"].map((name) => readFile(join(here, "src", name))));
await writeFile(join(target, "index.html"), page.toString().replace("/icon.png", `data:image/png;base64,${icon.toString("base64")}`));
