import type { Environment } from './environment.js';

/** The environment of this process, for those who pass it on. Light: the command line asks for it first of all. */
export function processEnvironment(): Environment {
  return process.env;
}
