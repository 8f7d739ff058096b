// What the server says (extensions/tidelab/lab/panel.py), and how it is asked.
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

/** '' says nothing; 'busy' and 'ok' are fine; the others want attention. */
export type Level = '' | 'ok' | 'busy' | 'warning' | 'failed' | 'running' | 'none' | 'simulated';

/** A text in which `{time}` stands for a moment, seconds since 1970, that is written in the reader's time zone. */
export interface IRow {
  term: string;
  value: string;
  time: number | null;
}

export interface INote {
  text: string;
  level: Level;
  time: number | null;
}

export interface IChart {
  /** Width of the picture, seconds. */
  seconds: number;
  /** Lines of (seconds ago, share of one); nobody looked between two of them. */
  pieces: [number, number][][];
  /** The same in words. */
  text: string;
}

export interface IAction {
  id: 'keep' | 'give-back' | 'test';
  lease: string;
  label: string;
}

export interface ISection {
  id: string;
  title: string;
  rows?: IRow[];
  notes?: INote[];
  note?: string;
  chart?: IChart | null;
  selftest?: { level: Level; text: string; details: string[]; checked: number | null } | null;
  actions?: IAction[];
  runs?: { title: string; words: string; share: number | null }[];
  links?: { title: string; url: string }[];
}

export interface IWarning {
  lease: string;
  /** Short enough for a notification, which Lab cuts at 140 characters. */
  text: string;
  release_at: number | null;
  /** What the button Keep says; empty: policy allows no more. */
  keep: string;
}

export interface IStatus {
  item: { text: string; level: Level; title: string; time: number | null };
  sections: ISection[];
  warnings: IWarning[];
  notices: { id: string; when: number; text: string; level: Level }[];
  home: string;
  holds: boolean;
  gpus: 'absent' | 'answers' | 'away';
}

/** The server refused; the message is a sentence for the person. */
export class RefusedError extends Error {
  constructor(
    message: string,
    readonly status = 0
  ) {
    super(message);
  }
}

/** Ask `tidelab/api/<path>`; `ServerConnection` adds the session and the XSRF token. */
export async function ask(
  settings: ServerConnection.ISettings,
  path: string,
  method: 'GET' | 'POST' | 'DELETE' = 'GET'
): Promise<IStatus> {
  const url = URLExt.join(settings.baseUrl, 'tidelab', 'api', path);
  const response = await ServerConnection.makeRequest(url, { method }, settings);
  const answer = await response.json().catch(() => null);
  if (!response.ok) {
    throw new RefusedError(answer?.message || `The server answered with status ${response.status}.`, response.status);
  }
  if (!answer || !Array.isArray(answer.sections)) {
    throw new RefusedError('The server answered with something that is no status.');
  }
  return answer as IStatus;
}

/** Put a moment into a text, in the reader's time zone; with its day where it is not today. */
export function inWords(text: string, time: number | null): string {
  if (!text.includes('{time}')) {
    return text;
  }
  if (time === null) {
    return text.split('{time}').join('a time that is not known');
  }
  const moment = new Date(time * 1000);
  const today = moment.toDateString() === new Date().toDateString();
  const options: Intl.DateTimeFormatOptions = today
    ? { hour: '2-digit', minute: '2-digit' }
    : { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' };
  return text.split('{time}').join(moment.toLocaleString(undefined, options));
}
