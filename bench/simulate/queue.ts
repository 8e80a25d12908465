/** Where jobs are served: so many at once, the others wait. A limit of r a second is one server of 1/r seconds. */
export interface Station {
  readonly name: string;
  /** `Infinity` where nobody waits: a delay. */
  readonly servers: number;
  /** `fair`: tenants take turns; `fifo`, when not given: in the order in which they came. */
  readonly order?: 'fifo' | 'fair';
}

/** A job and how long each of the stations in its way serves it, in seconds. */
export interface Job {
  readonly tenant: string;
  readonly arrivesAt: number;
  readonly route: readonly { readonly station: string; readonly seconds: number }[];
}

export interface Done {
  readonly job: Job;
  readonly endedAt: number;
  /** Seconds waited, over all stations. */
  readonly waited: number;
}

export interface StationResult {
  readonly name: string;
  readonly served: number;
  /** Seconds of service given. */
  readonly busy: number;
  readonly meanWait: number;
  /** Share of jobs that did not find a free server. */
  readonly waitedShare: number;
}

export interface Simulated {
  readonly done: readonly Done[];
  readonly stations: readonly StationResult[];
  /** When the last job left. */
  readonly endedAt: number;
}

interface Traveller {
  readonly job: Job;
  leg: number;
  cameAt: number;
  waited: number;
}

/** Sends the jobs through the stations. No chance in it: the same jobs give the same result. */
export function simulate(stations: readonly Station[], jobs: readonly Job[]): Simulated {
  const desks = new Map(stations.map((station) => [station.name, new Desk(station)]));
  const events = new Agenda();
  const done: Done[] = [];
  const deskOf = (traveller: Traveller) => {
    const name = traveller.job.route[traveller.leg]?.station ?? '';
    const desk = desks.get(name);
    if (desk === undefined) throw new Error(`there is no station ${name}`);
    return desk;
  };
  let now = 0;
  const enter = (traveller: Traveller) => {
    if (traveller.leg >= traveller.job.route.length) {
      done.push({ job: traveller.job, endedAt: now, waited: traveller.waited });
      return;
    }
    traveller.cameAt = now;
    const desk = deskOf(traveller);
    desk.queue(traveller);
    begin(desk);
  };
  const begin = (desk: Desk) => {
    for (let next = desk.next(now); next !== undefined; next = desk.next(now)) {
      const traveller = next;
      const seconds = traveller.job.route[traveller.leg]?.seconds ?? 0;
      desk.busy += seconds;
      events.at(now + seconds, () => {
        desk.free();
        traveller.leg += 1;
        enter(traveller);
        begin(desk);
      });
    }
  };
  // One arrival at a time is on the agenda, so that it stays short.
  const arrivals = jobs.toSorted((a, b) => a.arrivesAt - b.arrivesAt).values();
  const arrive = () => {
    const { value: job } = arrivals.next();
    if (job === undefined) return;
    events.at(job.arrivesAt, () => {
      arrive();
      enter({ job, leg: 0, cameAt: 0, waited: 0 });
    });
  };
  arrive();
  for (let event = events.next(); event !== undefined; event = events.next()) {
    now = event.at;
    event.happen();
  }
  return { done, stations: [...desks.values()].map((desk) => desk.result()), endedAt: now };
}

class Desk {
  readonly #station: Station;
  /** By tenant when fair, else all under one name; in the order in which it is their turn. */
  readonly #waiting = new Map<string, Line>();
  #serving = 0;
  #served = 0;
  #waitedFor = 0;
  #waiters = 0;
  busy = 0;

  constructor(station: Station) {
    this.#station = station;
  }

  queue(traveller: Traveller): void {
    const name = this.#station.order === 'fair' ? traveller.job.tenant : '';
    const line = this.#waiting.get(name) ?? new Line();
    line.push(traveller);
    this.#waiting.set(name, line);
  }

  /** Who is served next, when a server is free. */
  next(now: number): Traveller | undefined {
    if (this.#serving >= this.#station.servers) return undefined;
    const [first] = this.#waiting;
    if (first === undefined) return undefined;
    const [name, line] = first;
    const traveller = line.shift();
    this.#waiting.delete(name);
    if (line.length > 0) this.#waiting.set(name, line); // to the end: the others come first
    if (traveller === undefined) return undefined;
    const waited = now - traveller.cameAt;
    traveller.waited += waited;
    this.#serving += 1;
    this.#served += 1;
    this.#waitedFor += waited;
    if (waited > 0) this.#waiters += 1;
    return traveller;
  }

  free(): void {
    this.#serving -= 1;
  }

  result(): StationResult {
    return {
      name: this.#station.name,
      served: this.#served,
      busy: this.busy,
      meanWait: this.#waitedFor / Math.max(1, this.#served),
      waitedShare: this.#waiters / Math.max(1, this.#served),
    };
  }
}

/** First in, first out, without moving all the others at each step. */
class Line {
  readonly #items: Traveller[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(traveller: Traveller): void {
    this.#items.push(traveller);
  }

  shift(): Traveller | undefined {
    const traveller = this.#items[this.#head];
    if (traveller !== undefined) this.#head += 1;
    return traveller;
  }
}

interface Event {
  readonly at: number;
  /** Of what is at the same time, what was entered first comes first. */
  readonly order: number;
  happen(): void;
}

/** What is to happen, earliest first: a binary heap. */
class Agenda {
  readonly #heap: Event[] = [];
  #entered = 0;

  at(time: number, happen: () => void): void {
    const heap = this.#heap;
    const event = { at: time, order: this.#entered, happen };
    this.#entered += 1;
    let place = heap.length;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !isBefore(event, parent)) break;
      heap[place] = parent;
      place = above;
    }
    heap[place] = event;
  }

  next(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let place = 0;
    for (;;) {
      const left = 2 * place + 1;
      const [one, other] = [heap[left], heap[left + 1]];
      const lesser = other !== undefined && one !== undefined && isBefore(other, one) ? left + 1 : left;
      const child = heap[lesser];
      if (child === undefined || !isBefore(child, last)) break;
      heap[place] = child;
      place = lesser;
    }
    heap[place] = last;
    return first;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
