/** sha256 over everything that the built programs are made from. */
export function fingerprint(): Promise<string>;
/** Builds `dist` when it is not current; answers whether it did. */
export function build(options?: { force?: boolean; log?: (line: string) => void }): Promise<boolean>;
