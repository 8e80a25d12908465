/** Hours of a day in which nobody is to be woken; `to` before `from` = over midnight. */
export interface QuietHours {
  /** `22:00`, by the clock of `timezone`. */
  readonly from: string;
  readonly to: string;
  /** IANA: `Europe/Berlin`. */
  readonly timezone: string;
}

const dayMinutes = 1_440;
const minuteMs = 60_000;

/** When the quiet hours end that are at this moment; null when there are none. */
export function quietUntil(now: Date, { from, to, timezone }: QuietHours): Date | null {
  const at = minutesOf(now, timezone);
  const start = minutes(from);
  const end = minutes(to);
  if (forward(start, at) >= forward(start, end)) return null;
  const whole = Math.floor(now.getTime() / minuteMs) * minuteMs;
  const guess = new Date(whole + forward(at, end) * minuteMs);
  // The clocks are changed at night: then the hours are longer or shorter than they look.
  const off = forward(end, minutesOf(guess, timezone));
  const drift = off > dayMinutes / 2 ? off - dayMinutes : off;
  const settled = new Date(guess.getTime() - drift * minuteMs);
  return settled > now ? settled : guess;
}

/** From one time of the day to the next other one. */
function forward(from: number, to: number): number {
  return (to - from + dayMinutes) % dayMinutes;
}

function minutes(time: string): number {
  const [hours = 0, rest = 0] = time.split(':').map(Number);
  return hours * 60 + rest;
}

function minutesOf(at: Date, timezone: string): number {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: timezone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  return minutes(format.format(at));
}
