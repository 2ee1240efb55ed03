// Draws whose the buckets are: each cell of the ring is one bucket of the sample,
// in the color of its node. Cells that have just moved are drawn bright, unsettled
// ones hollow.

const rows = 4;
const flash = 2500; // ms

export class Ring {
  constructor() { this.owners = []; this.moved = new Map(); }

  /** Takes buckets as the API tells of them. */
  take(b) {
    const now = Date.now();
    const names = b.owners.map((i) => (i < 0 ? '' : b.nodes[i]));
    if (this.rule === b.rule) names.forEach((name, i) => { if (this.owners[i] !== undefined && this.owners[i] !== name) this.moved.set(i, now); });
    else this.moved.clear();
    this.rule = b.rule;
    this.owners = names;
    this.unsettled = new Set(b.unsettled);
  }

  draw(canvas, color) {
    const size = canvas.clientWidth;
    if (!size || !this.owners.length) return;
    const scale = devicePixelRatio || 1;
    if (canvas.width !== Math.round(size * scale)) canvas.width = canvas.height = Math.round(size * scale);
    const g = canvas.getContext('2d');
    g.setTransform(scale, 0, 0, scale, 0, 0);
    g.clearRect(0, 0, size, size);
    const colors = new Map();
    const resolve = (name) => {
      if (!colors.has(name)) colors.set(name, getComputedStyle(canvas).getPropertyValue(color(name).slice(4, -1)).trim() || '#888');
      return colors.get(name);
    };
    const columns = this.owners.length / rows;
    const outer = size / 2 - 2;
    const depth = outer * 0.42 / rows;
    const now = Date.now();
    let moving = false;
    this.owners.forEach((name, i) => {
      const column = i % columns;
      const row = Math.floor(i / columns);
      const from = (column / columns) * 2 * Math.PI - Math.PI / 2;
      const to = from + (2 * Math.PI / columns) * 0.98;
      const r = outer - row * depth;
      g.beginPath();
      g.arc(size / 2, size / 2, r, from, to);
      g.arc(size / 2, size / 2, r - depth * 0.88, to, from, true);
      g.closePath();
      const age = now - (this.moved.get(i) ?? -Infinity);
      if (age < flash) moving = true;
      else this.moved.delete(i);
      g.globalAlpha = this.unsettled.has(i) ? 0.45 : 1;
      g.fillStyle = resolve(name);
      g.fill();
      if (age < flash) {
        g.globalAlpha = 1 - age / flash;
        g.fillStyle = getComputedStyle(canvas).getPropertyValue('--text').trim();
        g.fill();
      }
    });
    g.globalAlpha = 1;
    return moving;
  }
}
