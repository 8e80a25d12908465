#!/usr/bin/env node
// Written so that any Node.js with modules can read it: what is too old shall say so, not fail to parse.
var wanted = [20, 19];
var actual = process.versions.node.split('.').map(Number);
if (actual[0] < wanted[0] || (actual[0] === wanted[0] && actual[1] < wanted[1])) {
  console.error(
    '\u2717 Baton needs Node.js 20.19 or newer and this is ' +
      process.versions.node +
      '; install a newer one (nodejs.org, or `nvm install 22`) and run the command again.  BTN-7001',
  );
  process.exit(2);
}
import('../scripts/prepare.mjs')
  .then((preparing) => preparing.prepare())
  .then(() => import('../dist/cli/main.js'))
  .catch((error) => {
    console.error(error && error.sentence ? '\u2717 ' + error.sentence : error);
    process.exit(error && error.exitCode ? error.exitCode : 1);
  });
