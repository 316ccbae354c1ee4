// Draws the content of one panel. Everything that is not ours is set as text, never as HTML.
// A classic script: browsers load no modules from files, and a preview is files.
'use strict';

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// Links between boards lead to the files of a preview.
function moved(url) {
  return window.PREVIEW ? url.replace(/^\/d\/([^/?]+).*/, '$1.html') : url;
}

const link = (found) => make('a', { href: moved(found.url) }, found.title);
const clock = (time) => new Date(time).toLocaleString(undefined, { hour12: false });
// Plotly shows times as UTC: this is the same wall clock as the reader's.
const wall = (time) => time - new Date(time).getTimezoneOffset() * 60000;
const unwall = (text) => new Date(String(text).replace(' ', 'T')).getTime();

const DRAW = {
  plot, stats, bars, table, logs, alerts,
  html: (panel, found) => { panel.body.innerHTML = found.html; }, // Markdown of our boards, escaped by the server
  empty: (panel, found) => panel.body.append(make('div', { className: 'empty' }, found.text)),
  error: (panel, found) => panel.body.append(make('div', { className: 'error', role: 'alert' }, found.text)),
};

function draw(panel, found, notes, zoom) {
  if (found.kind !== 'plot') {
    if (panel.plot) window.Plotly.purge(panel.plot);
    panel.plot = undefined;
    panel.element.querySelector('.legend')?.remove();
    panel.body.replaceChildren();
  }
  panel.body.className = `body of-${found.kind}`;
  DRAW[found.kind](panel, found, notes, zoom);
}

function plot(panel, found, notes, zoom) {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(`--${name}`).trim();
  const axis = { gridcolor: color('edge'), linecolor: color('edge'), zeroline: false, automargin: true };
  const data = found.data.map((trace) => ({ ...trace, ...(trace.base ? { base: trace.base.map(wall) } : { x: trace.x.map(wall) }) }));
  const lines = data.some((trace) => trace.line);
  const layout = {
    ...found.layout,
    xaxis: { ...axis, ...found.layout.xaxis, range: found.layout.xaxis.range.map(wall), tickfont: { size: 11 } },
    yaxis: { ...axis, ...found.layout.yaxis, fixedrange: true, tickfont: { size: 11 } },
    shapes: [...(found.layout.shapes ?? []), ...notes.map(mark)],
    margin: { l: 8, r: 12, t: 12, b: 22 },
    paper_bgcolor: 'transparent',
    plot_bgcolor: 'transparent',
    font: { color: color('text'), family: getComputedStyle(document.body).fontFamily, size: 12 },
    hoverlabel: { bgcolor: '#2a2d35', bordercolor: color('edge'), font: { color: color('text'), size: 12 }, namelength: 60 },
    hovermode: lines ? 'x unified' : 'closest',
    showlegend: false,
    dragmode: 'zoom',
  };
  const fresh = !panel.plot;
  if (fresh) {
    panel.plot = make('div');
    panel.body.replaceChildren(panel.plot);
  }
  shownLegend(panel, data);
  panel.plot.style.height = `${Math.max(60, panel.body.clientHeight - 2)}px`;
  window.Plotly.react(panel.plot, [...data, ...labels(notes, found)], layout, { displayModeBar: false, responsive: true, doubleClick: false });
  if (!fresh) return;
  panel.plot.on('plotly_click', (event) => {
    const address = event.points.find((each) => typeof each.customdata === 'string')?.customdata;
    if (address) window.open(address, '_blank', 'noopener');
  });
  panel.plot.on('plotly_relayout', (change) => {
    if (change['xaxis.range[0]']) zoom(unwall(change['xaxis.range[0]']), unwall(change['xaxis.range[1]']));
  });
}

const mark = (note) => ({
  type: 'line', yref: 'paper', x0: wall(note.time), x1: wall(note.time), y0: 0, y1: 1, line: { color: note.color, width: 1, dash: 'dot' },
});

// The words of the vertical lines, where the pointer meets them.
function labels(notes, found) {
  const [low] = found.layout.yaxis.range ?? [];
  if (!notes.length || low === undefined) return []; // an axis of names has no number below all of them
  return [{
    type: 'scatter', mode: 'markers', x: notes.map((each) => wall(each.time)), y: notes.map(() => low), text: notes.map((each) => each.text),
    hovertemplate: '%{text}<extra></extra>', marker: { symbol: 'triangle-up', size: 9, color: notes.map((each) => each.color) }, cliponaxis: false,
  }];
}

function shownLegend(panel, data) {
  panel.element.querySelector('.legend')?.remove();
  const legend = make('div', { className: 'legend' });
  data.forEach((trace, index) => {
    if (trace.showlegend === false) return;
    const swatch = make('i');
    swatch.style.borderTopColor = (trace.line ?? trace.marker).color;
    swatch.style.borderTopStyle = trace.line?.dash ? 'dashed' : 'solid';
    const button = make('button', { type: 'button', title: trace.name }, swatch, trace.name);
    button.setAttribute('aria-pressed', 'true');
    button.addEventListener('click', () => {
      const shown = button.getAttribute('aria-pressed') === 'false';
      button.setAttribute('aria-pressed', String(shown));
      window.Plotly.restyle(panel.plot, { visible: shown }, [index]);
    });
    legend.append(button);
  });
  if (legend.childElementCount) panel.element.append(legend);
}

// Black or white, whichever is easier to read on the colour (WCAG's relative luminance).
function ink(color) {
  const parts = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16) / 255).map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4));
  return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2] > 0.179 ? '#000' : '#fff';
}

function stats(panel, found) {
  const values = found.values.map((each) => {
    const [first] = each.links;
    const value = make(first ? 'a' : 'div', first ? { href: moved(first.url), title: first.title } : {}, make('b', {}, each.text));
    if (found.values.length > 1) value.append(make('span', { title: each.name }, each.name));
    if (found.fill) {
      value.className = 'fill';
      value.style.background = each.color;
      value.style.setProperty('--ink', ink(each.color));
    } else {
      value.style.color = lighter(each.color);
    }
    return value;
  });
  panel.body.append(make('div', { className: 'stats' }, ...values));
}

// Okabe and Ito's colours are made for areas on white: as text on a dark page they need more light.
const lighter = (color) => `color-mix(in srgb, ${color} 75%, white)`;

function bars(panel, found) {
  const list = make('div', { className: 'bars' });
  for (const each of found.values) {
    const bar = make('i');
    bar.style.width = `${each.share * 100}%`;
    bar.style.background = each.color;
    const [first] = each.links;
    list.append(
      make('span', { className: 'name', title: each.name }, first ? make('a', { href: moved(first.url) }, each.name) : each.name),
      make('span', { className: 'track' }, bar),
      make('span', { className: 'number' }, each.text),
    );
  }
  panel.body.append(list);
}

function table(panel, found) {
  const body = make('tbody', {}, ...found.rows.map((row) => make('tr', {}, ...row.map((cell, index) => tableCell(cell, found.columns[index])))));
  const heads = found.columns.map((column, index) => {
    const button = make('button', { type: 'button', title: `Sort by ${column.title}` }, column.title);
    button.addEventListener('click', () => sort(body, found, index, button));
    return make('th', { className: column.number ? 'number' : '', scope: 'col' }, button);
  });
  panel.body.append(make('table', {}, make('thead', {}, make('tr', {}, ...heads)), body));
  if (found.left_out) panel.body.append(make('p', {}, `${found.left_out} more rows are not shown.`));
}

function tableCell(cell, column) {
  const text = cell.time === undefined ? cell.text : clock(cell.time);
  const [first] = cell.links ?? [];
  const element = make('td', { className: column.number ? 'number' : (text ?? '').length > 40 ? 'long' : '' }, first ? make('a', { href: moved(first.url), title: first.title }, text) : text);
  if (cell.color) element.style.color = lighter(cell.color);
  return element;
}

function sort(body, found, index, button) {
  const down = button.dataset.order !== 'down';
  button.dataset.order = down ? 'down' : 'up';
  const key = (cell) => cell.value ?? cell.time ?? cell.text;
  const order = found.rows.map((row, place) => [key(row[index]), body.rows[place]]);
  const compare = (a, b) => (typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b)));
  order.sort(([a], [b]) => (down ? compare(b, a) : compare(a, b)));
  found.rows = order.map(([, element]) => found.rows[[...body.rows].indexOf(element)]);
  body.append(...order.map(([, element]) => element));
}

function logs(panel, found) {
  panel.body.append(...found.lines.map((line) => {
    const facts = make('dl');
    for (const fact of line.fields) {
      facts.append(make('dt', {}, fact.name), make('dd', {}, fact.url ? make('a', { href: fact.url }, fact.value) : fact.value));
    }
    const level = make('b', { className: line.look }, line.level);
    return make('details', { className: 'log' }, make('summary', {}, make('time', {}, clock(line.time)), ' ', level, ` ${line.text}`), facts);
  }));
}

function alerts(panel, found) {
  panel.body.append(...found.alerts.map((each) => make(
    'div', { className: 'alert' },
    make('b', { className: each.severity }, each.name), ` ${each.severity}, ${each.state}, since `, make('time', {}, clock(each.since)),
    make('div', {}, each.summary), make('div', {}, ...each.links.map(link)),
  )));
}
