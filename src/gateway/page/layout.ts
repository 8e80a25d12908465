import { createHash } from 'node:crypto';

const style = `
:root { color-scheme: light dark; --ink: #1c2024; --quiet: #60646c; --line: #d9d9e0; --paper: #fcfcfd; --card: #fff; --link: #0b5cad;
  --good: #18794e; --bad: #c62a2f; --busy: #0b68cb; --warn: #915930; }
@media (prefers-color-scheme: dark) { :root { --ink: #edeef0; --quiet: #b0b4ba; --line: #363a3f; --paper: #111113; --card: #18191b; --link: #70b8ff;
  --good: #3dd68c; --bad: #ff9592; --busy: #70b8ff; --warn: #ffa057; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 72rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.75rem; margin: 0; } h2 { font-size: 1.05rem; margin: 2.25rem 0 .75rem; }
p { margin: .25rem 0; } a { color: var(--link); } code { font: .9em ui-monospace, monospace; }
.quiet { color: var(--quiet); } .lead { font-size: 1.05rem; max-width: 48rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: .75rem; padding: 0; margin: 0; list-style: none; }
.cards li { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: .75rem 1rem; overflow-wrap: anywhere; }
.cards b { display: block; font-size: 1.35rem; font-weight: 600; } .cards small { color: var(--quiet); display: block; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .45rem .75rem .45rem 0; border-bottom: 1px solid var(--line); vertical-align: top; white-space: nowrap; }
th { color: var(--quiet); font-weight: 500; font-size: .875rem; } .n { text-align: right; } td.note { white-space: normal; min-width: 14rem; }
.good { color: var(--good); } .bad { color: var(--bad); } .busy { color: var(--busy); } .warn { color: var(--warn); }
footer { margin-top: 3rem; color: var(--quiet); font-size: .875rem; }
`;

/** For the Content-Security-Policy: the one style that the browser may apply. */
export const pageStyleHash = createHash('sha256').update(style).digest('base64');

const icon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0b5cad"/><path d="M8 24 24 8" stroke="#fff" stroke-width="5" stroke-linecap="round"/></svg>';

/** A whole page: no scripts, nothing from elsewhere. `refreshSeconds` null = it stands still. */
export function layout(title: string, body: string, refreshSeconds: number | null): string {
  const refresh = refreshSeconds === null ? '' : `<meta http-equiv="refresh" content="${refreshSeconds}">`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">${refresh}
<title>${title}</title><link rel="icon" href="data:image/svg+xml,${encodeURIComponent(icon)}"><style>${style}</style></head>
<body>${body}</body></html>`;
}

export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
