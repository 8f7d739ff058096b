// One part of the panel as elements. What stands in it is decided by the server.
import { chart } from './chart';
import { element } from './dom';
import { IAction, ISection, Level, inWords } from './status';

/** What a level is called: colour alone says nothing. */
const MARKS: Partial<Record<Level, string>> = {
  ok: '✓ ',
  warning: '⚠ ',
  failed: '✕ ',
  running: '… '
};

export function section(data: ISection, onAction: (action: IAction) => void): HTMLElement {
  const heading = `tide-${data.id}`;
  return element(
    'section',
    { class: 'tide-section', 'aria-labelledby': heading, 'data-section': data.id },
    element('h2', { id: heading }, data.title),
    rows(data),
    ...(data.notes ?? []).map(note => noted(inWords(note.text, note.time), note.level)),
    data.chart ? chart(data.chart) : null,
    selftest(data),
    runs(data),
    data.note ? noted(data.note, '') : null,
    actions(data, onAction),
    links(data)
  );
}

export function noted(text: string, level: Level): HTMLElement {
  return element('p', { class: 'tide-note', 'data-level': level }, `${MARKS[level] ?? ''}${text}`);
}

function rows(data: ISection): HTMLElement | null {
  const shown = (data.rows ?? []).filter(row => row.value);
  if (!shown.length) {
    return null;
  }
  const pairs = shown.map(row =>
    element('div', {}, element('dt', {}, row.term), element('dd', {}, inWords(row.value, row.time)))
  );
  return element('dl', {}, ...pairs);
}

function selftest(data: ISection): HTMLElement | null {
  const test = data.selftest;
  if (!test) {
    return null;
  }
  const list = test.details.map(line => element('li', {}, line));
  const when = test.checked === null ? null : element('small', {}, inWords('Tested at {time}.', test.checked));
  return element(
    'div',
    { class: 'tide-selftest', role: 'status' },
    noted(test.text, test.level),
    list.length ? element('details', {}, element('summary', {}, 'What each kernel sees'), element('ul', {}, ...list)) : null,
    when
  );
}

function runs(data: ISection): HTMLElement | null {
  if (!data.runs?.length) {
    return null;
  }
  const items = data.runs.map(run => {
    const bar =
      run.share === null
        ? null
        : element('progress', { max: '1', value: `${run.share}`, 'aria-label': `Progress of ${run.title}` });
    return element('li', {}, element('strong', {}, run.title), element('span', {}, run.words), bar);
  });
  return element('ul', { class: 'tide-runs' }, ...items);
}

function actions(data: ISection, onAction: (action: IAction) => void): HTMLElement | null {
  if (!data.actions?.length) {
    return null;
  }
  const buttons = data.actions.map(action => {
    const kind = action.id === 'keep' ? 'jp-mod-accept' : 'jp-mod-reject';
    const button = element(
      'button',
      { type: 'button', class: `jp-mod-styled ${kind}`, 'data-focus': action.id },
      action.label
    );
    button.addEventListener('click', () => onAction(action));
    return button;
  });
  return element('div', { class: 'tide-actions' }, ...buttons);
}

function links(data: ISection): HTMLElement | null {
  if (!data.links?.length) {
    return null;
  }
  const items = data.links.map(link => {
    const attributes = { href: link.url, target: '_blank', rel: 'noopener', 'data-focus': link.url };
    return element('li', {}, element('a', attributes, link.title));
  });
  return element('ul', { class: 'tide-links' }, ...items);
}
