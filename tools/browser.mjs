// Unpacks the Chromium of the npm package @sparticuz/chromium, which needs
// nothing of the system but the C library: its own libraries and fonts are in
// the package.
//
//   node tools/browser.mjs PACKAGE FOLDER  # writes FOLDER/chromium

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { brotliDecompressSync } from "node:zlib";

const [from, to] = process.argv.slice(2).map((path) => resolve(path));
const unpack = (name) =>
  brotliDecompressSync(readFileSync(join(from, "bin", `${name}.br`)));

for (const name of ["al2023.tar", "fonts.tar"]) {
  execFileSync("tar", ["-x", "--no-same-owner", "-C", to], { input: unpack(name) });
}
writeFileSync(
  join(to, "fonts.conf"),
  `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>${join(to, "fonts")}</dir>
  <cachedir>${join(to, "fonts-cache")}</cachedir>
</fontconfig>
`,
);
writeFileSync(join(to, "headless-shell"), unpack("chromium"), { mode: 0o755 });
writeFileSync(
  join(to, "chromium"),
  `#!/bin/sh
export LD_LIBRARY_PATH='${join(to, "lib")}' FONTCONFIG_FILE='${join(to, "fonts.conf")}'
exec '${join(to, "headless-shell")}' "$@"
`,
  { mode: 0o755 },
);
