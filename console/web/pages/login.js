import { T } from '/texts.js';
import { h } from '/dom.js';
import * as api from '/api.js';

/** Shows where to log in. why is what has gone wrong, '' if nothing has. */
export function show(app, main, why) {
  document.title = `${T.login.title} · ${T.product}`;
  const problem = h('p', { class: 'problem', role: 'alert' }, why);
  const user = h('input', { name: 'user', autocomplete: 'username', autocapitalize: 'none', spellcheck: 'false', required: true });
  const password = h('input', { name: 'password', type: 'password', autocomplete: 'current-password', required: true });
  const go = h('button', { class: 'primary strong' }, T.login.go);
  const submit = async (e) => {
    e.preventDefault();
    go.disabled = true;
    problem.textContent = '';
    try {
      app.loggedIn(await api.login(user.value, password.value));
    } catch (error) {
      problem.textContent = error.message;
      password.value = '';
      password.focus();
    } finally {
      go.disabled = false;
    }
  };
  const begin = async () => {
    other.disabled = true;
    problem.textContent = '';
    try {
      await api.begin();
    } catch (error) {
      problem.textContent = error.message;
      other.disabled = false;
    }
  };
  const other = app.session?.oidc ? h('button', { type: 'button', on: { click: begin } }, T.login.by(app.session.oidc)) : null;
  main.replaceChildren(h('form', { class: 'login card', on: { submit } },
    h('h1', {}, T.login.title),
    app.session?.node ? h('p', { class: 'quiet' }, T.login.at(app.session.node)) : null,
    h('label', { class: 'field' }, T.login.user, user),
    h('label', { class: 'field' }, T.login.password, password),
    problem, go, other,
    h('p', { class: 'quiet small' }, T.login.hint, ' ', h('code', {}, T.login.command))));
  user.focus();
}
