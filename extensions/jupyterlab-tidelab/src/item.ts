// The item in the status bar: a button that opens the panel.
import { Widget } from '@lumino/widgets';

import { StatusModel } from './model';
import { inWords } from './status';

export class StatusItem extends Widget {
  constructor(
    private _model: StatusModel,
    open: () => void
  ) {
    super({ node: document.createElement('button') });
    this.addClass('tide-item');
    this.node.setAttribute('type', 'button');
    this.node.addEventListener('click', open);
    _model.changed.connect(this._draw, this);
    this._draw();
  }

  private _draw(): void {
    const item = this._model.status?.item;
    const trouble = this._model.trouble;
    if (trouble || !item) {
      const text = !trouble ? 'Tidelab' : this._model.needsReload ? '⚠ Reload this page' : '⚠ Server does not answer';
      this._set(text, `${trouble} Opens the panel Tidelab.`, trouble ? 'warning' : '');
      return;
    }
    const mark = item.level === 'failed' ? '✕ ' : item.level === 'warning' ? '⚠ ' : '';
    this._set(mark + inWords(item.text, item.time), `${item.title} Opens the panel Tidelab.`, item.level);
  }

  private _set(text: string, title: string, level: string): void {
    if (this.node.textContent !== text) {
      this.node.textContent = text;
    }
    this.node.title = title;
    this.node.dataset.level = level;
  }
}
