// SPDX-License-Identifier: AGPL-3.0-or-later
/** What leaves the page: the timeline as a picture. */
import { render, type VNode } from 'preact';
import { Axis, AXIS, Bars, type Chart, Drawing, Legend } from './chart';
import { wrap } from './report';

/** Phones paint no more than that, and with as many routers as there may be it is no higher than they can. */
const PIXELS_MAX = 16e6;
const MARGIN = 24;
const LINE = 22;
const LETTERS = 120;

function Picture({ chart, title, told }: { chart: Chart; title: string; told: string[] }) {
  const lines = told.flatMap(line => wrap(line, LETTERS));
  const parts: [number, VNode][] = [
    [2 * LINE, <text y="16" font-size="20" font-weight="700">{title}</text>],
    ...lines.map((line): [number, VNode] => [LINE, <text y="0">{line}</text>]),
    [AXIS, <Axis {...chart} />],
    [chart.height + LINE, <Bars {...chart} />],
    [chart.legendHeight + MARGIN, <Legend {...chart} />],
  ];
  let y = MARGIN;
  const placed = parts.map(([height, part]) => {
    const top = y;
    y += height;
    return <g transform={`translate(${MARGIN},${top})`}>{part}</g>;
  });
  return (
    <Drawing width={chart.width + 2 * MARGIN} height={y}>
      <rect width="100%" height="100%" fill="#fff" />
      {placed}
    </Drawing>
  );
}

/** Outside of the page nobody knows our colours by name; on white they are those of the light page. */
function plain(svg: string): string {
  const rules = [...document.styleSheets].flatMap(sheet => [...sheet.cssRules]) as CSSStyleRule[];
  const light = rules.find(rule => rule.selectorText === ':root')?.style;
  return svg.replace(/var\((--[\w-]+)\)/g, (_, name: string) => light?.getPropertyValue(name).trim() || '#000');
}

/** `name` has no ending: a PNG, or the drawing itself where the browser cannot paint it. */
export function savePicture(chart: Chart, title: string, told: string[], name: string) {
  const host = document.createElement('div');
  render(<Picture chart={chart} title={title} told={told} />, host);
  const drawing = plain(new XMLSerializer().serializeToString(host.firstElementChild!));
  const asDrawing = () => save(new Blob([drawing], { type: 'image/svg+xml' }), `${name}.svg`);
  const image = new Image();
  image.onerror = asDrawing;
  image.onload = () => {
    const { width, height } = image;
    const scale = Math.min(2, Math.sqrt(PIXELS_MAX / width / height));
    const canvas = document.createElement('canvas');
    canvas.width = width * scale;
    canvas.height = height * scale;
    const paper = canvas.getContext('2d');
    paper?.drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob(painted => (paper && painted ? save(painted, `${name}.png`) : asDrawing()));
  };
  image.src = `data:image/svg+xml,${encodeURIComponent(drawing)}`;
}

export function save(blob: Blob, name: string) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // Some browsers read it only a while later.
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
