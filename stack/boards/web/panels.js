// Draws the content of one panel. Everything that is not ours is set as text, never as HTML.
// A classic script: browsers load no modules from files, and a preview is files.
'use strict';

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// A time as people read and write it, in the reader's time zone.
const clock = (time) => new Date(wall(time)).toISOString().slice(0, 19).replace('T', ' ');
// Plotly shows times as UTC: this is the same wall clock as the reader's.
const wall = (time) => time - new Date(time).getTimezoneOffset() * 60000;
const unwall = (text) => new Date(String(text).replace(' ', 'T')).getTime();

const LONG = 24;
const DRAW = {
  plot, stats, bars, table, logs, alerts,
  html: (panel, found) => { panel.body.innerHTML = found.html; }, // Markdown of our boards, escaped by the server
  empty: (panel, found) => panel.body.replaceChildren(make('div', { className: 'empty' }, found.text)),
  error: (panel, found) => {
    if (panel.body.textContent === found.text) return; // who is read to, hears it once
    panel.body.replaceChildren(make('div', { className: 'error own is-bad', role: 'alert' }, found.text));
  },
};

// What a reader has scrolled to, sorted, opened, hidden or reached by keyboard is as before when content is drawn again.
function draw(panel, found, notes, zoom) {
  const { body, element } = panel;
  const { scrollTop, scrollLeft } = body;
  const focused = element.contains(document.activeElement) && document.activeElement;
  if (found.kind !== 'plot') unplot(panel);
  body.className = `body of-${found.kind}`;
  DRAW[found.kind](panel, found, notes, zoom);
  if (found.kind !== 'logs') Object.assign(body, { scrollTop, scrollLeft }); // log lines stay, and the browser at them
  if (focused && !focused.isConnected) {
    [...element.querySelectorAll('a, button')].find((each) => alike(each, focused))?.focus({ preventScroll: true });
  }
}

const alike = (one, other) => one.tagName === other.tagName && (one.href ?? one.textContent) === (other.href ?? other.textContent);

// Black or white, whichever is easier to read on the colour (WCAG's relative luminance).
function ink(color) {
  const parts = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16) / 255).map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4));
  return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2] > 0.179 ? '#000' : '#fff';
}

function stats(panel, found) {
  const values = found.values.map((each) => {
    const [first] = each.links;
    const text = make('b', {}, each.text);
    const value = first ? anchor(first, text) : make('div', {}, text);
    if (found.values.length > 1) value.append(make('span', { title: each.name }, each.name));
    if (found.fill) {
      value.className = 'fill';
      value.style.background = each.color;
      value.style.setProperty('--ink', ink(each.color));
    } else {
      value.className = 'own';
      value.style.setProperty('--own', each.color);
    }
    return value;
  });
  panel.body.replaceChildren(make('div', { className: 'stats' }, ...values));
}

function bars(panel, found) {
  const list = make('div', { className: 'bars' });
  for (const each of found.values) {
    const bar = make('i', { className: 'area' });
    bar.style.width = `${each.share * 100}%`;
    bar.style.setProperty('--own', each.color);
    const [first] = each.links;
    list.append(
      make('span', { className: 'name', title: each.name }, first ? anchor(first, each.name) : each.name),
      make('span', { className: 'track' }, bar),
      make('span', { className: 'number' }, each.text),
    );
  }
  panel.body.replaceChildren(list);
}

function table(panel, found) {
  const rows = ordered(found, panel.order);
  const body = make('tbody', {}, ...rows.map((row) => make('tr', {}, ...row.map((cell, index) => tableCell(cell, found.columns[index])))));
  const heads = found.columns.map(({ title, number }) => {
    const { down } = panel.order?.title === title ? panel.order : {};
    const button = make('button', { type: 'button', title: `Sort by ${title}` }, title);
    button.addEventListener('click', () => {
      panel.order = { title, down: !down };
      draw(panel, found);
    });
    const order = down === undefined ? 'none' : down ? 'descending' : 'ascending';
    return make('th', { className: number ? 'number' : '', scope: 'col', ariaSort: order }, button);
  });
  panel.body.replaceChildren(make('table', { ariaLabel: panel.title }, make('thead', {}, make('tr', {}, ...heads)), body));
  if (found.left_out) panel.body.append(make('p', {}, `${found.left_out} more rows are not shown.`));
}

// The rows in the reader's order, if the column is still there; else in the board's.
function ordered(found, order) {
  const index = found.columns.findIndex((each) => each.title === order?.title);
  if (index < 0) return found.rows;
  const { number } = found.columns[index];
  const key = ({ value, time, text }) => (number ? value ?? -Infinity : time ?? text);
  const compare = (a, b) => (typeof a === 'number' && typeof b === 'number' ? a - b || 0 : String(a).localeCompare(String(b)));
  const sorted = found.rows.map((row) => [key(row[index]), row]).sort(([a], [b]) => (order.down ? compare(b, a) : compare(a, b)));
  return sorted.map(([, row]) => row);
}

// A long text with places at which a line may end: a route is read by its parts.
const broken = (text) => text.split(/(?<=[/,;:])/).flatMap((part) => [part, make('wbr')]);

function tableCell(cell, column) {
  const text = cell.time === undefined ? cell.text : clock(cell.time);
  const long = !column.number && (text ?? '').length > LONG;
  const shown = long ? broken(text) : [text];
  const [first] = cell.links ?? [];
  const element = make('td', { className: column.number ? 'number' : long ? 'long' : '' }, ...(first ? [anchor(first, ...shown)] : shown));
  if (cell.color) {
    element.classList.add('own');
    element.style.setProperty('--own', cell.color);
  }
  return element;
}

// A line that was there before stays as it is, with what is open and selected in it.
function logs(panel, found) {
  const before = panel.lines ?? new Map();
  panel.lines = new Map();
  for (const line of found.lines) {
    let key = JSON.stringify(line);
    while (panel.lines.has(key)) key += ' again';
    panel.lines.set(key, before.get(key) ?? logLine(line));
  }
  arrange(panel.body, [...panel.lines.values()]);
}

// Puts these elements into a parent; what is in the right order already is not moved.
function arrange(parent, wanted) {
  const kept = new Set(wanted);
  for (const each of [...parent.children]) if (!kept.has(each)) each.remove();
  let place = parent.firstElementChild;
  for (const each of wanted) {
    if (each === place) place = place.nextElementSibling;
    else parent.insertBefore(each, place);
  }
}

function logLine(line) {
  const facts = make('dl');
  for (const fact of line.fields) {
    facts.append(make('dt', {}, fact.name), make('dd', {}, fact.url ? make('a', { href: fact.url }, fact.value) : fact.value));
  }
  const level = make('b', { className: line.look && `own is-${line.look}` }, line.level);
  return make('details', { className: 'log' }, make('summary', {}, make('time', {}, clock(line.time)), ' ', level, ` ${line.text}`), facts);
}

function alerts(panel, found) {
  panel.body.replaceChildren(...found.alerts.map((each) => make(
    'div', { className: 'alert' },
    make('b', { className: `own is-${each.severity}` }, each.name), ` ${each.severity}, ${each.state}, since `, make('time', {}, clock(each.since)),
    make('div', {}, each.summary), make('div', {}, ...each.links.map((found) => anchor(found))),
  )));
}
