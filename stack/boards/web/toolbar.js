// What the reader chooses at the top of a board: variables, range, refresh. It is all in the page's address.
'use strict';

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
  const wanted = [
    ...frame.variables.map((each) => [each, () => variable(each)]),
    [[query.get('from'), query.get('to'), frame.start, frame.end], () => range(query)],
    [[query.get('refresh'), frame.intervals, frame.refresh], () => refresh(query)],
  ];
  if (bar.childElementCount !== wanted.length) bar.replaceChildren(...wanted.map(() => make('label')));
  wanted.forEach(([facts, control], index) => replaced(bar.children[index], JSON.stringify(facts), control));
}

// Puts a control in the place of what shows other facts, unless somebody is busy there; the focus stays.
function replaced(before, facts, control) {
  const active = before.contains(document.activeElement) ? document.activeElement : undefined;
  const typing = active?.matches('input[name]') && active.value !== active.defaultValue;
  if (before.facts === facts || typing || before.querySelector('details[open]')) return;
  const after = Object.assign(control(), { facts });
  before.replaceWith(after);
  const same = active && after.querySelector(active.name ? `[name="${active.name}"]` : active.localName);
  same?.focus();
  same?.select?.(); // as when somebody comes to a box with the tabulator
}

// A box to type in, which counts when somebody leaves it or presses Enter.
function box(name, text, given, properties = {}) {
  const input = make('input', { name, defaultValue: text, ...properties });
  input.addEventListener('change', () => {
    input.defaultValue = input.value;
    given(input.value);
  });
  return input;
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
  Object.assign(select, { id: 'range', name: 'range' });
  const shown = (text) => (/^\d+$/.test(text) ? clock(Number(text)) : text);
  for (const [name, value] of [['from', from], ['to', to]]) {
    const given = (text) => choose({ [name]: Date.parse(text) || text });
    inputs.push(box(name, shown(value), given, { ariaLabel: name, hidden: preset }));
  }
  return make('label', { className: 'time' }, 'Time', select, ...inputs);
}

function refresh(query) {
  const current = query.get('refresh') ?? frame.refresh;
  const options = [['off', 'off'], ...[...new Set([...frame.intervals, frame.refresh].filter(Boolean))].map((each) => [each, each])];
  const now = make('button', { type: 'button', name: 'refresh' }, 'Refresh');
  now.addEventListener('click', start);
  const every = selected(options, current || 'off', (value) => choose({ refresh: value }));
  return make('span', {}, now, Object.assign(every, { name: 'every', ariaLabel: 'Refresh every' }));
}

function selected(options, current, change) {
  const select = make('select', {}, ...options.map(([value, text]) => make('option', { value, selected: value === current }, text)));
  select.addEventListener('change', () => change(select.value));
  return select;
}

function variable(found) {
  const name = `var-${found.name}`;
  if (found.kind === 'text') {
    return make('label', {}, found.label, box(name, found.chosen[0] ?? '', (text) => choose({ [name]: text })));
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
  const choices = boxes.map((box) => make('label', {}, box, box.value));
  const list = make('div', { className: 'options' }, ...(choices.length ? choices : ['There is nothing to choose.']));
  const text = all ? 'All' : found.chosen.join(' + ');
  const details = make('details', {}, make('summary', { ariaLabel: `${found.label}: ${text}` }, text), list);
  details.dataset.variable = found.name;
  details.addEventListener('toggle', () => {
    const now = boxes.filter((box) => box.checked).map((box) => box.value);
    const before = all ? [] : found.chosen;
    if (!details.open && now.join('\n') !== before.join('\n')) choose({ [name]: now.length ? now : '$__all' });
  });
  return make('span', {}, found.label, details);
}

// A list at the top is closed by Escape, and by whoever goes on elsewhere, with the pointer or the keyboard.
function closeLists(event) {
  for (const list of document.querySelectorAll('header details[open]')) {
    const inside = list.contains(event.target);
    if (event.key === 'Escape' && inside) list.querySelector('summary').focus();
    if (event.key === 'Escape' || (!event.key && !inside)) list.open = false;
  }
}

for (const each of ['keydown', 'pointerdown', 'focusin']) window.addEventListener(each, closeLists);
