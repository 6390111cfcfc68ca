import { MlschedError, messageOf } from '#kernel/errors';

/** Something answers there, but not as Alertmanager does. */
export function answerUnreadable(baseUrl: string, cause: unknown): MlschedError {
  const address = new URL(baseUrl);
  address.username = address.password = '';
  return new MlschedError(
    'MLS_ALERTMANAGER_ANSWER',
    `the answer of ${address.href} is no list of alerts: ${messageOf(cause)}`,
    {
      kind: 'unavailable',
      hint: 'Check that the address is that of an Alertmanager with API v2 (0.16 or newer), without /api behind it.',
      details: { url: address.href },
      cause,
    },
  );
}
