// What an operator must not overlook, of all nodes, in one list.

import { T } from '/texts.js';
import { clock } from '/dom.js';

const W = () => T.warnings;
const few = 8; // nodes whose cards one sees at a glance
const named = 6; // of many nodes

/** [{level, text}], the worst first. What is the same on several nodes is there once. */
export function warnings(state) {
  const nodes = state.farm.nodes;
  const list = new Map(); // by what it is about: {level, nodes, text of those nodes}
  const add = (level, node, why, what, text) => {
    const one = list.get(what) || { level, nodes: [], why, text };
    if (node) one.nodes.push(node);
    list.set(what, one);
  };
  const plain = (level, text) => add(level, '', '', text, () => text);
  const states = nodes.map((n) => n.state);
  if (states.includes('waiting') && states.every((s) => ['waiting', 'stopped', 'unreachable'].includes(s))) plain('error', W().nobodyServes(states.includes('unreachable')));
  if (states.length && states.every((s) => s === 'stopped')) plain('error', W().allStopped);
  for (const n of nodes) {
    if (n.state !== 'up' && nodes.length > few) add(n.state === 'unreachable' ? 'error' : 'warn', n.name, n.problem || n.status?.reason, 'node ' + n.state, (on, why) => W().notUp(on, T.states[n.state] || n.state, why));
    if (!n.status) continue;
    for (const [kind, all] of [['check', n.status.checks], ['service', n.status.services]]) {
      for (const c of all || []) {
        if (c.state === 'down') add('error', n.name, c.detail, `${kind} ${c.name}`, (on, why) => W().down(kind, c.name, on, why));
        if (c.warning) add('warn', n.name, c.warning, `${kind} ${c.name} warns`, (on, why) => W().warned(kind, c.name, on, why));
      }
    }
    for (const v of n.status.vips || []) if (v.conflict) plain('error', v.conflict.text || W().conflict(v.address, v.conflict.mac, clock(v.conflict.seen)));
    for (const text of n.status.machine || []) plain('error', `${n.name}: ${text}`);
    for (const text of n.status.wire || []) plain('error', text);
    for (const text of n.status.cluster?.gossip_blocked || []) plain('error', W().gossip(n.name, text));
    for (const text of n.status.cluster?.networks_cut || []) plain('warn', W().network(n.name, text));
    if (n.status.cluster?.leases_ms) plain('warn', W().leases(Object.entries(n.status.cluster.leases_ms).sort().map(([node, ms]) => `${node} ${ms} ms`).join(', ')));
    if (n.status.cluster?.join_list) { const j = n.status.cluster.join_list; plain('warn', W().joinList(n.name, j.named, j.named + j.missing.length, j.missing.join(', '))); }
    if (n.status.fenced) add('error', n.name, '', 'fenced ' + n.status.fenced, (on) => W().fenced(on, n.status.fenced));
    if (n.status.checks_suspended) add('warn', n.name, '', 'suspended', (on) => W().suspended(on));
    if (n.status.cordoned) add('warn', n.name, '', 'cordoned', (on) => W().cordoned(on));
    if (n.status.cluster?.key_change) plain('warn', W().keys);
  }
  return [...list.values()].map((w) => ({ level: w.level, text: w.text(names(w.nodes), w.nodes.length === 1 && w.why) }))
    .sort((a, b) => (a.level === b.level ? 0 : a.level === 'error' ? -1 : 1));
}

const names = (list) => (list.length > named ? W().several(list.length, list.slice(0, named).join(', ')) : list.join(', '));
