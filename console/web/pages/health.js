// Checks and services: how they are on each node, what they have been in the last hour,
// and what they have last found.

import { T } from '/texts.js';
import { h, clock } from '/dom.js';
import { History, strip, downs } from '/history.js';

const H = () => T.health;
const told = 50; // of what happened
const few = 8; // nodes whose lines are shown though all is well
let history = new History();

export function leave() { history = new History(); }

export function view(app) {
  const events = history.newest(told);
  return h('main', {}, h('h1', {}, T.pages.health),
    kind(app, 'check', H().checks, (s) => s.checks || [], H().noChecks),
    kind(app, 'service', H().services, (s) => s.services || [], H().noServices),
    h('section', { class: 'card wide' }, h('h2', {}, H().history), events.length
      ? h('ol', { class: 'timeline' }, events.map((e) => h('li', { 'data-key': `${e.node} ${e.seq}`, class: 'is-' + e.level }, h('time', { datetime: e.time }, clock(e.time)), ' ', h('b', {}, e.node), ' ', e.message)))
      : h('p', { class: 'quiet' }, H().noHistory)));
}

export function after(app) { history.look(app.state.farm.nodes, app.render); }

function kind(app, what, title, list, empty) {
  const nodes = app.state.farm.nodes.filter((n) => n.status);
  const names = [...new Set(nodes.flatMap((n) => list(n.status).map((c) => c.name)))];
  return h('section', { class: 'card wide' }, h('h2', {}, title),
    names.length ? [h('p', { class: 'quiet small' }, H().strips),  names.map((name) => group(app, what, name, nodes.map((n) => [n, list(n.status).find((c) => c.name === name)]).filter(([, c]) => c).sort(downFirst)))] : h('p', { class: 'quiet' }, empty));
}

const downFirst = ([, a], [, b]) => (b.state === 'down') - (a.state === 'down');

/** One check or service on all nodes that have it. */
function group(app, what, name, all) {
  const up = all.filter(([, c]) => c.state === 'up').length;
  return h('details', { class: 'group', 'data-key': name, open: up < all.length || all.length <= few },
    h('summary', {}, h('b', {}, name), h('span', { class: 'state is-' + (up === all.length ? 'up' : 'down') }, H().upOf(up, all.length))),
    h('ul', { class: 'strips' }, all.map(([n, c]) => line(app, what, n, c))));
}

function line(app, what, n, c) {
  const spans = history.spans(n.name, what, c.name, c.state, Date.parse(app.state.farm.time));
  const { times, minutes } = downs(spans);
  const label = times ? H().down(times, Math.max(1, Math.round(minutes))) : H().neverDown;
  return h('li', { 'data-key': n.name, vars: { '--c': app.state.color(n.name) } },
    h('span', { class: 'who-is' }, h('i', { class: 'swatch' }), ' ', n.name),
    h('span', {}, h('span', { class: 'state is-' + ({ up: 'up', down: 'down' }[c.state] || 'waiting') }, c.state)),
    h('span', { class: 'strip', role: 'img', title: label, 'aria-label': label, vars: { '--strip': strip(spans) } }),
    h('span', { class: 'found' }, [c.detail, c.restarts ? H().restarts(c.restarts) : ''].filter(Boolean).join(' · ') || T.none,
      c.warning ? h('span', { class: 'warn' }, ' ', c.warning) : null));
}
