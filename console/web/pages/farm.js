// Who serves what, and how to change it.

import { T } from '/texts.js';
import { clock, h, number, percent } from '/dom.js';
import { get } from '/api.js';
import { Ring } from '/ring.js';
import { flowsOf } from '/farmstate.js';
import { warnings } from '/warnings.js';

const ring = new Ring();
let rule = ''; // of the ring
let asked = { key: '', at: 0 };
const ringEvery = 2000; // ms, while buckets move
const mostWarnings = 10;

export function view(app) {
  return h('main', {}, h('h1', { class: 'hidden' }, T.farm.title), summary(app), attention(app), h('div', { class: 'farm' }, app.state.own?.behind_balancer ? null : ringCard(app), nodes(app)));
}

export function enter() { asked = { key: '', at: 0 }; }

function summary(app) {
  const all = app.state.farm.nodes;
  const up = all.filter((n) => n.state === 'up');
  const views = new Set(up.filter((n) => n.status).map((n) => n.status.view));
  const settled = up.every((n) => !n.status || n.status.settled);
  const rate = sum(all.map((n) => app.state.rates.get(n.name)?.accepted));
  const opened = sum(all.map((n) => app.state.rates.get(n.name)?.opened));
  const flows = sum(all.map((n) => flowsOf(n.status)));
  const tile = (value, label, bad) => h('div', { class: 'tile' + (bad ? ' bad' : '') }, h('b', {}, value), h('span', {}, label));
  return h('section', { class: 'summary', 'aria-label': T.farm.summary },
    tile(T.farm.of(up.length, all.length), T.farm.nodesUp, up.length < all.length),
    app.state.own?.behind_balancer ? tile(T.none, T.farm.behind) : [
    tile(views.size > 1 ? T.farm.differ(views.size) : T.farm.agree, T.farm.views, views.size > 1),
    differing(app.state.own).length ? tile(differing(app.state.own).join(', '), T.farm.configDiffers, true) : null,
    tile(settled ? T.farm.settled : T.farm.moving, T.farm.asks),
    tile(number(rate), T.farm.accepted),
    tile(number(opened), T.farm.opened),
    tile(number(flows), T.farm.connections)],
    app.can('control') ? menu(T.farm.allNodes, '', ['start', 'drain', 'stop', 'restart']) : null);
}

/** What must not be overlooked; null if there is nothing. */
function attention(app) {
  const all = warnings(app.state);
  if (!all.length) return null;
  return h('section', { class: 'card attention', 'data-key': 'attention', 'aria-label': T.warnings.title }, h('ul', {},
    all.slice(0, mostWarnings).map((w) => h('li', { class: 'is-' + w.level }, w.text)),
    all.length > mostWarnings ? h('li', { class: 'quiet' }, T.warnings.more(all.length - mostWarnings)) : null));
}

// Nodes that have other VIPs or rules than the one that shows the page.
const differing = (own) => (own?.nodes || []).filter((n) => n.config_digest && n.config_digest !== own.config_digest).map((n) => n.name);

const sum = (list) => list.reduce((s, n) => s + (n || 0), 0);

function menu(label, node, actions) {
  return h('details', { class: 'menu', 'data-key': 'menu-' + node }, h('summary', {}, label),
    h('div', {}, actions.map((a) => h('button', { 'data-action': a, 'data-node': node }, T.actions[a]))));
}

function ringCard(app) {
  const rules = app.state.rules;
  if (!rules.includes(rule)) rule = rules[0] || '';
  const own = app.state.own?.rules.find((r) => r.name === rule);
  const parts = app.state.farm.nodes.filter((n) => n.shares[rule] > 0).map((n) => `${n.name} ${percent(n.shares[rule])}`);
  const unsettled = Math.max(0, ...app.state.farm.nodes.map((n) => n.status?.rules.find((r) => r.name === rule)?.unsettled || 0));
  return h('section', { class: 'card ring', 'aria-label': T.farm.ring },
    h('h2', {}, T.farm.ring, ' ', rules.length > 1
      ? h('label', {}, h('span', { class: 'hidden' }, T.farm.ringOf),
        h('select', { id: 'ring-rule', 'data-keep': true }, rules.map((r) => h('option', { value: r, selected: r === rule }, r))))
      : h('span', { class: 'quiet' }, rule)),
    h('div', { class: 'round' },
      h('canvas', { id: 'ring', 'data-keep': true, role: 'img', 'aria-label': T.farm.ringLabel(rule, parts.join(', ') || T.none) }),
      h('p', { class: 'middle' }, h('b', {}, number(own?.buckets)), h('span', {}, T.farm.asks), unsettled ? h('span', { class: 'warn' }, T.farm.unsettled(number(unsettled))) : null)),
    h('ul', { class: 'legend' }, app.state.farm.nodes.map((n) => h('li', { 'data-key': n.name, vars: { '--c': app.state.color(n.name) } },
      h('i', { class: 'swatch' }), h('span', {}, n.name), h('b', {}, percent(n.shares[rule] || 0))))));
}

function nodes(app) {
  return h('section', { class: 'nodes', 'aria-label': T.farm.nodes }, app.state.farm.nodes.map((n) => card(app, n)));
}

function card(app, n) {
  const s = n.status;
  const rate = app.state.rates.get(n.name);
  return h('article', { class: 'card node is-' + n.state, 'data-key': n.name, vars: { '--c': app.state.color(n.name) }, 'aria-labelledby': 'node-' + n.name },
    h('header', {}, h('i', { class: 'swatch' }), h('h3', { id: 'node-' + n.name }, n.name), h('span', { class: 'state is-' + n.state }, T.states[n.state] || n.state),
      h('span', { class: 'quiet small address' }, n.address, n.name === app.state.farm.node ? ` · ${T.farm.serving}` : '')),
    s?.reason ? h('p', { class: 'why' }, s.reason) : null,
    n.state === 'draining' && s ? h('p', { class: 'why' }, s.drain_ends ? T.farm.drainsBy(clock(s.drain_ends)) : T.farm.drains) : null,
    s?.fenced ? h('p', { class: 'why' }, `${T.farm.fenced}: ${s.fenced}`) : null,
    s?.withdrawn ? h('p', { class: 'why' }, `${T.farm.nobody}: ${s.withdrawn.join(', ')}`) : null,
    n.problem ? h('p', { class: 'why' }, `${T.farm.problem}: ${n.problem}`) : null,
    n.note ? h('p', { class: 'why' }, n.note) : null,
    h('dl', { class: 'shares' }, Object.keys(n.shares).sort(byRule(app)).map((name) => h('div', { 'data-key': name },
      h('dt', {}, name), h('dd', {}, h('span', { class: 'bar' }, h('i', { vars: { '--w': percent(n.shares[name]).replace('\u2009', '') } })), h('b', { class: 'share', 'data-rule': name }, percent(n.shares[name])))))),
    s?.behind_balancer ? null : h('dl', { class: 'figures' },
      figure(number(rate?.accepted), T.farm.acceptedShort + T.farm.perSecond), figure(number(rate?.rejected), T.farm.rejectedShort + T.farm.perSecond),
      figure(number(rate?.opened), T.farm.openedShort + T.farm.perSecond), figure(s ? number(flowsOf(s)) : T.none, T.farm.flows),
      figure(s?.lease ? `${s.lease.remaining_ms}\u2009${T.farm.ms}` : T.none, T.farm.lease)),
    s?.behind_balancer ? null : spark(rate?.history || []),
    app.can('control') ? h('footer', {}, actionsFor(n.state).map((a) => h('button', { 'data-action': a, 'data-node': n.name, 'data-key': a, 'aria-label': `${T.actions[a]} ${n.name}` }, T.actions[a]))) : null);
}

const byRule = (app) => (a, b) => app.state.rules.indexOf(a) - app.state.rules.indexOf(b);
const figure = (value, label) => h('div', {}, h('dd', {}, value), h('dt', {}, label));

function actionsFor(state) {
  switch (state) {
    case 'stopped': return ['start', 'restart'];
    case 'draining': return ['start', 'stop', 'restart'];
    case 'unreachable': return [];
    default: return ['drain', 'stop', 'restart'];
  }
}

function spark(history) {
  const w = 240, height = 30;
  const top = Math.max(1, ...history);
  const points = history.map((v, i) => `${(w - (history.length - 1 - i) * (w / 89)).toFixed(1)},${(height - 1 - (v / top) * (height - 3)).toFixed(1)}`);
  return h('svg', { class: 'spark', viewBox: `0 0 ${w} ${height}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': T.farm.packets },
    points.length > 1 ? h('polyline', { points: points.join(' ') }) : null);
}

/** Draws the ring, and asks for the buckets when they have moved. */
export function after(app) {
  const select = document.getElementById('ring-rule');
  if (select && !select.onchange) select.onchange = () => { rule = select.value; asked.key = ''; app.render(); };
  draw(app);
  const own = app.state.own;
  const shares = JSON.stringify(app.state.farm.nodes.map((n) => n.shares[rule]));
  const key = `${rule} ${own?.view} ${shares}`;
  const unsettled = own && !own.settled;
  if (!rule || (asked.key === key && !(unsettled && Date.now() - asked.at > ringEvery) && !asked.unsettled === !unsettled)) return;
  asked = { key, at: Date.now(), unsettled };
  get('/v1/buckets', { rule, cells: 1024 }).then((b) => { ring.take(b); draw(app); }).catch(() => { asked.key = ''; });
}

function draw(app) {
  const canvas = document.getElementById('ring');
  if (canvas && ring.draw(canvas, (name) => app.state.color(name))) requestAnimationFrame(() => draw(app));
}

export function restyle(app) { requestAnimationFrame(() => draw(app)); }
