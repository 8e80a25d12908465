/** sha256 over everything that the built programs are made from. */
export function fingerprint(): Promise<string>;
/** Whether `dist` is current as far as file times tell. */
export function isCurrent(): boolean;
/** Builds `dist` when it is not current; answers whether it did. */
export function build(options?: { force?: boolean; log?: (line: string) => void }): Promise<boolean>;
