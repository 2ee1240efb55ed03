// Rules, VIPs, and where a client goes.

import { T } from '/texts.js';
import { h, number, percent, clock } from '/dom.js';
import { get } from '/api.js';

let answer = null; // of the where form

export function view(app) {
  if (app.state.own?.behind_balancer) return h('main', {}, h('h1', {}, T.pages.rules), h('p', { class: 'quiet' }, T.rules.behind));
  return h('main', {}, h('h1', {}, T.pages.rules), rulesTable(app), where(app), vips(app));
}

function rulesTable(app) {
  const own = app.state.own?.rules || [];
  if (!own.length) return h('p', { class: 'quiet' }, T.rules.empty);
  const total = (name, field) => app.state.farm.nodes.reduce((s, n) => s + (n.status?.rules.find((r) => r.name === name)?.[field] || 0), 0);
  const most = (name, field) => Math.max(0, ...app.state.farm.nodes.map((n) => n.status?.rules.find((r) => r.name === name)?.[field] || 0));
  return foldingTable(T.rules.rules, [T.rules.rule, T.rules.serves, T.rules.mode, T.rules.shares, T.rules.connections, T.rules.unsettled, T.rules.sticky], own.map((r) => [
    [r.name],
    ['nowrap', r.protocol, ' ', (r.ports || []).join(', ')],
    ['nowrap', r.mode || 'shared', ' ', h('span', { class: 'quiet' }, T.rules.by(r.affinity))],
    ['grow', stack(app, r.name)],
    ['n', number(total(r.name, 'flows'))], ['n', number(most(r.name, 'unsettled'))], ['n', number(most(r.name, 'sticky'))],
  ]));
}

/** A card with a table whose rows are cards themselves where there is no room for columns. A cell is its class and what is in it; the first of a row is its head. The roles are those that each element has by itself, but loses when it is laid out otherwise. */
function foldingTable(title, heads, rows) {
  return h('section', { class: 'card wide' }, h('h2', {}, title), h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': title }, h('table', { class: 'fold', role: 'table' },
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, heads.map((t, i) => h('th', { scope: 'col', role: 'columnheader', class: rows[0]?.[i][0] === 'n' ? 'n' : null }, t)))),
    h('tbody', { role: 'rowgroup' }, rows.map(([[head], ...cells]) => h('tr', { role: 'row', 'data-key': head },
      h('th', { scope: 'row', role: 'rowheader' }, head),
      cells.map(([kind, ...content], i) => h('td', { role: 'cell', class: kind, 'data-head': heads[i + 1] }, h('div', {}, content)))))))));
}

function stack(app, rule) {
  const parts = app.state.farm.nodes.filter((n) => n.shares[rule] > 0);
  return [h('div', { class: 'stack', 'aria-hidden': 'true' }, parts.map((n) => h('i', { 'data-key': n.name, vars: { '--c': app.state.color(n.name), '--w': (n.shares[rule] * 100).toFixed(2) + '%' } }))),
    h('ul', { class: 'inline' }, parts.map((n) => h('li', { 'data-key': n.name, vars: { '--c': app.state.color(n.name) } }, h('i', { class: 'swatch' }), n.name, ' ', h('b', {}, percent(n.shares[rule])))))];
}

function where(app) {
  const rules = app.state.rules;
  return h('section', { class: 'card', 'data-key': 'where' }, h('h2', {}, T.rules.where),
    h('form', { id: 'where', class: 'row', 'data-keep': true },
      h('label', { class: 'field' }, T.rules.client, h('input', { name: 'client', required: true, spellcheck: 'false', placeholder: '203.0.113.7', autocomplete: 'off' })),
      h('label', { class: 'field narrow' }, T.rules.port, h('input', { name: 'port', type: 'number', min: 1, max: 65535, placeholder: T.rules.any })),
      h('label', { class: 'field' }, T.rules.rule, h('select', { name: 'rule' }, rules.map((r) => h('option', { value: r }, r)))),
      h('button', { class: 'primary strong' }, T.rules.ask)),
    h('p', { class: 'answer', role: 'status', id: 'where-answer' }, answerText(app)));
}

function answerText(app) {
  if (!answer) return '';
  if (answer.error) return h('span', { class: 'problem' }, answer.error);
  const text = !answer.node ? T.rules.whereNobody(answer.bucket, answer.rule) : (answer.sticky ? T.rules.whereSticky : T.rules.whereAnswer)(answer.node, answer.bucket, answer.rule);
  return h('span', { vars: { '--c': app.state.color(answer.node) } }, h('i', { class: 'swatch' }), ' ', text);
}

function vips(app) {
  const list = app.state.own?.vips || [];
  return foldingTable(T.rules.vips, [T.rules.vip, T.rules.mac, T.rules.mode, T.rules.responder, T.rules.conflicts], list.map((v) => [
    [v.address], ['mono', v.mac], ['', v.mode],
    ['', v.responder ? h('span', { vars: { '--c': app.state.color(v.responder) } }, h('i', { class: 'swatch' }), ' ', v.responder) : h('span', { class: 'problem' }, T.rules.nobody)],
    ['', v.conflict ? h('span', { class: 'problem' }, T.rules.conflict(v.conflict.mac, clock(v.conflict.seen))) : T.rules.noConflict],
  ]));
}

export function after(app) {
  const form = document.getElementById('where');
  if (!form || form.onsubmit) return;
  form.onsubmit = async (e) => {
    e.preventDefault();
    const values = Object.fromEntries(new FormData(form));
    values.client = values.client.trim();
    try { answer = await get('/v1/where', values); } catch (error) { answer = { error: error.message }; }
    app.render();
  };
}
