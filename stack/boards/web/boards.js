// Shows one board: asks the server for its frame and for each panel's content, and draws them.
// A preview is the same page as a file, with the answers in window.PREVIEW.
'use strict';

const PREVIEW = window.PREVIEW;
const RANGES = ['5m', '15m', '30m', '1h', '3h', '6h', '12h', '24h', '2d', '7d', '30d'];
const board = PREVIEW ? PREVIEW.uid : decodeURIComponent(location.pathname.split('/')[2]);
const panels = new Map();
let frame, timer, round = 0, late = false, leaving = false;

// Who logs out goes to the login alone: what was still asked for would lead to the login for this board.
document.querySelector('[action="/logout"]')?.addEventListener('submit', () => { leaving = true; });
addEventListener('pageshow', () => { leaving = false; });

const chosen = () => new URLSearchParams(location.search);
const moment = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// A browser gives up what it asks for when its network changes (a laptop that leaves a Wi-Fi, a container that starts),
// though this machine never went away: so it asks again.
async function fetched(address, tries = 3) {
  try {
    return await fetch(address);
  } catch (error) {
    if (tries === 1) throw error;
    await moment(500);
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
  if (answer.status === 401 && !leaving) location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
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
  showLooks();
  say('');
  try {
    const found = await ask('');
    if (mine !== round) return;
    const same = frame && shape(frame) === shape(found);
    frame = found;
    say(found.said);
    showToolbar();
    if (same) showHeads();
    else showRows();
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
  while (panel.held) await moment(200);
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
  timer = setTimeout(refreshed, seconds * 1000);
}

// What nobody looks at is refreshed when somebody comes back to it.
function refreshed() {
  late = document.hidden;
  if (!late) load();
}

// What is dragged over in a graph becomes the range of the board.
function zoom(from, to) {
  if (!PREVIEW) choose({ from: Math.round(from), to: Math.round(to) });
}

// What the elements of a board depend on: as long as it stays, so do they, with all that somebody opened in them.
const shape = (found) => JSON.stringify(found.rows.map((each) => [each.title, each.panels.map(({ id, place }) => [id, place])]));

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
  const element = make('article', { className: x > 12 ? 'panel right' : 'panel', ariaLabel: found.title });
  element.style.gridColumn = `${x + 1} / span ${width}`;
  element.style.gridRow = `${y - top + 1} / span ${height}`;
  element.style.setProperty('--rows', height);
  element.dataset.panel = found.id;
  const body = make('div', { className: 'body' });
  element.append(heading(found), body);
  panels.set(found.id, { ...found, element, body, row: grid, hidden: new Set() });
  return element;
}

function heading(found) {
  const element = make('h3', {}, make('span', { className: 'name', title: found.title }, found.title));
  if (found.description) {
    const info = make('span', { className: 'info', tabIndex: 0, role: 'note', ariaLabel: found.description }, 'i');
    info.dataset.text = found.description;
    element.append(info);
  }
  element.append(...found.links.map((each) => anchor(each)));
  return element;
}

// Titles have variables in them, and links the range.
function showHeads() {
  for (const found of frame.rows.flatMap((each) => each.panels)) {
    const panel = Object.assign(panels.get(found.id), found);
    panel.element.ariaLabel = found.title;
    panel.element.querySelector('h3').replaceWith(heading(found));
  }
}

function release() {
  for (const each of panels.values()) each.held = false;
}

window.addEventListener('pointerup', release);
window.addEventListener('pointercancel', release);
document.addEventListener('visibilitychange', () => late && refreshed());
window.addEventListener('popstate', start);
start();
