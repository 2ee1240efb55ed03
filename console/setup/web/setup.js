// Asks init's questions, shows the configuration, and has it written.

import { T } from '/texts.js';
import { h } from '/dom.js';

const main = document.getElementById('main');
const problem = h('p', { class: 'problem', role: 'alert', id: 'problem' });
let secret = '';

async function send(path, answers = {}) {
  const response = await fetch('/v1/' + path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ secret, answers }), cache: 'no-store' });
  const body = await response.json();
  if (!response.ok) throw new Error(body.cure ? `${body.message}; ${body.cure}` : body.message);
  return body;
}

const title = (text) => h('h1', {}, h('img', { src: '/icon.svg', alt: '', width: 34, height: 34 }), text);

/** A question, with its answer so far. */
function field(q) {
  const id = 'q-' + q.flag;
  const list = q.choices?.length ? h('datalist', { id: id + '-list' }, q.choices.map((c) => h('option', { value: c }))) : null;
  return h('div', { class: 'field' },
    h('label', { for: id }, q.text),
    h('input', {
      id, name: q.flag, value: q.usual, required: !q.without && q.flag !== 'tcp', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false',
      list: list && list.id, 'aria-describedby': q.without ? id + '-hint' : null,
    }),
    q.without ? h('span', { class: 'small', id: id + '-hint' }, T.setup.empty(q.without)) : null, list);
}

/** Says what is wrong, beside the answer that it is about. */
function complain(form, message) {
  const [, flag, rest] = message.match(/^--(\w+):? (.*)$/s) || [];
  for (const el of form.querySelectorAll('[aria-invalid]')) el.removeAttribute('aria-invalid');
  const input = flag && form.elements[flag];
  problem.textContent = input ? rest : message;
  if (!input) {
    form.append(problem);
    return;
  }
  input.setAttribute('aria-invalid', 'true');
  input.setAttribute('aria-errormessage', 'problem');
  input.closest('.field').append(problem);
  input.focus();
}

function ask(questions, answers) {
  for (const q of questions) if (q.flag in answers) q.usual = answers[q.flag];
  const go = h('button', { class: 'primary strong' }, T.setup.look);
  const submit = async (e) => {
    e.preventDefault();
    const given = Object.fromEntries(new FormData(form));
    go.disabled = true;
    problem.textContent = '';
    try {
      show(questions, given, await send('plan', given));
    } catch (error) {
      complain(form, error.message);
    } finally {
      go.disabled = false;
    }
  };
  const form = h('form', { class: 'login setup card', on: { submit } }, title(T.setup.title), h('p', { class: 'quiet' }, T.setup.about), questions.map(field), go);
  main.replaceChildren(form);
  form.elements[0].focus();
}

function show(questions, answers, plan) {
  const go = h('button', { class: 'primary strong' }, T.setup.write);
  const back = h('button', { type: 'button', on: { click: () => ask(questions, answers) } }, T.setup.back);
  const submit = async (e) => {
    e.preventDefault();
    go.disabled = back.disabled = true;
    problem.textContent = '';
    try {
      done(await send('write', answers));
    } catch (error) {
      go.disabled = back.disabled = false;
      form.append(problem);
      problem.textContent = error.message;
    }
  };
  const form = h('form', { class: 'login setup card', on: { submit } }, title(T.setup.look), h('p', {}, T.setup.files, ' ', plan.files.join(', ')),
    h('pre', { class: 'pre', tabindex: '0', 'aria-label': T.setup.text }, plan.text), h('div', { class: 'row' }, go, back));
  main.replaceChildren(form);
  go.focus();
}

function done(plan) {
  const card = h('section', { class: 'login setup card', role: 'status', tabindex: '-1' }, title(T.setup.done), h('p', {}, T.setup.files, ' ', plan.files.join(', ')),
    h('p', {}, T.setup.next), h('ol', {}, plan.next.map((one) => h('li', {}, h('code', {}, one)))), h('p', { class: 'quiet' }, T.setup.close));
  main.replaceChildren(card);
  sessionStorage.removeItem('setup');
  card.focus();
}

async function open() {
  document.title = `${T.setup.title} · ${T.product}`;
  secret = location.hash.slice(1) || sessionStorage.getItem('setup') || '';
  history.replaceState(null, '', '/');
  try {
    const { session, questions } = await send('open');
    secret = session;
    sessionStorage.setItem('setup', session);
    ask(questions, {});
  } catch (error) {
    main.replaceChildren(h('section', { class: 'login setup card' }, title(T.setup.title), h('p', { class: 'problem', role: 'alert' }, error.message)));
  }
}

open();
