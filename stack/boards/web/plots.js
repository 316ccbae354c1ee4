// Draws what has axes, with Plotly; a legend of ours beneath it.
'use strict';

const CLOSE = 12; // pixels between lines
const LISTED = 8;

function plot(panel, found, notes, zoom) {
  const color = (name) => resolved(`var(--${name})`);
  const axis = { gridcolor: color('edge'), linecolor: color('edge'), zeroline: false, automargin: true };
  const data = found.data.map((trace) => ({
    ...trace,
    ...(trace.base ? { base: trace.base.map(wall) } : { x: trace.x.map(wall) }),
    ...(trace.line && { line: shaded(trace.line) }),
    ...(trace.marker && { marker: shaded(trace.marker) }),
    visible: !panel.hidden.has(trace.name),
  }));
  const lines = data.some((trace) => trace.line);
  const layout = {
    ...found.layout,
    xaxis: { ...axis, ...found.layout.xaxis, range: found.layout.xaxis.range.map(wall), tickfont: { size: 11 } },
    yaxis: { ...axis, ...found.layout.yaxis, fixedrange: true, tickfont: { size: 11 } },
    yaxis2: { overlaying: 'y', range: [0, 1], fixedrange: true, visible: false }, // of the words of vertical lines
    shapes: [...(found.layout.shapes ?? []), ...notes.map(mark)].map((each) => ({ ...each, line: shaded(each.line) })),
    margin: { l: 8, r: 12, t: 12, b: 22 },
    paper_bgcolor: 'transparent',
    plot_bgcolor: 'transparent',
    font: { color: color('text'), family: getComputedStyle(document.body).fontFamily, size: 12 },
    hoverlabel: { bgcolor: color('raised'), bordercolor: color('edge'), font: { color: color('text'), size: 12 }, namelength: 60, align: 'left' },
    hovermode: lines ? 'x unified' : 'closest',
    showlegend: false,
    dragmode: 'zoom',
  };
  const fresh = !panel.plot;
  if (fresh) {
    panel.plot = make('div', { role: 'img', ariaLabel: [panel.title, panel.description].filter(Boolean).join('. ') });
    panel.body.replaceChildren(panel.plot);
  }
  shownLegend(panel, data);
  panel.plot.style.height = `${Math.max(60, panel.body.clientHeight - 2)}px`;
  window.Plotly.react(panel.plot, [...data, ...labels(notes, panel, found.layout.xaxis.range)], layout, { displayModeBar: false, responsive: true, doubleClick: PREVIEW ? 'reset' : false });
  if (!fresh) return;
  // What somebody drags over is not drawn again meanwhile.
  panel.plot.addEventListener('pointerdown', () => { panel.held = true; });
  panel.plot.on('plotly_click', (event) => {
    const address = event.points.find((each) => typeof each.customdata === 'string')?.customdata;
    if (address) window.open(address, '_blank', 'noopener');
  });
  panel.plot.on('plotly_relayout', (change) => {
    if (change['xaxis.range[0]']) zoom(unwall(change['xaxis.range[0]']), unwall(change['xaxis.range[1]']));
  });
}

const shaded = (found) => ({ ...found, color: shade(found.color) });
const mark = (note) => ({
  type: 'line', yref: 'paper', x0: wall(note.time), x1: wall(note.time), y0: 0, y1: 1, line: { color: note.color, width: 1, dash: 'dot' },
});

// The words of the vertical lines, where the pointer meets them. Those of lines too close to be pointed at one by one
// are together.
function labels(notes, panel, [start, end]) {
  const near = ((end - start) / (panel.body.clientWidth || 600)) * CLOSE;
  const groups = [];
  for (const note of [...notes].sort((one, other) => one.time - other.time)) {
    if (groups.length && note.time - groups.at(-1)[0].time < near) groups.at(-1).push(note);
    else groups.push([note]);
  }
  return groups.length ? [{
    type: 'scatter', mode: 'markers', yaxis: 'y2', x: groups.map(([first]) => wall(first.time)), y: groups.map(() => 0.03), text: groups.map(said),
    hovertemplate: '%{text}<extra></extra>', marker: { symbol: 'triangle-up', size: 9, color: groups.map(([first]) => shade(first.color)) }, cliponaxis: false,
  }] : [];
}

function said(notes) {
  const more = notes.length > LISTED ? [`and ${notes.length - LISTED} more`] : [];
  return [...notes.slice(0, LISTED).map((each) => `${clock(each.time)} ${each.text}`), ...more].join('<br>');
}

function shownLegend(panel, data) {
  const legend = panel.element.querySelector('.legend') ?? make('div', { className: 'legend' });
  const { scrollTop } = legend;
  const named = data.map((trace, index) => [trace, index]).filter(([trace]) => trace.showlegend !== false);
  legend.replaceChildren(...named.map(([trace, index]) => legendEntry(panel, trace, index)));
  if (named.length) panel.element.append(legend);
  else legend.remove();
  legend.scrollTop = scrollTop;
}

function legendEntry(panel, trace, index) {
  const swatch = make('i');
  swatch.style.borderTopColor = (trace.line ?? trace.marker).color;
  swatch.style.borderTopStyle = trace.line?.dash ? 'dashed' : 'solid';
  const button = make('button', { type: 'button', title: trace.name, ariaPressed: String(trace.visible) }, swatch, trace.name);
  button.addEventListener('click', () => {
    const shown = panel.hidden.delete(trace.name);
    if (!shown) panel.hidden.add(trace.name);
    button.ariaPressed = String(shown);
    window.Plotly.restyle(panel.plot, { visible: shown }, [index]);
  });
  return button;
}

function unplot(panel) {
  if (panel.plot) window.Plotly.purge(panel.plot);
  panel.plot?.remove();
  panel.plot = undefined;
  panel.element.querySelector('.legend')?.remove();
}
