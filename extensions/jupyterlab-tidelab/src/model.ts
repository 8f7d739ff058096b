// The state of the panel: asked for gently, shared by panel, status bar and notices.
import { ServerConnection } from '@jupyterlab/services';
import { IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import { ISignal, Signal } from '@lumino/signaling';

import { IStatus, RefusedError, ask } from './status';

const VISIBLE_MS = 10_000;
const HIDDEN_MS = 60_000;
const SOON_MS = 2_000;
const LONGEST_MS = 60_000;
/** Why the server's answer is missing: it is silent, stopped, being started again, or does not know this page any more. */
export type Trouble = '' | 'silent' | 'stopped' | 'restarting' | 'unknown';

export const TROUBLES: Record<Exclude<Trouble, ''>, string> = {
  silent: 'This server does not answer at the moment. It is asked again by itself; what is below may be old.',
  stopped: 'This server is stopped. Open it again from the home page; files are as they were saved.',
  restarting: 'This server stops and starts again without its GPU. That takes some seconds; files are as they were saved.',
  unknown: 'This page is signed out: the server was started again, or you signed out. Reload the page; files are as saved.'
};

export class StatusModel implements IDisposable {
  constructor(private _settings: ServerConnection.ISettings) {
    this._poll = new Poll({
      name: 'jupyterlab-tidelab',
      factory: () => this._refresh(),
      frequency: { interval: VISIBLE_MS, backoff: true, max: LONGEST_MS },
      // A hidden page of a server without GPU asks nothing: through the proxy, every question counts as use of the server.
      standby: () => document.hidden && !this._status?.holds
    });
    document.addEventListener('visibilitychange', this._onVisibility);
    window.addEventListener('online', this._onVisibility);
  }

  /** The last answer; null before the first. */
  get status(): IStatus | null {
    return this._status;
  }

  /** Why the last question was not answered; empty: it was. */
  get trouble(): Trouble {
    return this._trouble;
  }

  /** Ask now, e.g. because something else met a server that does not answer. */
  refresh(): Promise<void> {
    return this._poll.refresh();
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._poll.isDisposed;
  }

  /** Press Keep; raises `RefusedError` with a sentence. */
  keep(lease: string): Promise<void> {
    return this._act(`leases/${encodeURIComponent(lease)}/keep`, 'POST');
  }

  /** Give a GPU back; raises `RefusedError` with a sentence. */
  async giveBack(lease: string): Promise<void> {
    await this._act(`leases/${encodeURIComponent(lease)}`, 'DELETE');
    this._givenBack = true;
    this._poll.schedule({ interval: SOON_MS }).catch(() => undefined);
  }

  /** Make the GPU's test again. */
  test(): Promise<void> {
    return this._act('selftest', 'POST');
  }

  dispose(): void {
    document.removeEventListener('visibilitychange', this._onVisibility);
    window.removeEventListener('online', this._onVisibility);
    this._poll.dispose();
    Signal.clearData(this);
  }

  private async _act(path: string, method: 'POST' | 'DELETE'): Promise<void> {
    this._acts += 1;
    try {
      this._take(await ask(this._settings, path, method));
    } catch (error) {
      if (error instanceof RefusedError) {
        throw error;
      }
      throw new RefusedError('This server does not answer at the moment. Nothing was changed; try again.');
    }
  }

  private async _refresh(): Promise<void> {
    const acts = this._acts;
    try {
      const status = await ask(this._settings, 'status');
      if (acts === this._acts) {
        this._take(status); // else something was done since, and this answer is older than its answer
      }
    } catch (error) {
      const trouble = this._troubleOf(error);
      if (this._trouble !== trouble) {
        this._trouble = trouble;
        this._changed.emit();
      }
      throw error; // the poll then asks more rarely
    }
  }

  private _troubleOf(error: unknown): Trouble {
    const status = error instanceof RefusedError ? error.status : 0;
    if (status === 401 || status === 403) {
      return 'unknown';
    }
    if (status === 424 || status === 503) {
      // the hub answers for a server that does not run
      return this._givenBack || this._status?.warnings.length ? 'restarting' : 'stopped';
    }
    return 'silent';
  }

  private _take(status: IStatus): void {
    this._status = status;
    this._trouble = '';
    this._changed.emit();
  }

  private _onVisibility = (): void => {
    const interval = document.hidden ? HIDDEN_MS : VISIBLE_MS;
    this._poll.frequency = { interval, backoff: true, max: LONGEST_MS };
    if (!document.hidden) {
      void this._poll.refresh();
    }
  };

  private _poll: Poll<void>;
  private _status: IStatus | null = null;
  private _trouble: Trouble = '';
  private _givenBack = false;
  private _acts = 0;
  private _changed = new Signal<this, void>(this);
}
