import { MlschedError, messageOf } from '#kernel/errors';
import type { ErrorKind } from '#kernel/errors';

/** Neither a kubeconfig nor a service account is there. */
export function noAccess(looked: string): MlschedError {
  return new MlschedError('MLS_KUBERNETES_NO_ACCESS', `no way to a cluster was found: looked at ${looked}`, {
    kind: 'not-found',
    hint: 'Name a kubeconfig with --kubeconfig or KUBECONFIG, or run as a pod with a service account.',
  });
}

/** A kubeconfig or a file that it names cannot be used. */
export function badAccess(source: string, problem: string, hint: string): MlschedError {
  return new MlschedError('MLS_KUBERNETES_BAD_ACCESS', `${source}: ${problem}`, {
    kind: 'invalid-input',
    hint,
    details: { source },
  });
}

export function unreachable(server: string, cause: unknown): MlschedError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const isTls = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME|^ERR_TLS|^EPROTO/.test(code);
  return new MlschedError(
    isTls ? 'MLS_KUBERNETES_UNTRUSTED' : 'MLS_KUBERNETES_UNREACHABLE',
    `API server ${server}: ${messageOf(cause)}`,
    {
      kind: 'unavailable',
      hint: isTls
        ? 'Its certificate is not signed by the CA of the kubeconfig or service account, or names another host.'
        : 'Check that it runs and that its address and the network policies are right.',
      details: { server, cause: code },
      cause,
    },
  );
}

export function timedOut(server: string, what: string, seconds: number): MlschedError {
  return new MlschedError(
    'MLS_KUBERNETES_TIMEOUT',
    `API server ${server} did not answer ${what} within ${seconds} s`,
    {
      kind: 'timeout',
      hint: 'It is overloaded or the network is; try again later.',
      details: { server },
    },
  );
}

export function badAnswer(server: string, what: string, problem: string): MlschedError {
  return new MlschedError('MLS_KUBERNETES_BAD_ANSWER', `answer of ${server} to ${what}: ${problem}`, {
    kind: 'unavailable',
    hint: 'Look for a proxy between us and the API server that cuts or rewrites answers.',
    details: { server },
  });
}

interface Refusal {
  readonly code: string;
  readonly kind: ErrorKind;
  readonly hint: string;
}

const REFUSALS: Readonly<Record<number, Refusal>> = {
  401: {
    code: 'MLS_KUBERNETES_UNAUTHORISED',
    kind: 'invalid-input',
    hint: 'The token or client certificate is not accepted: renew it.',
  },
  403: {
    code: 'MLS_KUBERNETES_FORBIDDEN',
    kind: 'invalid-input',
    hint: 'Grant it: deploy/kubernetes/rbac.yaml holds the rights that each part needs.',
  },
  404: {
    code: 'MLS_KUBERNETES_NOT_FOUND',
    kind: 'not-found',
    hint: 'Check name and namespace, and that the cluster serves this API.',
  },
  409: {
    code: 'MLS_KUBERNETES_CONFLICT',
    kind: 'conflict',
    hint: 'Somebody changed it meanwhile: read it again and repeat the change.',
  },
  410: {
    code: 'MLS_KUBERNETES_GONE',
    kind: 'conflict',
    hint: 'The version asked for is too old: list again.',
  },
};

/** The API server answered and said no. */
export function refused(server: string, what: string, status: number, message: string): MlschedError {
  const isBusy = status === 429 || status >= 500;
  const { code, kind, hint }: Refusal =
    REFUSALS[status] ??
    (isBusy
      ? { code: 'MLS_KUBERNETES_BUSY', kind: 'unavailable', hint: 'Wait and try again.' }
      : {
          code: 'MLS_KUBERNETES_REFUSED',
          kind: 'invalid-input',
          hint: 'Read the message of the API server.',
        });
  return new MlschedError(code, `${what}: API server answered ${status}: ${message.slice(0, 300)}`, {
    kind,
    hint,
    details: { server, status },
  });
}

/** The cluster does not serve `metrics.k8s.io`. */
export function noMetricsServer(server: string, cause: unknown): MlschedError {
  return new MlschedError(
    'MLS_KUBERNETES_NO_METRICS_SERVER',
    `API server ${server} does not serve metrics.k8s.io/v1beta1: Metrics Server is not installed`,
    {
      kind: 'not-found',
      hint: 'Install Metrics Server (`kubectl top nodes` must answer), or collect from a Prometheus with --prometheus.',
      details: { server },
      cause,
    },
  );
}

/** Something that we did not foresee, while following a kind. */
export function broken(plural: string, cause: unknown): MlschedError {
  return new MlschedError('MLS_KUBERNETES_WATCH', `watch of ${plural}: ${messageOf(cause)}`, {
    kind: 'internal',
    hint: 'It is tried again; report it if it stays.',
    cause,
  });
}

/** True for a version that the API server no longer keeps: only a new list helps. */
export function isGone(error: unknown): boolean {
  return error instanceof MlschedError && error.code === 'MLS_KUBERNETES_GONE';
}
