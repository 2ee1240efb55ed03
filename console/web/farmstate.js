// What the pages show: the farm as last heard of, and rates made of its counters.

const keep = 90; // points of a sparkline, one a second or so

/** Takes pictures of the farm and remembers a little. */
export class FarmState {
  constructor() {
    this.farm = null;
    this.at = 0; // when it was heard, in ms
    this.rates = new Map(); // by node: {accepted, rejected, opened, history}
    this.last = new Map();
  }

  take(farm) {
    this.farm = farm;
    this.at = Date.now();
    for (const node of farm.nodes) this.count(node);
  }

  /** Makes rates of counters. One that falls is that of a new process. */
  count(node) {
    const d = node.status?.datapath;
    const rate = this.rates.get(node.name) || { accepted: null, rejected: null, opened: null, history: [] };
    this.rates.set(node.name, rate);
    const before = this.last.get(node.name);
    if (!d) {
      rate.accepted = rate.rejected = rate.opened = null;
      this.last.delete(node.name);
      return;
    }
    const now = { time: Date.parse(node.time), accepted: d.accepted, rejected: d.rejected, opened: d.opened };
    const seconds = before ? (now.time - before.time) / 1000 : 0;
    if (before && seconds < 0.4) return; // too short to tell a rate by
    this.last.set(node.name, now);
    if (!before || now.accepted < before.accepted) return;
    rate.accepted = (now.accepted - before.accepted) / seconds;
    rate.rejected = Math.max(0, now.rejected - before.rejected) / seconds;
    rate.opened = Math.max(0, now.opened - before.opened) / seconds; // NaN of a release that does not count them
    rate.history.push(rate.accepted);
    if (rate.history.length > keep) rate.history.shift();
  }

  /** The answering node's own status. */
  get own() { return this.farm?.nodes.find((n) => n.name === this.farm.node)?.status; }

  get names() { return (this.farm?.nodes || []).map((n) => n.name); }

  node(name) { return this.farm?.nodes.find((n) => n.name === name); }

  /** Rule names, in the configuration's order. */
  get rules() { return (this.own?.rules || []).map((r) => r.name); }

  /** A color for a node that stays its own while the names do. */
  color(name) {
    const i = this.names.indexOf(name);
    return i < 0 ? 'var(--none)' : `var(--node-${i % 12})`;
  }
}

export const flowsOf = (status) => (status?.rules || []).reduce((sum, r) => sum + (r.flows || 0), 0);
