// The plugin: a panel, an item in the status bar, notices and commands, all of one model.
import { IConnectionLost, ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, ICommandPalette, Notification, showDialog } from '@jupyterlab/apputils';
import { IStatusBar } from '@jupyterlab/statusbar';
import { LabIcon } from '@jupyterlab/ui-components';
import { Token } from '@lumino/coreutils';

import { StatusItem } from './item';
import { StatusModel } from './model';
import { Notices } from './notices';
import { TidelabPanel } from './panel';
import { IAction } from './status';

const ICON = new LabIcon({
  name: 'jupyterlab-tidelab:mark',
  svgstr:
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="16"><g class="jp-icon3" fill="none" stroke="#616161" stroke-width="2.2" stroke-linecap="round"><path d="M3 8c3-4 6-4 9 0s6 4 9 0"/><path d="M3 16c3-4 6-4 9 0s6 4 9 0"/></g></svg>'
});

/** Many requests fail at the same time; one question is enough. */
const BETWEEN_MS = 5_000;

namespace CommandIDs {
  export const open = 'tidelab:open';
  export const keep = 'tidelab:keep-gpu';
  export const giveBack = 'tidelab:give-back-gpu';
  export const test = 'tidelab:test-gpu';
}

const IStatusModel = new Token<StatusModel>('jupyterlab-tidelab:IStatusModel', 'What the server says of itself.');

const model: JupyterFrontEndPlugin<StatusModel> = {
  id: 'jupyterlab-tidelab:model',
  description: 'What the server says of itself.',
  autoStart: true,
  provides: IStatusModel,
  activate: (app: JupyterFrontEnd) => new StatusModel(app.serviceManager.serverSettings)
};

/** In place of Lab's own dialog, which offers to start a server that is started again by itself. */
const connectionLost: JupyterFrontEndPlugin<IConnectionLost> = {
  id: 'jupyterlab-tidelab:connection-lost',
  description: 'Says that the server does not answer, without a dialog.',
  autoStart: true,
  provides: IConnectionLost,
  requires: [IStatusModel],
  activate: (_: JupyterFrontEnd, model: StatusModel): IConnectionLost => {
    let last = 0;
    return async () => {
      const now = Date.now();
      if (now - last > BETWEEN_MS) {
        last = now;
        await model.refresh();
      }
    };
  }
};

const panel: JupyterFrontEndPlugin<void> = {
  id: 'jupyterlab-tidelab:plugin',
  description: 'This server, its GPU, its queue, the runs, and what is about to be given back.',
  autoStart: true,
  requires: [IStatusModel],
  optional: [ICommandPalette, ILayoutRestorer, IStatusBar],
  activate: (
    app: JupyterFrontEnd,
    model: StatusModel,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    statusBar: IStatusBar | null
  ) => {
    const onAction = (action: IAction) => void act(app, model, action);
    const panel = new TidelabPanel(model, onAction);
    panel.title.icon = ICON;
    panel.title.caption = 'Tidelab: this server and its GPU';
    app.shell.add(panel, 'right', { rank: 50, type: 'Tidelab' });
    restorer?.add(panel, panel.id);
    const open = () => void app.restored.then(() => app.shell.activateById(panel.id));
    statusBar?.registerStatusItem('jupyterlab-tidelab:item', {
      item: new StatusItem(model, open),
      align: 'right',
      rank: 1000
    });
    new Notices(model, onAction);
    addCommands(app, model, palette, open);
  }
};

function addCommands(
  app: JupyterFrontEnd,
  model: StatusModel,
  palette: ICommandPalette | null,
  open: () => void
): void {
  const find = (id: IAction['id']) =>
    (model.status?.sections ?? []).flatMap(section => section.actions ?? []).find(action => action.id === id);
  const add = (command: string, label: string, execute: () => void, isEnabled: () => boolean) => {
    app.commands.addCommand(command, { label, execute, isEnabled });
    palette?.addItem({ command, category: 'Tidelab' });
  };
  add(CommandIDs.open, 'Show this server and its GPU', open, () => true);
  const actions: [string, string, IAction['id']][] = [
    [CommandIDs.keep, 'Keep the GPU', 'keep'],
    [CommandIDs.giveBack, 'Give the GPU back', 'give-back'],
    [CommandIDs.test, 'Test the GPU again', 'test']
  ];
  for (const [command, label, id] of actions) {
    const execute = () => {
      const action = find(id);
      return action ? void act(app, model, action) : undefined;
    };
    add(command, label, execute, () => find(id) !== undefined);
  }
  model.changed.connect(() => app.commands.notifyCommandChanged());
}

/** Do what a button says; what the server refuses is said in its own words. */
async function act(app: JupyterFrontEnd, model: StatusModel, action: IAction): Promise<void> {
  try {
    if (action.id === 'keep') {
      await model.keep(action.lease);
    } else if (action.id === 'test') {
      await model.test();
    } else if (await isSure(model)) {
      await giveBack(app, model, action.lease);
    }
  } catch (error) {
    Notification.error(error instanceof Error ? error.message : String(error), { autoClose: 10_000 });
  }
}

async function giveBack(app: JupyterFrontEnd, model: StatusModel, lease: string): Promise<void> {
  // Said first: Lab fetches the code of its notifications from the server, which is about to stop, when it shows the first.
  const said = Notification.emit('Giving the GPU back: this server stops and starts again without it.', 'in-progress', {
    autoClose: false
  });
  try {
    await app.commands.execute('docmanager:save-all').catch(() => undefined); // nothing open, nothing to save
    await model.giveBack(lease);
  } finally {
    Notification.dismiss(said);
  }
}

async function isSure(model: StatusModel): Promise<boolean> {
  const running = (model.status?.sections ?? []).some(section => section.runs?.length);
  const runs = running ? ' An analysis is in progress: it may end with the server, and is resumed where it was.' : '';
  const answer = await showDialog({
    title: 'Give the GPU back now?',
    body:
      'This server stops and starts again without GPU. Open files are saved first, and files and finished runs stay; what ' +
      `kernels hold in memory is lost.${runs}`,
    buttons: [Dialog.cancelButton({ label: 'Cancel' }), Dialog.warnButton({ label: 'Give back' })],
    defaultButton: 0
  });
  return answer.button.accept;
}

export default [model, connectionLost, panel];
