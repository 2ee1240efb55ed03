// The page's frame: who is logged in, which page is shown, and the live farm.

import { T } from '/texts.js';
import { h, morph } from '/dom.js';
import * as api from '/api.js';
import { FarmState } from '/farmstate.js';
import { ask } from '/confirm.js';
import * as farm from '/pages/farm.js';
import * as rules from '/pages/rules.js';
import * as health from '/pages/health.js';
import * as events from '/pages/events.js';
import * as traffic from '/pages/traffic.js';
import * as config from '/pages/config.js';
import * as loginPage from '/pages/login.js';

const pages = { farm, rules, health, events, traffic, config };
/** The pages that who is logged in may see. */
const visible = () => Object.keys(pages).filter((name) => !pages[name].needs || app.can(pages[name].needs));
const staleAfter = 3000; // ms without a picture of the farm: three looks

const app = {
  state: new FarmState(),
  session: null,
  page: 'farm',
  stop: null, // ends the live stream
  can: (role) => ['monitor', 'control', 'admin'].indexOf(app.session?.role) >= ['monitor', 'control', 'admin'].indexOf(role),
  render,
  toast,
  act,
  loggedIn,
};

const $ = (id) => document.getElementById(id);

function pageOfAddress() {
  const name = location.hash.slice(1).split('?')[0];
  return visible().includes(name) ? name : 'farm';
}

/** Draws the whole page from what is known; cheap enough for once a second. */
function render() {
  if (!app.session) return;
  morph($('top'), h('header', {}, topBar()));
  if (!app.session.role) return;
  morph($('banner'), banner());
  const page = pages[app.page];
  if (!app.state.farm) {
    morph($('main'), h('main', {}, h('p', { class: 'quiet' }, T.loading)));
    return;
  }
  morph($('main'), page.view(app));
  page.after?.(app);
  document.title = `${T.pages[app.page]} · ${T.product} ${app.state.farm.node}`;
}

function topBar() {
  const stale = Date.now() - app.state.at > staleAfter;
  return [
    h('a', { class: 'brand', href: '#farm' }, h('img', { src: '/icon.svg', alt: '', width: 22, height: 22 }), T.product,
      h('span', { class: 'live' + (stale ? ' stale' : '') }, app.session.node, app.session.role ? h('i', { title: stale ? '' : T.live }) : null)),
    app.session.role ? h('nav', { 'aria-label': T.nav }, visible().map((name) =>
      h('a', { href: '#' + name, 'aria-current': name === app.page ? 'page' : null }, T.pages[name]))) : null,
    h('div', { class: 'who' },
      h('button', { class: 'plain', 'data-action': 'theme', title: T.theme[theme()] , 'aria-label': T.theme[theme()] }, { auto: '◐', dark: '●', light: '○' }[theme()]),
      app.session.role ? h('span', {}, T.asRole(app.session.user, app.session.role)) : null,
      app.session.csrf ? h('button', { class: 'plain', 'data-action': 'logout' }, T.logout) : null),
  ];
}

function banner() {
  const out = h('div', {});
  const since = Date.now() - app.state.at;
  if (!app.state.at || since <= staleAfter) return out;
  const others = (app.state.farm?.nodes || []).filter((n) => n.name !== app.state.farm.node && n.address && n.state !== 'unreachable');
  out.append(h('p', { class: 'banner bad' }, T.lost(app.session.node, Math.round(since / 1000)),
    others.length ? [' ', T.others, ' ', others.map((n, i) => [i ? ', ' : '', h('a', { href: elsewhere(n.address) }, n.name)]), '.'] : null));
  return out;
}

/** Another node's console, if it is where this one's is. */
const elsewhere = (address) => `${location.protocol}//${address.includes(':') ? `[${address}]` : address}:${location.port || 443}/${location.hash}`;

function theme() { return document.documentElement.dataset.theme || 'auto'; }

function nextTheme() {
  const order = ['auto', 'dark', 'light'];
  const next = order[(order.indexOf(theme()) + 1) % order.length];
  document.documentElement.dataset.theme = next;
  try { localStorage.setItem('theme', next); } catch { /* storage is off: for this page only */ }
  restyle();
}

/** Draws anew what has its colors from the style. */
function restyle() {
  for (const page of Object.values(pages)) page.restyle?.(app);
  render();
}

function toast(text, bad = false) {
  const el = h('p', { class: 'toast' + (bad ? ' bad' : '') }, text);
  $('toasts').append(el);
  setTimeout(() => el.remove(), bad ? 12000 : 5000);
}

/** Asks whether to, and has nodes changed. node is a name, or '' for all. */
async function act(action, node) {
  const answer = await ask(app, action, node);
  if (!answer) return;
  try {
    const out = await api.post('/v1/farm/' + action, { ...(node ? { node } : { all: '1' }), ...answer });
    for (const one of out.nodes) {
      if (one.error) toast(T.failed(one.name, [one.error.message, one.error.cure].filter(Boolean).join('; ')), true);
      else toast(T.done[action](one.name));
    }
  } catch (e) {
    toast(T.failed(node || T.confirm.all, e.message), true);
  }
}

function loggedIn(session) {
  app.session = session;
  app.stop?.();
  app.state = new FarmState();
  app.stop = api.follow(() => '/v1/farm?follow=1', 'farm', (f) => { app.state.take(f); render(); }, render);
  $('main').replaceChildren();
  go();
}

function loggedOut(why = T.login.ended) {
  app.stop?.();
  app.stop = null;
  const { node = '', oidc = '' } = app.session || {};
  for (const page of Object.values(pages)) page.leave?.(app);
  app.session = { node, oidc, role: '' };
  $('dialog').close?.();
  $('banner').replaceChildren();
  render();
  loginPage.show(app, $('main'), why);
}

function go() {
  const page = pageOfAddress();
  if (!app.session?.role) return;
  if (page !== app.page) {
    pages[app.page].leave?.(app);
    $('main').replaceChildren();
    $('main').focus({ preventScroll: true });
    scrollTo(0, 0);
  }
  app.page = page;
  pages[page].enter?.(app);
  fit();
}

/** Draws the page for the window as it is, with its name in the menu in sight. */
function fit() {
  render();
  document.querySelector('nav a[aria-current]')?.scrollIntoView({ inline: 'center', block: 'nearest' });
}

document.addEventListener('click', (e) => {
  const el = e.target.closest('[data-action]');
  if (!el || el.disabled) return;
  const { action, node } = el.dataset;
  if (action === 'theme') nextTheme();
  else if (action === 'logout') api.logout().finally(() => loggedOut(''));
  else if (T.actions[action]) {
    el.closest('details')?.removeAttribute('open');
    act(action, node || '');
  } else pages[app.page].on?.(app, action, el);
});
$('skip').textContent = T.skip;
addEventListener('hashchange', go);
addEventListener('resize', fit);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', restyle); // where the theme is auto
api.whenLoggedOut(() => { if (app.session?.role) loggedOut(); });
setInterval(() => { if (Date.now() - app.state.at > staleAfter) render(); }, 1000);

const first = async () => {
  try {
    const s = await api.session();
    app.session = s;
    const given = answer;
    answer = null; // it is good once
    if (s.role) loggedIn(s);
    else if (given) await api.finish(given).then(loggedIn, (e) => loggedOut(e.message));
    else loggedOut('');
  } catch {
    setTimeout(first, 1000);
  }
};

/** What an issuer has sent the browser back with; taken out of the address at once. */
function issuersAnswer() {
  const q = new URLSearchParams(location.search);
  if (location.pathname !== '/login') return null;
  history.replaceState(null, '', '/' + location.hash);
  if (!q.has('state')) return null;
  return Object.fromEntries(['state', 'code', 'error', 'error_description'].filter((k) => q.has(k)).map((k) => [k, q.get(k)]));
}

let answer = issuersAnswer();
first();
