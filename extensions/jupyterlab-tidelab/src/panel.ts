// The side panel. A part is drawn anew only when it changed, so that focus and an open detail stay where they are.
import { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';

import { element } from './dom';
import { StatusModel, TROUBLES, Trouble } from './model';
import { noted, section } from './sections';
import { IAction, ISection } from './status';

export class TidelabPanel extends Widget {
  constructor(
    private _model: StatusModel,
    private _onAction: (action: IAction) => void
  ) {
    super();
    this.id = 'tidelab-panel';
    this.addClass('tide-panel');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', 'Tidelab');
    this.node.tabIndex = -1;
    this._connection.setAttribute('role', 'status');
    this.node.append(this._connection, this._parts);
    this._parts.append(noted('Asking this server …', ''));
    _model.changed.connect(this._draw, this);
    this._draw();
  }

  protected onActivateRequest(_: Message): void {
    this.node.focus();
  }

  private _draw(): void {
    const trouble = this._model.trouble;
    if (trouble !== this._shownTrouble) {
      this._shownTrouble = trouble;
      this._connection.replaceChildren(...(trouble ? [noted(TROUBLES[trouble], 'warning')] : []));
    }
    const status = this._model.status;
    if (!status) {
      return;
    }
    const filled = status.sections.filter(isFilled);
    const nodes = filled.map(data => this._section(data));
    if (nodes.some((node, place) => this._parts.children[place] !== node) || this._parts.children.length !== nodes.length) {
      const focus = this._parts.querySelector<HTMLElement>(':focus')?.dataset.focus;
      const open = [...this._parts.querySelectorAll('details[open]')].map(found => sectionOf(found));
      this._parts.replaceChildren(...nodes);
      open.forEach(id => this._parts.querySelector(`[data-section="${id}"] details`)?.setAttribute('open', ''));
      if (focus) {
        this._parts.querySelector<HTMLElement>(`[data-focus="${CSS.escape(focus)}"]`)?.focus();
      }
    }
  }

  private _section(data: ISection): HTMLElement {
    const text = JSON.stringify(data);
    const known = this._drawn.get(data.id);
    if (known && known.text === text) {
      return known.node;
    }
    const node = section(data, this._onAction);
    this._drawn.set(data.id, { text, node });
    return node;
  }

  private _connection = element('div', { class: 'tide-connection' });
  private _parts = element('div', { class: 'tide-parts' });
  private _shownTrouble: Trouble = '';
  private _drawn = new Map<string, { text: string; node: HTMLElement }>();
}

function isFilled(data: ISection): boolean {
  const lists = [data.rows?.filter(row => row.value), data.notes, data.runs, data.links, data.actions];
  return lists.some(list => list?.length) || !!data.note || !!data.selftest;
}

function sectionOf(node: Element): string {
  return node.closest<HTMLElement>('[data-section]')?.dataset.section ?? '';
}
