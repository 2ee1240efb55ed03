// What came for the VIPs in the last hour.

import { T } from '/texts.js';
import { h, number } from '/dom.js';
import { get } from '/api.js';

const every = 5000; // ms: the node's own interval
const dashed = 'opened'; // lies on accepted where every packet opens a connection
const fateColors = { accepted: '--good', rejected: '--quiet', asked: '--accent', opened: '--warn' };
let node = '';
let data = null;
let timer = null;
let charts = {};
let library = null; // what draws them, asked for when it is needed first

export function enter(app) {
  if (timer) return;
  library ??= loadLibrary().then(() => app.render(), () => { library = null; });
  node = node || app.session.node;
  load(app);
  timer = setInterval(() => load(app), every);
}

export function leave() {
  clearInterval(timer);
  timer = null;
  data = null;
  dropCharts();
}

export function restyle(app) { dropCharts(); if (timer) after(app); }

function loadLibrary() {
  const style = h('link', { rel: 'stylesheet', href: '/vendor/uPlot.css' });
  const script = h('script', { src: '/vendor/uPlot.js' });
  const loaded = [style, script].map((el) => new Promise((done, failed) => { el.onload = done; el.onerror = failed; }));
  document.head.append(style, script);
  return Promise.all(loaded);
}

function dropCharts() {
  for (const c of Object.values(charts)) c.destroy();
  charts = {};
}

function load(app) {
  get('/v1/traffic', { node }).then((d) => { data = d; app.render(); }).catch((e) => app.toast(e.message, true));
}

export function view(app) {
  const ready = data && data.times.length > 0;
  return h('main', {}, h('h1', {}, T.pages.traffic),
    h('form', { class: 'row', id: 'traffic-form' }, h('label', { class: 'field' }, T.traffic.node,
      h('select', { id: 'traffic-node' }, app.state.names.map((n) => h('option', { value: n, selected: n === node }, n))))),
    data && !ready ? h('p', { class: 'quiet' }, T.traffic.empty) : null,
    h('section', { class: 'card wide', 'data-key': 'fate', hidden: !ready }, h('h2', {}, T.traffic.fate), h('div', { id: 'chart-fate', class: 'chart', 'data-keep': true, role: 'img', 'aria-label': T.traffic.fate })),
    h('section', { class: 'card wide', 'data-key': 'reasons', hidden: !ready }, h('h2', {}, T.traffic.reasons), h('div', { id: 'chart-reasons', class: 'chart', 'data-keep': true, role: 'img', 'aria-label': T.traffic.reasons })),
    ready ? top() : null);
}

const sum = (list) => list.reduce((a, b) => a + b, 0);
const dropped = () => Object.keys(data.reasons).filter((r) => !r.startsWith('accepted'));

function top() {
  const all = Object.entries(data.reasons).map(([name, rates]) => ({ name, now: rates.at(-1), peak: Math.max(...rates), sum: sum(rates) })).sort((a, b) => b.sum - a.sum);
  const total = sum(all.map((r) => r.sum)) || 1;
  return h('section', { class: 'card wide' }, h('h2', {}, T.traffic.top), h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': T.traffic.top }, h('table', {},
    h('thead', {}, h('tr', {}, [T.traffic.reason, T.traffic.meaning, T.traffic.rate, T.traffic.peak, T.traffic.share].map((t, i) => h('th', { scope: 'col', class: i > 1 ? 'n' : null }, t)))),
    h('tbody', {}, all.map((r) => h('tr', { 'data-key': r.name }, h('th', { scope: 'row', class: 'mono' }, r.name), h('td', {}, T.reasons[r.name] || ''),
      h('td', { class: 'n' }, number(r.now)), h('td', { class: 'n' }, number(r.peak)), h('td', { class: 'n' }, (r.sum / total * 100).toFixed(1) + '\u2009%')))))));
}

export function after(app) {
  const select = document.getElementById('traffic-node');
  if (select && !select.onchange) select.onchange = () => { node = select.value; data = null; dropCharts(); app.render(); load(app); };
  if (!data || !data.times.length) return;
  const reasons = dropped().sort((a, b) => sum(data.reasons[b]) - sum(data.reasons[a])).slice(0, 6);
  draw('fate', Object.keys(fateColors).filter((n) => data.rates[n]), (n) => data.rates[n], (n) => T.traffic.series[n], (n) => fateColors[n]);
  draw('reasons', reasons, (n) => data.reasons[n], (n) => n, (_, i) => `--node-${i}`);
}

function draw(id, names, rates, label, color) {
  const el = document.getElementById('chart-' + id);
  if (!el || !el.clientWidth || !window.uPlot) return;
  const key = names.join();
  const values = [data.times, ...names.map(rates)];
  const chart = charts[id];
  if (chart && chart.key === key && chart.root.isConnected) {
    if (chart.width !== el.clientWidth) chart.setSize({ width: el.clientWidth, height: 220 });
    chart.setData(values);
    return;
  }
  chart?.destroy();
  el.replaceChildren();
  const style = getComputedStyle(document.documentElement);
  const css = (name) => style.getPropertyValue(name).trim();
  const axis = { stroke: css('--quiet'), grid: { stroke: css('--line'), width: 1 }, ticks: { stroke: css('--line'), width: 1 }, font: '12px system-ui' };
  charts[id] = new window.uPlot({
    width: el.clientWidth, height: 220, cursor: { y: false, points: { size: 6 } },
    series: [{ label: T.events.time, value: (_, t) => (t === null ? '–' : new Date(t * 1000).toLocaleTimeString('sv')) }, ...names.map((n, i) => ({ label: label(n), stroke: css(color(n, i)), width: 1.5, dash: dashed === n ? [5, 5] : undefined, points: { show: false }, value: (_, v) => number(v) }))],
    axes: [{ ...axis, space: 80, values: (_, ticks, __, ___, step) => ticks.map((t) => new Date(t * 1000).toLocaleTimeString('sv', { hour: '2-digit', minute: '2-digit', second: step < 60 ? '2-digit' : undefined })) }, { ...axis, size: 60, values: (_, ticks) => ticks.map(number) }],
    scales: { y: { range: (_, low, high) => [0, Math.max(1, high * 1.08)] } },
  }, values, el);
  charts[id].key = key;
}
