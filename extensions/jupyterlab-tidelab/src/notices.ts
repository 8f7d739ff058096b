// Warnings and notices as notifications of Lab: each is said once, and a warning goes when its reason goes.
import { Notification } from '@jupyterlab/apputils';

import { StatusModel } from './model';
import { IAction, IWarning, inWords } from './status';

const SEEN = 'tidelab:seen-notices';
const MAX_SEEN = 100;

export class Notices {
  constructor(
    private _model: StatusModel,
    private _onAction: (action: IAction) => void
  ) {
    _model.changed.connect(this._update, this);
  }

  private _update(): void {
    this._offerReload();
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
      say(inWords(`${notice.text} ({time})`, notice.when), { autoClose: false });
    }
    if (fresh.length) {
      writeSeen([...fresh.map(notice => notice.id), ...seen]);
    }
  }

  /** A page of an earlier start can do nothing: its session is not the new server's. */
  private _offerReload(): void {
    if (!this._model.needsReload) {
      if (this._reload) {
        Notification.dismiss(this._reload);
        this._reload = '';
      }
    } else if (!this._reload) {
      this._reload = Notification.warning(this._model.trouble, {
        autoClose: false,
        actions: [{ label: 'Reload', displayType: 'accent', callback: () => window.location.reload() }]
      });
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
    return Notification.warning(warning.text, {
      autoClose: false,
      actions: [...(warning.keep ? [act('keep', warning.keep)] : []), act('give-back', 'Give back now')]
    });
  }

  private _reload = '';
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
