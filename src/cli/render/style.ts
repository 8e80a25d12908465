import picocolors from 'picocolors';

/** Colours that are nothing when colour is off. */
export type Style = ReturnType<typeof picocolors.createColors>;

export function createStyle(color: boolean): Style {
  return picocolors.createColors(color);
}

const thin = '\u202f';

/** `1240` → `1 240` with a narrow no-break space. */
export function formatCount(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, thin);
}

/** `1 page`, `60 pages`, `1 discrepancy`; words that are no plurals stay as they are. */
export function formatCounted(value: number, noun: string): string {
  const one = noun.endsWith('ies') ? `${noun.slice(0, -3)}y` : noun.replace(/s$/, '');
  return `${formatCount(value)} ${value === 1 ? one : noun}`;
}

/** `640 ms` → `0.6 s`; from a minute on `2 min 03 s`. */
export function formatSeconds(milliseconds: number): string {
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(seconds % 60).padStart(2, '0')} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** `3 min ago`, `in 20 s`. */
export function formatAge(time: Date, now: Date): string {
  const seconds = Math.round((now.getTime() - time.getTime()) / 1000);
  const words = span(Math.abs(seconds));
  if (seconds === 0) return 'now';
  return seconds > 0 ? `${words} ago` : `in ${words}`;
}

function span(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** At most `width` characters, the end replaced by an ellipsis. */
export function truncate(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`;
}

/** At most `width` characters, the middle replaced: for ids, whose ends differ. */
export function truncateMiddle(text: string, width: number): string {
  if (text.length <= width) return text;
  const head = Math.ceil((width - 1) / 2);
  return `${text.slice(0, head)}…${text.slice(text.length - (width - 1 - head))}`;
}
