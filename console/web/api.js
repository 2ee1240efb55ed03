// Talks to the daemon.

export class Refused extends Error {
  constructor(status, body) {
    super(body.cure ? `${body.message}; ${body.cure}` : body.message);
    this.status = status;
    this.code = body.code;
  }
}

let csrf = '';
let onLoggedOut = () => {};

/** f is called when the daemon says that nobody is logged in. */
export function whenLoggedOut(f) { onLoggedOut = f; }

async function send(method, path, options = {}) {
  const headers = { Accept: 'application/json' };
  if (method !== 'GET') headers['X-CSRF-Token'] = csrf;
  if (options.body) headers['Content-Type'] = 'application/json';
  if (options.text !== undefined) Object.assign(headers, { 'Content-Type': 'application/yaml', 'If-Match': options.match });
  const response = await fetch(path, { method, headers, body: options.text ?? (options.body && JSON.stringify(options.body)), credentials: 'same-origin', cache: 'no-store' });
  if (response.ok) return response.status === 204 ? null : (response.headers.get('Content-Length') === '0' ? null : response.json());
  let body = { code: 'internal', message: `the daemon answered ${response.status}` };
  try { body = await response.json(); } catch { /* no Error of the API's */ }
  if (response.status === 401 && !options.quiet) onLoggedOut();
  throw new Refused(response.status, body);
}

const query = (values) => {
  const q = new URLSearchParams(Object.entries(values).filter(([, v]) => v !== undefined && v !== ''));
  return q.size ? '?' + q : '';
};

export const get = (path, values = {}) => send('GET', path + query(values));
export const post = (path, values = {}) => send('POST', path + query(values));

/** Puts a text in the place of the one with that ETag. */
export const put = (path, values, text, match) => send('PUT', path + query(values), { text, match });

export async function session() { return remember(await send('GET', '/v1/session')); }

export async function login(user, password) {
  return remember(await send('POST', '/v1/session', { body: { user, password }, quiet: true }));
}

/** Goes to the issuer's page, which comes back to /login. */
export async function begin() { location.assign((await send('POST', '/v1/session/oidc', { quiet: true })).url); }

/** Logs in with what the issuer has answered. */
export async function finish(answer) { return remember(await send('PUT', '/v1/session/oidc', { body: answer, quiet: true })); }

/** Ends the session; of one by an issuer, on the issuer's page, which comes back to /login. */
export async function logout() {
  const end = await send('DELETE', '/v1/session');
  csrf = '';
  if (end?.url) location.assign(end.url);
}

function remember(s) {
  csrf = s.csrf || '';
  return s;
}

/** Server-sent events of path; returns what ends them. lost() is called each time that the stream breaks. */
export function follow(path, name, each, lost = () => {}) {
  let source;
  let timer;
  let ended = false;
  const open = () => {
    source = new EventSource(path());
    source.addEventListener(name, (e) => each(JSON.parse(e.data)));
    source.addEventListener('error', () => {
      lost();
      // The browser tries again by itself only while the daemon answers nothing but 200.
      if (source.readyState !== EventSource.CLOSED || ended) return;
      timer = setTimeout(async () => {
        try {
          await session().then((s) => { if (!s.role) onLoggedOut(); });
        } catch { /* the daemon is away: try on */ }
        if (!ended) open();
      }, 1000);
    });
  };
  open();
  return () => {
    ended = true;
    clearTimeout(timer);
    source.close();
  };
}
