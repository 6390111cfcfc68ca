import { accessSync, constants } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { freePorts, startProcess, waitUntilReady } from './processes.ts';

/** A real Alertmanager on loopback. */
export interface LocalAlertmanager {
  readonly url: string;
  stop(): Promise<void>;
}

/** What Alertmanager sends to a webhook. */
interface Notification {
  readonly status: 'firing' | 'resolved';
  readonly groupLabels: Readonly<Record<string, string>>;
  readonly alerts: readonly {
    readonly status: 'firing' | 'resolved';
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  }[];
}

export interface WebhookReceiver {
  readonly url: string;
  readonly received: readonly Notification[];
  /** Waits for a notification that fits. */
  waitFor(fits: (notification: Notification) => boolean): Promise<Notification>;
  close(): void;
}

/** Debian calls it differently from everybody else. */
const NAMES = ['prometheus-alertmanager', 'alertmanager'];

function findProgram(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Why Alertmanager cannot be run here; false when it can. */
export function alertmanagerMissing(): string | false {
  return findProgram() === undefined
    ? 'alertmanager is not installed (Debian package prometheus-alertmanager)'
    : false;
}

export interface AlertmanagerSetup {
  readonly webhookUrl?: string;
  readonly port?: number;
  /** Content of a web configuration (TLS, users). */
  readonly webConfig?: string;
  readonly probe?: (url: string) => Promise<boolean>;
}

/** Starts Alertmanager alone, without a cluster, grouping by alert name within a fraction of a second. */
export async function startAlertmanager(
  folder: string,
  setup: AlertmanagerSetup = {},
): Promise<LocalAlertmanager> {
  await mkdir(folder, { recursive: true });
  const config = join(folder, 'alertmanager.yml');
  const hook =
    setup.webhookUrl === undefined
      ? ''
      : `    webhook_configs: [{url: '${setup.webhookUrl}', send_resolved: true}]\n`;
  await writeFile(
    config,
    `route: {receiver: hook, group_by: [alertname], group_wait: 400ms, group_interval: 400ms, repeat_interval: 1h}\nreceivers:\n  - name: hook\n${hook}`,
  );
  const web = join(folder, 'web.yml');
  if (setup.webConfig !== undefined) await writeFile(web, setup.webConfig);
  const port = setup.port ?? (await freePorts(1))[0];
  const log = join(folder, 'alertmanager.log');
  const server = startProcess(
    'alertmanager',
    [
      findProgram() ?? 'alertmanager',
      `--config.file=${config}`,
      `--storage.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--cluster.listen-address=',
      ...(setup.webConfig === undefined ? [] : [`--web.config.file=${web}`]),
    ],
    log,
  );
  const url = `${setup.webConfig === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
  const probe = setup.probe ?? (async (base: string) => (await fetch(`${base}/-/ready`)).ok);
  await waitUntilReady(server, log, () => probe(url));
  return { url, stop: () => server.stop() };
}

/** Listens for notifications on loopback. */
export async function startWebhook(): Promise<WebhookReceiver> {
  const received: Notification[] = [];
  const waiting: { fits: (one: Notification) => boolean; done: (one: Notification) => void }[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (part: Buffer) => (text += part.toString()));
    request.on('end', () => {
      if (request.method !== 'POST') return response.end('a webhook, no Alertmanager');
      const notification = JSON.parse(text) as Notification;
      received.push(notification);
      for (const { fits, done } of waiting) if (fits(notification)) done(notification);
      return response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    waitFor(fits) {
      const known = received.find(fits);
      if (known !== undefined) return Promise.resolve(known);
      return new Promise((done, fail) => {
        const timer = setTimeout(
          () => fail(new Error(`no such notification; ${JSON.stringify(received)}`)),
          20_000,
        );
        waiting.push({ fits, done: (one) => (clearTimeout(timer), done(one)) });
      });
    },
    close: () => server.close(),
  };
}
