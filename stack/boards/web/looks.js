// How the page looks: light or dark, as the reader's system is or as the address says (?theme=); with ?kiosk, as on a
// display on a wall, the panels alone. The colours themselves are in boards.css.
'use strict';

const LOOKS = ['theme', 'kiosk'];
const probe = document.body.appendChild(make('i', { className: 'area', hidden: true }));
const pixel = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
const shades = new Map();

function showLooks() {
  const theme = chosen().get('theme');
  document.documentElement.style.colorScheme = ['light', 'dark'].includes(theme) ? theme : '';
  document.body.classList.toggle('kiosk', chosen().has('kiosk'));
  shades.clear();
}

// Returns a colour as Plotly reads it, which knows neither variables nor light-dark().
function resolved(color) {
  probe.style.color = color;
  pixel.fillStyle = getComputedStyle(probe).color;
  pixel.fillRect(0, 0, 1, 1);
  const [red, green, blue] = pixel.getImageData(0, 0, 1, 1).data;
  return `rgb(${red}, ${green}, ${blue})`;
}

// Returns the colour of a line or an area for one of the boards' colours.
function shade(color) {
  if (!shades.has(color)) {
    probe.style.setProperty('--own', color);
    shades.set(color, resolved('var(--shade)'));
  }
  return shades.get(color);
}

// A link; to another board, it leads to the same looks.
function anchor({ url, title }, ...text) {
  const query = chosen();
  const looks = LOOKS.filter((each) => query.has(each)).map((each) => `&${each}=${encodeURIComponent(query.get(each))}`);
  const inside = url.startsWith('/d/') && looks.length;
  return make('a', { href: inside ? `${url}${url.includes('?') ? '' : '?'}${looks.join('')}` : url, title }, ...(text.length ? text : [title]));
}

matchMedia('(prefers-color-scheme: light)').addEventListener('change', () => {
  shades.clear();
  if (frame) load();
});
window.addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && chosen().has('kiosk')) choose({ kiosk: [] });
});
