/** The few pages for people: plain HTML, no scripts, nothing from elsewhere. */

const style = `
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c2024; background: #fcfcfd; }
  h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
  table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #d9d9e0; vertical-align: top; }
  code, pre { font: 14px/1.5 ui-monospace, monospace; } pre { white-space: pre-wrap; background: #f0f0f3; padding: .8rem; border-radius: 6px; }
  a { color: #0b5cad; } .quiet { color: #60646c; }
  @media (prefers-color-scheme: dark) { body { color: #edeef0; background: #111113; } th, td { border-color: #43484e; } pre { background: #212225; } a { color: #70b8ff; } .quiet { color: #b0b4ba; } }`;

export function layout(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,"><title>${title}</title><style>${style}</style></head>
<body>${body}</body></html>`;
}
