// Builds elements, and makes a part of the page like another one with as little
// change as can be, so that focus, selection and open menus stay.

const svgTags = new Set(['svg', 'path', 'rect', 'g', 'polyline']);

/** h('button', {class: 'x', disabled: true}, 'text', child, [more]) */
export function h(tag, props = {}, ...children) {
  const el = svgTags.has(tag) ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(props || {})) {
    if (value === false || value === null || value === undefined) continue;
    if (name === 'on') for (const [event, f] of Object.entries(value)) el.addEventListener(event, f);
    else if (name === 'vars') for (const [key, v] of Object.entries(value)) el.style.setProperty(key, v);
    else el.setAttribute(name, value === true ? '' : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    el.append(child);
  }
  return el;
}

/** Makes old's children like fresh's. Elements with the same data-key are the same. */
export function morph(old, fresh) {
  const byKey = new Map();
  for (const el of old.children) if (el.dataset?.key) byKey.set(el.dataset.key, el);
  let at = old.firstChild;
  for (const want of [...fresh.childNodes]) {
    const keyed = want.dataset?.key && byKey.get(want.dataset.key);
    if (keyed && keyed !== at) old.insertBefore(keyed, at);
    const have = keyed || at;
    if (have && same(have, want)) {
      if (!keyed || keyed === at) at = have.nextSibling;
      update(have, want);
      continue;
    }
    old.insertBefore(want, at);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function same(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && (a.dataset?.key || '') === (b.dataset?.key || '');
}

function update(have, want) {
  if (have.nodeType === Node.TEXT_NODE) {
    if (have.data !== want.data) have.data = want.data;
    return;
  }
  for (const { name } of [...have.attributes]) {
    if (!want.hasAttribute(name) && name !== 'open' && !(have.hasAttribute('data-keep') && own.has(name))) have.removeAttribute(name);
  }
  for (const { name, value } of want.attributes) {
    if (have.getAttribute(name) === value || name === 'open') continue; // what is opened and closed is the reader's
    if (name === 'style') have.style.cssText = value; // the attribute itself is refused by the page's policy
    else have.setAttribute(name, value);
  }
  if (!have.hasAttribute('data-keep')) morph(have, want);
}

const own = new Set(['width', 'height', 'style', 'class', 'value', 'checked']);

/** A number with thin groups, and short from a million on. */
export function number(n) {
  if (n === null || n === undefined || Number.isNaN(n)) return '–';
  if (n >= 1e9) return (n / 1e9).toPrecision(3) + ' G';
  if (n >= 1e6) return (n / 1e6).toPrecision(3) + ' M';
  if (n < 10 && n % 1) return n.toFixed(1);
  return Math.round(n).toLocaleString('en').replaceAll(',', '\u2009');
}

export const percent = (share) => (share * 100).toFixed(1) + '\u2009%';

/** The time of day, with the date if it is another one's. */
export function clock(time) {
  const t = new Date(time);
  const day = t.toDateString() === new Date().toDateString() ? '' : t.toLocaleDateString('sv') + ' ';
  return day + t.toLocaleTimeString('sv');
}
