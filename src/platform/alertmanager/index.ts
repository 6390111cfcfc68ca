export { createAlertSender } from './alert-sender.ts';
export type { AlertSender, AlertSenderOptions, FlushResult } from './alert-sender.ts';
export { openAlertmanager } from './client.ts';
export type { Alertmanager, AlertmanagerOptions } from './client.ts';
export type { Alert, ListedAlert, TimedAlert } from './types.ts';
