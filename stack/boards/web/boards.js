// Shows one board: asks the server for its frame and for each panel's content, and draws them.
// A preview is the same page as a file, with the answers in window.PREVIEW.
'use strict';

const PREVIEW = window.PREVIEW;
const RANGES = ['5m', '15m', '30m', '1h', '3h', '6h', '12h', '24h', '2d', '7d', '30d'];
const board = PREVIEW ? PREVIEW.uid : decodeURIComponent(location.pathname.split('/')[2]);
const panels = new Map();
let frame, timer, round = 0;

const chosen = () => new URLSearchParams(location.search);

// A browser gives up what it asks for when its network changes (a laptop that leaves a Wi-Fi, a container that starts),
// though this machine never went away: so it asks again.
async function fetched(address, tries = 3) {
  try {
    return await fetch(address);
  } catch (error) {
    if (tries === 1) throw error;
    await new Promise((resolve) => setTimeout(resolve, 500));
    return fetched(address, tries - 1);
  }
}

async function ask(path, extra = {}) {
  if (PREVIEW) return PREVIEW.answers[path];
  const query = chosen();
  for (const [key, value] of Object.entries({ from: frame?.start, to: frame?.end, ...extra })) {
    if (value !== undefined && !query.get(key)) query.set(key, value);
  }
  const answer = await fetched(`/api/boards/${encodeURIComponent(board)}${path}?${query}`);
  if (answer.status === 401) location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.error);
  return found;
}

// Changes what the address says, and asks again for everything.
function choose(changes) {
  const query = chosen();
  for (const [key, values] of Object.entries(changes)) {
    query.delete(key);
    for (const value of [].concat(values)) query.append(key, value);
  }
  history.pushState(null, '', `?${query}`);
  start();
}

function say(text) {
  document.getElementById('said').textContent = text;
}

async function start() {
  const mine = ++round;
  say('');
  try {
    const found = await ask('');
    if (mine !== round) return;
    const same = frame && JSON.stringify(frame.rows) === JSON.stringify(found.rows);
    frame = found;
    say(found.said);
    showToolbar();
    if (!same) showRows();
    await load();
  } catch (error) {
    say(error.message);
  }
}

async function load() {
  const mine = round;
  const notes = frame.notes.length ? ask('/notes').catch(() => []) : [];
  const open = [...panels.values()].filter((each) => !each.row.hidden);
  await Promise.all(open.map((each) => show(each, notes, mine)));
  schedule();
}

async function show(panel, notes, mine) {
  panel.element.setAttribute('aria-busy', 'true');
  const points = Math.round(panel.body.clientWidth) || 600;
  const found = await ask(`/panels/${panel.id}`, { points }).catch((error) => ({ kind: 'error', text: error.message }));
  const marks = await notes;
  if (mine !== round) return;
  draw(panel, found, marks, zoom);
  panel.element.dataset.drawn = found.kind;
  panel.element.setAttribute('aria-busy', 'false');
}

function schedule() {
  clearTimeout(timer);
  const text = chosen().get('refresh') ?? frame.refresh;
  const seconds = { s: 1, m: 60, h: 3600 }[text.slice(-1)] * parseInt(text, 10);
  if (PREVIEW || !seconds) return;
  timer = setTimeout(() => (document.hidden ? schedule() : load()), seconds * 1000);
}

// What is dragged over in a graph becomes the range of the board.
function zoom(from, to) {
  if (!PREVIEW) choose({ from: Math.round(from), to: Math.round(to) });
}

function showRows() {
  panels.clear();
  document.getElementById('rows').replaceChildren(...frame.rows.map(row));
}

function row(found) {
  const top = Math.min(...found.panels.map((each) => each.place[1]));
  const grid = make('div', { className: 'grid', hidden: found.collapsed && !PREVIEW });
  grid.append(...found.panels.map((each) => panel(each, top, grid)));
  const section = make('section', { className: 'row' });
  if (found.title) section.append(make('h2', {}, toggle(found.title, grid)));
  section.append(grid);
  return section;
}

function toggle(title, grid) {
  const mark = make('span', { ariaHidden: 'true' });
  const button = make('button', { type: 'button' }, mark, ` ${title}`);
  const show = () => {
    mark.textContent = grid.hidden ? '▸' : '▾';
    button.setAttribute('aria-expanded', String(!grid.hidden));
  };
  button.addEventListener('click', () => {
    grid.hidden = !grid.hidden;
    show();
    if (!grid.hidden) load();
  });
  show();
  return button;
}

function panel(found, top, grid) {
  const [x, y, width, height] = found.place;
  const element = make('article', { className: x > 12 ? 'panel right' : 'panel' });
  element.style.gridColumn = `${x + 1} / span ${width}`;
  element.style.gridRow = `${y - top + 1} / span ${height}`;
  element.dataset.panel = found.id;
  const heading = make('h3', {}, make('span', { className: 'name', title: found.title }, found.title));
  if (found.description) {
    const info = make('span', { className: 'info', tabIndex: 0, role: 'note', ariaLabel: found.description }, 'i');
    info.dataset.text = found.description;
    heading.append(info);
  }
  heading.append(...found.links.map((each) => make('a', { href: moved(each.url) }, each.title)));
  const body = make('div', { className: 'body' });
  element.append(heading, body);
  panels.set(found.id, { ...found, element, body, row: grid });
  return element;
}

function showToolbar() {
  document.title = frame.title;
  const query = chosen();
  for (const link of document.querySelectorAll('#boards a')) {
    if (!PREVIEW) link.search = query;
  }
  const bar = document.getElementById('toolbar');
  if (PREVIEW) {
    bar.replaceChildren(`${PREVIEW.from} to ${PREVIEW.to}`);
    return;
  }
  bar.replaceChildren(...frame.variables.map(variable), range(query), refresh(query));
}

function range(query) {
  const from = query.get('from') || frame.start;
  const to = query.get('to') || frame.end;
  const preset = to === 'now' && RANGES.includes(from.replace('now-', ''));
  const options = [...RANGES.map((each) => [`now-${each}`, `Last ${each}`]), ['', 'From … to …']];
  const inputs = [];
  const select = selected(options, preset ? from : '', (value) => {
    if (value) choose({ from: value, to: 'now' });
    else inputs.forEach((each) => { each.hidden = false; });
  });
  select.id = 'range';
  const shown = (text) => (/^\d+$/.test(text) ? local(new Date(Number(text))) : text);
  for (const [name, value] of [['from', from], ['to', to]]) {
    const input = make('input', { name, value: shown(value), ariaLabel: name, hidden: preset });
    input.addEventListener('change', () => choose({ [name]: Date.parse(input.value) || input.value }));
    inputs.push(input);
  }
  return make('label', { className: 'time' }, 'Time', select, ...inputs);
}

const local = (date) => new Date(date - date.getTimezoneOffset() * 60000).toISOString().slice(0, 19).replace('T', ' ');

function refresh(query) {
  const current = query.get('refresh') ?? frame.refresh;
  const options = [['off', 'off'], ...[...new Set([...frame.intervals, frame.refresh].filter(Boolean))].map((each) => [each, each])];
  return make('label', {}, 'Refresh', selected(options, current || 'off', (value) => choose({ refresh: value })));
}

function selected(options, current, change) {
  const select = make('select', {}, ...options.map(([value, text]) => make('option', { value, selected: value === current }, text)));
  select.addEventListener('change', () => change(select.value));
  return select;
}

function variable(found) {
  const name = `var-${found.name}`;
  if (found.kind === 'text') {
    const input = make('input', { value: found.chosen[0] ?? '', name });
    input.addEventListener('change', () => choose({ [name]: input.value }));
    return make('label', {}, found.label, input);
  }
  const options = [...new Set([...found.options, ...found.chosen])].filter((each) => each !== '$__all');
  if (!found.several) {
    const all = found.all ? [['$__all', 'All']] : [];
    const select = selected([...all, ...options.map((each) => [each, each])], found.chosen[0], (value) => choose({ [name]: value }));
    select.name = name;
    return make('label', {}, found.label, select);
  }
  return several(found, name, options);
}

// Several values: boxes to tick, which count when the list is closed.
function several(found, name, options) {
  const all = found.chosen[0] === '$__all';
  const boxes = options.map((value) => make('input', { type: 'checkbox', value, checked: !all && found.chosen.includes(value) }));
  const list = make('div', { className: 'options' }, ...boxes.map((box) => make('label', {}, box, box.value)));
  const details = make('details', {}, make('summary', {}, all ? 'All' : found.chosen.join(' + ')), list);
  details.dataset.variable = found.name;
  details.addEventListener('toggle', () => {
    const now = boxes.filter((box) => box.checked).map((box) => box.value);
    const before = all ? [] : found.chosen;
    if (!details.open && now.join('\n') !== before.join('\n')) choose({ [name]: now.length ? now : '$__all' });
  });
  return make('label', {}, found.label, details);
}

window.addEventListener('popstate', start);
start();
