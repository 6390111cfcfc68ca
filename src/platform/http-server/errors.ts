import { MlschedError, messageOf } from '#kernel/errors';

/** The address cannot be listened on. */
export function listenFailed(host: string, port: number, cause: unknown): MlschedError {
  return new MlschedError('MLS_HTTP_LISTEN', `cannot listen on ${host}:${port}: ${messageOf(cause)}`, {
    kind: 'conflict',
    hint: 'Choose another port with --port (0 picks a free one), or stop what listens there.',
    details: { host, port },
    cause,
  });
}
