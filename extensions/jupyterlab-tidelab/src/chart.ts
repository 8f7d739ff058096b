// How busy the GPU was in the last minutes, as a small picture; its words stand below it.
import { drawn, element } from './dom';
import { IChart } from './status';

const WIDTH = 240;
const HEIGHT = 72;
const LEFT = 38;
const BOTTOM = 17;
const TOP = 8;

export function chart(data: IChart): HTMLElement {
  const right = WIDTH - 4;
  const floor = HEIGHT - BOTTOM;
  const x = (age: number) => right - (age / data.seconds) * (right - LEFT);
  const y = (share: number) => floor - share * (floor - TOP);
  const label = (text: string, atX: number, atY: number, anchor: string) => {
    const made = drawn('text', { x: `${atX}`, y: `${atY}`, 'text-anchor': anchor, class: 'tide-axis' });
    made.textContent = text;
    return made;
  };
  const lines = [0, 1].map(share =>
    drawn('line', { x1: `${LEFT}`, x2: `${right}`, y1: `${y(share)}`, y2: `${y(share)}`, class: 'tide-grid' })
  );
  const pieces = data.pieces.map(piece =>
    piece.length > 1
      ? drawn('polyline', {
          points: piece.map(([age, share]) => `${x(age).toFixed(1)},${y(share).toFixed(1)}`).join(' '),
          class: 'tide-line'
        })
      : drawn('circle', { cx: `${x(piece[0][0])}`, cy: `${y(piece[0][1])}`, r: '1.5', class: 'tide-point' })
  );
  const picture = drawn(
    'svg',
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': data.text, class: 'tide-chart' },
    ...lines,
    label('100 %', LEFT - 4, TOP + 4, 'end'),
    label('0 %', LEFT - 4, floor + 3, 'end'),
    label(`${Math.round(data.seconds / 60)} min ago`, LEFT, HEIGHT - 2, 'start'),
    label('now', right, HEIGHT - 2, 'end'),
    ...pieces
  );
  return element('figure', { class: 'tide-figure' }, picture, element('figcaption', {}, data.text));
}
