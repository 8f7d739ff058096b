// The state of the panel: asked for gently, shared by panel, status bar and notices.
import { ServerConnection } from '@jupyterlab/services';
import { IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import { ISignal, Signal } from '@lumino/signaling';

import { IStatus, RefusedError, ask } from './status';

const VISIBLE_MS = 10_000;
const HIDDEN_MS = 60_000;
const LONGEST_MS = 120_000;
const SILENT = 'This server does not answer at the moment. It is asked again by itself; what is below may be old.';
const STOPPED = 'This server is stopped. Open it again from the home page; files are as they were saved.';
const RESTARTED = 'This server was started again. Reload the page to go on; files are as they were saved.';

function troubleOf(error: unknown): string {
  const status = error instanceof RefusedError ? error.status : 0;
  if (status === 401 || status === 403) {
    return RESTARTED;
  }
  return status === 424 || status === 503 ? STOPPED : SILENT; // the hub answers for a server that is gone
}

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

  /** Why the last question was not answered, as a sentence; empty: it was. */
  get trouble(): string {
    return this._trouble;
  }

  /** Whether the server runs and does not know this page any more: a reload signs in again. */
  get needsReload(): boolean {
    return this._trouble === RESTARTED;
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
  giveBack(lease: string): Promise<void> {
    return this._act(`leases/${encodeURIComponent(lease)}`, 'DELETE');
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
      const trouble = troubleOf(error);
      if (this._trouble !== trouble) {
        this._trouble = trouble;
        this._changed.emit();
      }
      throw error; // the poll then asks more rarely
    }
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
  private _trouble = '';
  private _acts = 0;
  private _changed = new Signal<this, void>(this);
}
