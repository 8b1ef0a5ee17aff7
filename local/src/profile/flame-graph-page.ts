/** Both colour schemes by one set of rules; the frames' places are shares, so that they follow the width of the window. */
export const STYLE = `
:root { color-scheme: light dark; --row: 21px; --ink: #1d2330; --dim: #5d6678; --paper: #fbfbfd; --line: #dfe3ea;
  --service: #f2a541; --kit: #f0d264; --package: #9cc9e3; --node: #b7d8a8; --engine: #d5d3de; --found: #d6336c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaf0; --dim: #9aa3b5; --paper: #16181d; --line: #30343d; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 20px 24px 56px; background: var(--paper); color: var(--ink); font: 14px/1.45 system-ui, sans-serif; }
h1 { margin: 0; font-size: 20px; font-weight: 650; }
header p { margin: 2px 0 14px; color: var(--dim); }
.tools { display: flex; flex-wrap: wrap; align-items: center; gap: 10px; margin-bottom: 12px; }
input, button { font: inherit; color: inherit; background: transparent; border: 1px solid var(--line); border-radius: 6px; padding: 4px 10px; }
input { width: 260px; }
button { cursor: pointer; }
#found { color: var(--dim); }
ul { display: flex; flex-wrap: wrap; gap: 16px; margin: 0 0 0 auto; padding: 0; list-style: none; color: var(--dim); }
li { display: flex; align-items: center; gap: 6px; }
li i { width: 12px; height: 12px; border-radius: 3px; }
main { position: relative; height: calc(var(--rows) * var(--row)); overflow: hidden; }
main div { position: absolute; top: calc(var(--y) * var(--row)); left: calc(var(--x) * 100%); width: calc(var(--w) * 100%);
  height: var(--row); padding: 0 5px; overflow: hidden; white-space: nowrap; text-overflow: ellipsis; cursor: pointer;
  border: solid var(--paper); border-width: 0 1px 1px 0; border-radius: 3px; color: #1d2330; font-size: 12px; line-height: 20px; }
main div.narrow { padding: 0; color: transparent; border-right-width: 0; border-radius: 0; }
main div:hover { filter: brightness(1.1) saturate(1.3); }
main div.above { opacity: 0.45; }
main div.found { background: var(--found); color: #fff; }
main div.found.narrow { color: transparent; }
.service { background: var(--service); } .kit { background: var(--kit); } .package { background: var(--package); }
.node { background: var(--node); } .engine { background: var(--engine); }
section { display: grid; grid-template-columns: repeat(auto-fit, minmax(400px, 1fr)); gap: 28px; margin-top: 28px; align-items: start; }
table { width: 100%; border-collapse: collapse; table-layout: fixed; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: 6px; }
td, th { padding: 3px 8px; border-top: 1px solid var(--line); text-align: right; white-space: nowrap; }
td:first-child { width: 72px; background: linear-gradient(#f2a54166 0 0) 0 / calc(var(--w) * 100%) 100% no-repeat; }
td:nth-child(2) { width: 88px; color: var(--dim); }
th { text-align: left; font-weight: 500; overflow: hidden; text-overflow: ellipsis; }
small { color: var(--dim); font-weight: 400; }
footer { position: fixed; inset: auto 0 0; padding: 8px 24px; background: var(--paper); border-top: 1px solid var(--line);
  color: var(--dim); white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
`;

/** Zoom, search and the line at the foot. Reads all it needs from the frames. */
export const SCRIPT = `
const graph = document.getElementById('graph'), details = document.getElementById('details');
const search = document.getElementById('search'), found = document.getElementById('found'), reset = document.getElementById('reset');
const NARROW_PX = 22;
const frames = [...graph.children].map((element) => {
  const read = (name) => Number(element.style.getPropertyValue(name));
  return { element, x: read('--x'), w: read('--w'), y: read('--y') };
});
const idle = details.textContent;
let focus = frames[0];

function draw() {
  const width = graph.clientWidth, scale = focus.w || 1, slack = 1e-6;
  for (const { element, x, w, y } of frames) {
    const above = y < focus.y && x <= focus.x + slack && x + w >= focus.x + focus.w - slack;
    const inside = y >= focus.y && x >= focus.x - slack && x + w <= focus.x + focus.w + slack;
    element.hidden = !above && !inside;
    element.style.display = element.hidden ? 'none' : '';
    element.classList.toggle('above', above);
    const shown = above ? 1 : w / scale;
    element.style.setProperty('--x', above ? 0 : (x - focus.x) / scale);
    element.style.setProperty('--w', shown);
    element.classList.toggle('narrow', shown * width < NARROW_PX);
  }
  reset.hidden = focus === frames[0];
}
function mark() {
  const wanted = search.value.trim().toLowerCase();
  let count = 0;
  for (const { element } of frames) {
    const hit = wanted !== '' && element.title.toLowerCase().split('\\n').slice(0, -1).join(' ').includes(wanted);
    element.classList.toggle('found', hit);
    if (hit) count += 1;
  }
  found.textContent = wanted === '' ? '' : count + (count === 1 ? ' frame' : ' frames');
}
graph.addEventListener('click', ({ target }) => {
  focus = frames.find(({ element }) => element === target) ?? focus;
  draw();
});
graph.addEventListener('mouseover', ({ target }) => {
  if (target !== graph) details.textContent = target.title.split('\\n').join('  ·  ');
});
graph.addEventListener('mouseleave', () => { details.textContent = idle; });
reset.addEventListener('click', () => { focus = frames[0]; draw(); });
addEventListener('keydown', ({ key }) => { if (key === 'Escape') reset.click(); });
addEventListener('resize', draw);
search.addEventListener('input', mark);
draw();
`;
