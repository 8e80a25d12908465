import { connectors } from '../../connectors/registry.js';
import { commandsPage } from './commands-page.js';
import { configurationPage } from './configuration-page.js';
import { connectorsPage } from './connectors-page.js';
import { errorsPage } from './errors-page.js';

/** The generated reference pages, by their place in the repository. */
export function referencePages(): Readonly<Record<string, string>> {
  return {
    'docs/reference/cli.md': commandsPage(),
    'docs/reference/configuration.md': configurationPage(),
    'docs/reference/connectors.md': connectorsPage(connectors),
    'docs/reference/errors.md': errorsPage(),
  };
}
