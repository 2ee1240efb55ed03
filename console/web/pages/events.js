// What happened: filtered, followed, exported.

import { T } from '/texts.js';
import { h, clock } from '/dom.js';
import { follow } from '/api.js';

const levels = ['info', 'warn', 'error'];
const shown = 500;
const filter = { node: '', level: 'info', kind: '', text: '' };
let following = true;
let events = [];
let stop = null;

export function enter(app) { if (!stop) begin(app); }
export function leave() { stop?.(); stop = null; }

function begin(app) {
  stop?.();
  events = [];
  const node = filter.node;
  stop = follow(() => '/v1/events?' + new URLSearchParams({ ...(node && { node }), follow: 1, since: events.at(-1)?.seq || 0 }), 'message', (e) => {
    const last = events.at(-1)?.seq || 0;
    if (e.seq < last) events = []; // the log of a new process
    if (e.seq !== last) events.push(e);
    if (following) app.render();
  });
}

function matching() {
  const least = levels.indexOf(filter.level);
  const text = filter.text.toLowerCase();
  return events.filter((e) => levels.indexOf(e.level) >= least && (!filter.kind || e.kind === filter.kind)
    && (!text || `${e.kind} ${e.message} ${Object.entries(e.fields || {}).join(' ')}`.toLowerCase().includes(text)));
}

export function view(app) {
  const list = matching();
  return h('main', {}, h('h1', {}, T.pages.events), h('section', { class: 'card wide' },
    h('form', { id: 'filter', class: 'row', 'data-key': 'filter', role: 'search' },
      choice('node', T.events.node, [...app.state.names].map((n) => [n === app.session.node ? '' : n, n])),
      choice('level', T.events.level, levels.map((l) => [l, T.events.levels[l]])),
      choice('kind', T.events.kind, [['', T.events.all], ...[...new Set(events.map((e) => e.kind))].sort().map((k) => [k, k])]),
      h('label', { class: 'field grow' }, T.events.search, h('input', { name: 'text', type: 'search', value: filter.text, 'data-keep': true })),
      h('label', { class: 'check' }, h('input', { type: 'checkbox', name: 'follow', checked: following, 'data-keep': true }), T.events.follow),
      h('button', { type: 'button', 'data-action': 'export', 'data-kind': 'json' }, T.events.export, ' JSON'), h('button', { type: 'button', 'data-action': 'export', 'data-kind': 'csv' }, T.events.export, ' CSV')),
    h('p', { class: 'quiet small', role: 'status' }, T.events.count(list.length, events.length)),
    h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': T.pages.events }, h('table', { class: 'events' },
      h('thead', {}, h('tr', {}, [T.events.time, T.events.level, T.events.kind, T.events.message].map((t) => h('th', { scope: 'col', class: t === T.events.kind ? 'kind' : null }, t)))),
      h('tbody', {}, list.slice(-shown).reverse().map((e) => h('tr', { 'data-key': String(e.seq), class: 'is-' + e.level },
        h('td', { class: 'mono nowrap' }, h('time', { datetime: e.time, title: e.time }, clock(e.time))), h('td', {}, h('span', { class: 'level is-' + e.level }, e.level)), h('td', { class: 'mono kind' }, e.kind), h('td', {}, e.message)))))),
    list.length ? null : h('p', { class: 'quiet' }, T.events.empty)));
}

function choice(name, label, options) {
  return h('label', { class: 'field' }, label, h('select', { name }, options.map(([value, text]) => h('option', { value, selected: filter[name] === value }, text))));
}

export function after(app) {
  const form = document.getElementById('filter');
  if (form.oninput) return;
  form.onsubmit = (e) => e.preventDefault();
  form.oninput = () => {
    const values = Object.fromEntries(new FormData(form));
    following = values.follow === 'on';
    const other = values.node !== filter.node;
    Object.assign(filter, { node: values.node, level: values.level, kind: values.kind, text: values.text });
    if (other) begin(app);
    app.render();
  };
}

export function on(app, action, el) {
  if (action !== 'export') return;
  const csv = el.dataset.kind === 'csv';
  const list = matching();
  const text = csv ? ['time,seq,level,kind,message', ...list.map((e) => [e.time, e.seq, e.level, e.kind, e.message].map(cellText).join(','))].join('\r\n') + '\r\n' : JSON.stringify(list, null, 1) + '\n';
  const url = URL.createObjectURL(new Blob([text], { type: csv ? 'text/csv' : 'application/json' }));
  h('a', { href: url, download: `events-${filter.node || app.session.node}.${el.dataset.kind}` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

/** A CSV cell that no spreadsheet takes for a formula. */
const cellText = (v) => `"${String(v).replace(/^[=+\-@]/, "'$&").replaceAll('"', '""')}"`;
