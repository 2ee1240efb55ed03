// The configuration: edited, checked by all nodes, tried by all, and gone back from.

import { T } from '/texts.js';
import { h, clock } from '/dom.js';
import { get, put, post } from '/api.js';

export const needs = 'admin';

const pollEvery = 1000; // ms, while a configuration is on trial or may be
const C = () => T.config;
let node = ''; // whose text is edited; '' for this one
let base = null; // the text as it was read, with its ETag
let text = null; // as it is in the editor
let all = true;
let keys = [];
let find = '';
let about = []; // the keys where the cursor is
let busy = false;
let reading = false; // the text
let problem = '';
let outcome = null; // of the last check or apply
let trial = null;
let timer = null;

export function enter(app) {
  if (!base) load(app);
  if (!keys.length) get('/v1/config/schema').then((k) => { keys = k; app.render(); }).catch(() => {});
  if (!timer) timer = setInterval(() => look(app), pollEvery);
  look(app);
}

export function leave() { clearInterval(timer); timer = null; }

function load(app) {
  base = text = outcome = null;
  problem = '';
  read(app);
}

/** Reads the node's text. It may be restarting: look tries again. */
function read(app) {
  const of = node;
  reading = true;
  get('/v1/config', { node: of }).then((c) => { if (of === node) { base = c; text = c.text; problem = ''; } }, (e) => { if (of === node) problem = e.message; })
    .finally(() => { reading = false; const area = document.getElementById('text'); if (area && text !== null) area.value = text; app.render(); });
}

/** How the last trial goes. The node that is asked may be restarting. */
function look(app) {
  if (!base && !reading) read(app);
  get('/v1/trial', { node: all ? '' : node }).then((t) => {
    const decided = trial && trial.id === t.id && trial.state !== t.state && (t.state === 'kept' || t.state === 'undone');
    trial = t;
    if (decided) load(app);
    app.render();
  }).catch(() => {});
}

const running = () => trial && (trial.state === 'running' || trial.state === 'good');

export function view(app) {
  const changed = base && text !== base.text;
  return h('main', {}, h('h1', {}, T.pages.config), h('section', { class: 'card wide' },
    h('form', { id: 'config', class: 'row', 'data-key': 'config' },
      h('label', { class: 'field' }, C().of, h('select', { name: 'node' }, [...app.state.names].map((n) => h('option', { value: n === app.session.node ? '' : n, selected: (n === app.session.node ? '' : n) === node }, n)))),
      h('label', { class: 'check' }, h('input', { type: 'checkbox', name: 'all', checked: all, 'data-keep': true }), C().all),
      h('button', { type: 'button', 'data-action': 'check', disabled: busy || !base }, C().check),
      h('button', { type: 'button', class: 'primary', 'data-action': 'apply', disabled: busy || !changed || running() }, C().apply),
      h('button', { type: 'button', 'data-action': 'reload-text', disabled: busy }, C().again)),
    h('p', { class: 'quiet small' }, base ? C().file(base.node, base.file) : T.loading),
    h('div', { class: 'field', 'data-key': 'editor' }, h('label', { for: 'text' }, C().text),
      h('textarea', { id: 'text', name: 'text', rows: 22, spellcheck: 'false', autocomplete: 'off', wrap: 'off', class: 'mono', 'data-keep': true }, text ?? '')),
    h('div', { class: 'about', role: 'status', 'data-key': 'about' }, about.length ? h('ul', { class: 'keys' }, about.map(keyHelp)) : h('p', { class: 'quiet small' }, C().about)),
    h('p', { class: 'quiet small' }, all ? C().allHelp : C().oneHelp)),
  h('section', { class: 'card wide', 'aria-live': 'polite' }, h('h2', {}, C().outcome),
    problem ? h('p', { class: 'problem' }, problem) : null,
    trialLine(),
    outcome ? outcome.nodes.map(nodeOutcome) : h('p', { class: 'quiet' }, C().nothing)),
  h('section', { class: 'card wide' }, h('h2', {}, C().keys),
    h('label', { class: 'field' }, C().find, h('input', { id: 'find', type: 'search', value: find, 'data-keep': true })),
    h('ul', { class: 'keys', tabindex: 0, role: 'list', 'aria-label': C().keys }, found().map(keyHelp)), found().length || !keys.length ? null : h('p', { class: 'quiet' }, C().noKey)));
}

const found = () => keys.filter((k) => `${k.key} ${k.description}`.toLowerCase().includes(find.toLowerCase()));

/** What a key is, what it may be, and what it is for. */
function keyHelp(k) {
  return h('li', { 'data-key': k.key }, h('code', {}, k.key), ' ', h('span', { class: 'quiet' }, k.words ? [C().oneOf, ' ', k.words.join(', ')] : k.type, k.default ? ['; ', C().byDefault(k.default)] : null),
    h('span', { class: 'is-for' }, plain(k.description)));
}

/** A description without its marks; where it points to, docs/ has. */
const plain = (text) => text.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').split('`').map((part, i) => (i % 2 ? h('code', {}, part) : part));

/** The keys that the one at a place of the text may be: by its own name, and by the section that it is in. */
function keysAt(area) {
  const before = area.value.slice(0, area.selectionStart);
  const line = before.slice(before.lastIndexOf('\n') + 1) + area.value.slice(area.selectionStart).split('\n', 1)[0];
  const column = area.selectionStart - before.lastIndexOf('\n') - 1;
  const names = [...line.matchAll(/([a-z][a-z0-9_]*)\s*:/g)];
  const name = (names.findLast((m) => m.index <= column) || names[0])?.[1];
  const section = (before + '\n' + line).match(/^[a-z_]+(?=:)/gm)?.at(-1);
  if (!name) return [];
  const path = (k) => k.key.replaceAll('[]', '').split('.');
  const fits = keys.filter((k) => path(k).at(-1) === name && path(k)[0] === section);
  return fits.length > 1 && name === section ? fits.filter((k) => k.key === name) : fits;
}

function trialLine() {
  if (!trial?.id) return null;
  const left = Math.max(0, Math.round((new Date(trial.deadline) - Date.now()) / 1000));
  return h('p', { class: 'trial is-' + trial.state }, h('strong', {}, C().trial[trial.state]), ' ',
    running() ? C().left(left, clock(trial.deadline)) : null, trial.reason ? [' ', trial.reason, '.'] : null, ' ',
    running() ? h('button', { type: 'button', 'data-action': 'undo', disabled: busy }, C().undo) : null);
}

function nodeOutcome(n) {
  return h('div', { 'data-key': n.name }, h('h3', {}, n.name),
    n.error ? h('p', { class: 'problem pre' }, [n.error.message, n.error.cure].filter(Boolean).join('; ')) : h('p', {}, C().action[n.reload.action]),
    n.reload?.changes?.length ? h('ul', {}, n.reload.changes.map((c) => h('li', { class: 'mono' }, c))) : null,
    (n.reload?.warnings || []).map((w) => h('p', { class: 'warn' }, w)),
    n.diff ? h('pre', { class: 'diff', tabindex: 0, role: 'region', 'aria-label': C().diff(n.name) }, n.diff.trimEnd().split('\n').map((line) => h('span', { class: { '+': 'plus', '-': 'minus' }[line[0]] || 'same' }, line + '\n'))) : null);
}

export function after(app) {
  const form = document.getElementById('config');
  if (form.onchange) return;
  form.onsubmit = (e) => e.preventDefault();
  form.onchange = () => {
    const values = Object.fromEntries(new FormData(form));
    all = values.all === 'on';
    if (values.node !== node) { node = values.node; load(app); }
    outcome = null;
    app.render();
  };
  const area = document.getElementById('text');
  area.oninput = () => { text = area.value; app.render(); };
  area.onkeyup = area.onclick = () => {
    const now = keysAt(area);
    if (now.map((k) => k.key).join() !== about.map((k) => k.key).join()) { about = now; app.render(); }
  };
  document.getElementById('find').oninput = (e) => { find = e.target.value; app.render(); };
}

export async function on(app, action) {
  if (action === 'reload-text') return load(app);
  busy = true;
  problem = '';
  app.render();
  try {
    if (action === 'undo') await post('/v1/node/undo', { id: trial.id });
    else {
      outcome = await put('/v1/config', { node, all: all ? '1' : '0', check: action === 'check' ? '1' : '0' }, text, base.etag);
      if (outcome.nodes.some((n) => n.error)) problem = C().refused;
    }
  } catch (e) {
    problem = e.message;
  }
  busy = false;
  look(app);
  app.render();
}
