// What checks and services have been in the last hour, by the events of every node.

import { get } from '/api.js';

const hour = 3600000;
const step = 10000; // ms, so that a strip that stays is not drawn anew each second
const atOnce = 4; // nodes that are asked at a time
const colors = { up: '--good', down: '--bad', starting: '--warn', stopping: '--warn', unknown: '--none', stopped: '--none' };

/** What has happened to the checks and services of each node. */
export class History {
  constructor() { this.of = new Map(); } // by node: {key, events}

  /** Asks the nodes whose checks or services stand otherwise than when they were asked. */
  async look(nodes, changed) {
    if (this.looking) return;
    this.looking = true;
    const stale = nodes.filter((n) => n.status && this.of.get(n.name)?.key !== standing(n.status));
    const ask = async () => {
      for (let n = stale.shift(); n; n = stale.shift()) {
        const key = standing(n.status);
        const events = await get('/v1/events', { node: n.name, kind: 'check_,service_' }).catch(() => this.of.get(n.name)?.events || []);
        this.of.set(n.name, { key, events });
        changed();
      }
    };
    await Promise.all(Array.from({ length: atOnce }, ask));
    this.looking = false;
  }

  /** The newest of all nodes, with the node. */
  newest(count) {
    return [...this.of].flatMap(([node, h]) => h.events.map((e) => ({ node, ...e }))).sort((a, b) => (a.time < b.time ? 1 : -1)).slice(0, count);
  }

  /** Spans of one check or service in the hour before a time: {state, from, to} as parts of the hour, oldest first. */
  spans(node, kind, name, state, time) {
    const now = Math.ceil(time / step) * step;
    const part = (at) => Math.min(1, Math.max(0, 1 - (now - at) / hour));
    const list = [];
    for (const e of this.of.get(node)?.events || []) {
      const [what, to] = e.kind.split('_');
      if (what !== kind || e.fields?.name !== name || !(to in colors)) continue;
      const at = part(Date.parse(e.time));
      if (list.length) list.at(-1).to = at;
      list.push({ state: to, from: at, to: 1 });
    }
    if (list.length) list.at(-1).state = state;
    return list.filter((s) => s.to > s.from || s.to === 1);
  }
}

const standing = (status) => JSON.stringify([status.checks, status.services].map((list) => (list || []).map((c) => [c.name, c.state, c.restarts])));

/** A background that shows spans; nothing is known before the first. */
export function strip(spans) {
  const at = (part) => (part * 100).toFixed(2) + '%';
  const stops = spans.map((s) => `var(${colors[s.state] || '--none'}) ${at(s.from)} ${at(s.to)}`);
  if (spans.length && spans[0].from > 0) stops.unshift(`transparent 0 ${at(spans[0].from)}`);
  return stops.length ? `linear-gradient(to right, ${stops.join(', ')})` : 'none';
}

/** How often it was down, and for how many minutes. */
export function downs(spans) {
  const down = spans.filter((s) => s.state === 'down');
  return { times: down.length, minutes: down.reduce((sum, s) => sum + (s.to - s.from) * 60, 0) };
}
