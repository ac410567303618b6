// Builds the tracker: src/ → built/ (one piece for the core and for each part, which collector/edge/tracker_scripts.py puts together)
// and package/ (the npm package). In: [directory to write to]. The same sources give the same bytes.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const into = process.argv[2] || here;
const PARTS = {
  module: '', consent: 'consent', 'opt-out': 'optOut', exclusions: 'exclusions', engagement: 'engagement', vitals: 'vitals',
  'pageview-props': 'pageviewProps', 404: 'notFound', acts: 'acts', 'tagged-events': 'taggedEvents',
  revenue: 'revenue', 'outbound-links': 'outboundLinks', 'file-downloads': 'fileDownloads',
  'form-submissions': 'formSubmissions', plausible: 'plausible',
};
const { version, license } = JSON.parse(readFileSync(join(here, 'node_modules/web-vitals/package.json')));
const common = {
  absWorkingDir: here, bundle: true, minify: true, target: 'es2021', charset: 'utf8', legalComments: 'none',
  mangleProps: /^_/, tsconfigRaw: '{"compilerOptions":{"strict":false}}', logLevel: 'warning',
};

// A part's piece puts the part into the list P that the core's piece finds; both stand in one function of the collector's.
const pieces = {
  name: 'pieces',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^part:/ }, ({ path }) => ({ path: path.slice(5), namespace: 'part' }));
    onLoad({ filter: /.*/, namespace: 'part' }, ({ path }) => ({
      // What exports no part is nothing but its own lines.
      contents: PARTS[path]
        ? `import { ${PARTS[path]} } from './src/parts/${path}'; P.push(${PARTS[path]});`
        : `import './src/parts/${path}';`,
      resolveDir: here,
    }));
  },
};
// One short name for each of the names that the core and the parts share, the core's first.
let mangleCache = {};
for (const entry of ['src/script.ts', 'src/index.ts'])
  ({ mangleCache } = await build({ ...common, entryPoints: [entry], mangleCache, external: ['web-vitals'], write: false }));

const { outputFiles } = await build({
  ...common, mangleCache, plugins: [pieces], format: 'esm', write: false, outdir: 'built',
  entryPoints: [
    { in: 'src/script.ts', out: 'core' },
    ...Object.keys(PARTS).map((name) => ({ in: `part:${name}`, out: name })),
  ],
});
rmSync(join(into, 'built'), { recursive: true, force: true });
mkdirSync(join(into, 'built'), { recursive: true });
for (const { path, text } of outputFiles) {
  const name = path.split(/[\\/]/).pop();
  const credit = name == 'vitals.js' ? `/*! web-vitals ${version}, Copyright 2020 Google LLC, ${license} */\n` : '';
  // Parts have names of their own; the core is alone with the names that the composition gives.
  const body = text.trimEnd();
  writeFileSync(join(into, 'built', name), name == 'core.js' ? `${body}\n` : `${credit}(()=>{${body}})();\n`);
}

mkdirSync(join(into, 'package'), { recursive: true });
await build({
  // Not shortened: that is the business of the page that takes it in.
  ...common, minify: false, format: 'esm', external: ['web-vitals'],
  entryPoints: ['src/index.ts'], outfile: join(into, 'package/index.js'),
});
const types = spawnSync(
  process.execPath,
  [
    join(here, 'node_modules/typescript/bin/tsc'), '--project', here, '--noEmit', 'false', '--declaration',
    '--emitDeclarationOnly', '--outDir', join(into, 'types'),
  ],
  { stdio: 'inherit' },
);
if (types.status) process.exit(types.status);
for (const name of ['index.d.ts', 'api.d.ts']) copyFileSync(join(into, 'types', name), join(into, 'package', name));
rmSync(join(into, 'types'), { recursive: true });
writeFileSync(
  join(into, 'web-vitals.LICENSE'),
  `web-vitals ${version}\nCopyright 2020 Google LLC. Licensed under the Apache License, Version 2.0; its text follows.\n\n` +
    `Origin: the npm package web-vitals@${version} (https://github.com/GoogleChrome/web-vitals).\n` +
    'Changes: bundled into built/vitals.js and shortened, without what the tracker does not use; one comment line with ' +
    'this notice was added at its top.\n\n' +
    readFileSync(join(here, 'node_modules/web-vitals/LICENSE'), 'utf8'),
);
