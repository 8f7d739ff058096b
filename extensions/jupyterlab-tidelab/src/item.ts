// The item in the status bar: a button that opens the panel, or reloads a page that is signed out.
import { Widget } from '@lumino/widgets';

import { StatusModel, TROUBLES, Trouble } from './model';
import { inWords } from './status';

const SHORT: Record<Exclude<Trouble, ''>, string> = {
  silent: '⚠ Server does not answer',
  stopped: '⚠ Server is stopped',
  restarting: '⚠ Server starts again',
  unknown: '⚠ Reload this page'
};

export class StatusItem extends Widget {
  constructor(
    private _model: StatusModel,
    open: () => void
  ) {
    super({ node: document.createElement('button') });
    this.addClass('tide-item');
    this.node.setAttribute('type', 'button');
    this.node.addEventListener('click', () => (_model.trouble === 'unknown' ? window.location.reload() : open()));
    _model.changed.connect(this._draw, this);
    this._draw();
  }

  private _draw(): void {
    const item = this._model.status?.item;
    const trouble = this._model.trouble;
    if (trouble) {
      const does = trouble === 'unknown' ? 'Reloads the page.' : 'Opens the panel Tidelab.';
      this._set(SHORT[trouble], `${TROUBLES[trouble]} ${does}`, 'warning');
      return;
    }
    if (!item) {
      this._set('Tidelab', 'Opens the panel Tidelab.', '');
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
