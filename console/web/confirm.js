// Asks before something is changed, and says what will happen.

import { T } from '/texts.js';
import { h, percent } from '/dom.js';
import { flowsOf } from '/farmstate.js';

/** Resolves to the request's parameters, or to null if it is not wanted. */
export function ask(app, action, node) {
  const dialog = document.getElementById('dialog');
  const name = node || T.confirm.all;
  const deadline = action === 'drain' ? deadlines() : null;
  const go = h('button', { class: action === 'start' ? 'primary' : 'primary strong', value: 'go' }, T.actions[action]);
  dialog.replaceChildren(h('form', { method: 'dialog' },
    h('h2', { id: 'dialog-title' }, T.confirm.title[action](name)),
    consequences(app.state, action, node).map((line) => h('p', {}, line)),
    deadline,
    h('div', { class: 'row end' }, h('button', { value: '', autofocus: true }, T.confirm.cancel), go)));
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      if (dialog.returnValue !== 'go') return resolve(null);
      const ms = deadline?.querySelector('select').value;
      resolve(ms && ms !== '0' ? { deadline_ms: ms } : {});
    }, { once: true });
  });
}

function deadlines() {
  return h('label', { class: 'field' }, T.confirm.deadline,
    h('select', {}, Object.entries(T.confirm.deadlines).map(([ms, text]) => h('option', { value: ms }, text))));
}

function consequences(state, action, node) {
  if (!node) return T.confirm['all' + action[0].toUpperCase() + action.slice(1)];
  if (state.own?.behind_balancer && (action === 'drain' || action === 'stop')) return T.confirm.behind(node);
  const flows = flowsOf(state.node(node)?.status);
  const others = state.farm.nodes.filter((n) => n.name !== node && n.state === 'up');
  const up = state.node(node)?.state === 'up';
  const lines = T.confirm[action](node, flows, others.length ? heirs(state, others) : T.none);
  if (!others.length && action !== 'start' && action !== 'restart') return [T.confirm.alone, ...lines.slice(1)];
  return up || action === 'start' || action === 'restart' ? lines : lines.slice(1);
}

/** Who gets the node's share, and what each has then, if all weights stay in proportion. */
function heirs(state, others) {
  const rule = state.rules[0];
  const sum = others.reduce((s, n) => s + (n.shares[rule] || 0), 0);
  const then = (n) => (sum > 0 ? ` (then ${percent((n.shares[rule] || 0) / sum)})` : '');
  const names = others.slice(0, 6).map((n) => n.name + then(n));
  if (others.length > 6) names.push('…');
  return names.length > 1 ? names.slice(0, -1).join(', ') + ' and ' + names.at(-1) : names[0];
}
