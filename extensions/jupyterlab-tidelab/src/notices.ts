// Warnings and notices as notifications of Lab: each is said once, and a warning goes when its reason goes.
import { Notification } from '@jupyterlab/apputils';

import { StatusModel, TROUBLES, Trouble } from './model';
import { IAction, IWarning, inWords } from './status';

const SEEN = 'tidelab:seen-notices';
const MAX_SEEN = 100;

export class Notices {
  constructor(
    private _model: StatusModel,
    private _onAction: (action: IAction) => void
  ) {
    _model.changed.connect(this._update, this);
    this._update();
  }

  private _update(): void {
    this._sayTrouble();
    const status = this._model.status;
    if (!status || this._model.trouble) {
      return;
    }
    const wanted = new Map(status.warnings.map(warning => [`${warning.lease} ${warning.release_at}`, warning]));
    for (const [key, id] of [...this._warnings]) {
      if (!wanted.has(key)) {
        Notification.dismiss(id);
        this._warnings.delete(key);
      }
    }
    wanted.forEach((warning, key) => {
      if (!this._warnings.has(key)) {
        this._warnings.set(key, this._warn(warning));
      }
    });
    const seen = readSeen();
    const fresh = status.notices.filter(notice => !seen.includes(notice.id));
    for (const notice of fresh) {
      const say = notice.level === 'failed' ? Notification.error : notice.level ? Notification.warning : Notification.info;
      say(inWords(notice.text, notice.when), { autoClose: false });
    }
    if (fresh.length) {
      writeSeen([...fresh.map(notice => notice.id), ...seen]);
    }
  }

  /** A page whose server stopped, or was started again, is told once, with the way on. */
  private _sayTrouble(): void {
    const trouble = this._model.trouble;
    if (trouble === this._told) {
      return;
    }
    if (this._trouble) {
      Notification.dismiss(this._trouble);
      this._trouble = '';
    }
    this._told = trouble;
    const home = this._model.status?.home;
    if (trouble === 'unknown') {
      const reload = { label: 'Reload', displayType: 'accent' as const, callback: () => window.location.reload() };
      this._trouble = Notification.warning(TROUBLES[trouble], { autoClose: false, actions: [reload] });
    } else if (trouble === 'stopped' || trouble === 'restarting') {
      const go = { label: 'Home page', callback: () => window.location.assign(home ?? '/') };
      this._trouble = Notification.warning(TROUBLES[trouble], { autoClose: false, actions: home ? [go] : [] });
    }
  }

  private _warn(warning: IWarning): string {
    const act = (id: 'keep' | 'give-back', label: string) => ({
      label,
      displayType: id === 'keep' ? ('accent' as const) : ('default' as const),
      callback: (event: MouseEvent) => {
        event.preventDefault(); // the warning goes when the server says that its reason is gone
        this._onAction({ id, lease: warning.lease, label });
      }
    });
    return Notification.warning(inWords(warning.text, warning.release_at), {
      autoClose: false,
      actions: [...(warning.keep ? [act('keep', warning.keep)] : []), act('give-back', 'Give back now')]
    });
  }

  private _told: Trouble = '';
  private _trouble = '';
  private _warnings = new Map<string, string>();
}

function readSeen(): string[] {
  try {
    const found = JSON.parse(localStorage.getItem(SEEN) ?? '[]');
    return Array.isArray(found) ? found.filter(id => typeof id === 'string') : [];
  } catch {
    return [];
  }
}

function writeSeen(seen: string[]): void {
  try {
    localStorage.setItem(SEEN, JSON.stringify(seen.slice(0, MAX_SEEN)));
  } catch {
    // A browser that keeps nothing says a notice again after a reload.
  }
}
