// Checks and services, by node.

import { T } from '/texts.js';
import { h, clock } from '/dom.js';
import { get } from '/api.js';

const known = new Set(['name', 'state']);
let history = [];

export function enter(app) {
  get('/v1/events').then((events) => {
    history = events.filter((e) => /^(check|service)/.test(e.kind)).slice(-50).reverse();
    app.render();
  }).catch(() => {});
}

export function view(app) {
  return h('main', {}, h('h1', {}, T.pages.health),
    matrix(app, T.health.checks, T.health.check, (s) => s.checks, T.health.noChecks),
    matrix(app, T.health.services, T.health.service, (s) => s.services, T.health.noServices),
    h('section', { class: 'card wide' }, h('h2', {}, T.health.history), history.length
      ? h('ol', { class: 'timeline' }, history.map((e) => h('li', { 'data-key': String(e.seq), class: 'is-' + e.level }, h('time', { datetime: e.time }, clock(e.time)), ' ', e.message)))
      : h('p', { class: 'quiet' }, T.health.noHistory)));
}

/** A row for each name, a column for each node. */
function matrix(app, title, head, list, empty) {
  const nodes = app.state.farm.nodes;
  const names = [...new Set(nodes.flatMap((n) => (n.status ? list(n.status) : []).map((c) => c.name)))];
  return h('section', { class: 'card wide' }, h('h2', {}, title), !names.length ? h('p', { class: 'quiet' }, empty)
    : h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': title }, h('table', {},
      h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, head), nodes.map((n) => h('th', { scope: 'col' }, n.name)))),
      h('tbody', {}, names.map((name) => h('tr', { 'data-key': name }, h('th', { scope: 'row' }, name),
        nodes.map((n) => h('td', {}, cell(n.status && list(n.status).find((c) => c.name === name))))))))));
}

function cell(c) {
  if (!c) return h('span', { class: 'quiet' }, T.none);
  return [h('span', { class: 'state is-' + (c.state === 'up' ? 'up' : c.state === 'down' ? 'down' : 'waiting') }, c.state), details(c)];
}

/** Whatever else the daemon says of it, in its own words. */
function details(c) {
  const rest = Object.entries(c).filter(([key, v]) => !known.has(key) && v !== '' && v !== null && typeof v !== 'object');
  if (!rest.length) return null;
  return h('span', { class: 'quiet small details' }, rest.map(([key, v], i) => [i ? ', ' : ' ', key === 'restarts' ? `${v} ${T.health.restarts}` : key.endsWith('_time') || key === 'since' ? `${key} ${clock(v)}` : `${key.replaceAll('_', ' ')} ${v}`]));
}
