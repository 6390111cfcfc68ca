import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

/** What the stand-in does wrong. */
export type Fault =
  | 'none'
  | 'hung'
  | 'status-500'
  | 'garbage'
  | 'huge-body'
  | 'wrong-length'
  | 'huge-scores'
  | 'wrong-nodes'
  | 'reset'
  | 'not-ready'
  | { readonly slowMs: number };

/** Injects faults of the protocol: it answers like the decision service, and wrongly on demand. It decides nothing. */
export interface DecisionStandIn {
  readonly url: string;
  fault: Fault;
  /** Score of a node, 0..100; -1 for unknown. */
  scoreOf: (node: string) => number;
  /** Nodes that the filter leaves out. */
  rejected: readonly string[];
  /** Names of the pods asked about, in order; trials of the circuit breaker are left out. */
  readonly podsAsked: string[];
  /** Reports of placements, as `type node pod`. */
  readonly events: string[];
  /** Closes the port and all connections, as a process that is killed. */
  kill(): Promise<void>;
  /** Listens again on the same port. */
  revive(): Promise<void>;
}

export interface StandInOptions {
  readonly tls?: {
    readonly certificateFile: string;
    readonly keyFile: string;
    readonly clientCaFile: string;
  };
}

export async function startDecisionStandIn(options: StandInOptions = {}): Promise<DecisionStandIn> {
  const sockets = new Set<Socket>();
  const listen = async (port: number): Promise<{ port: number; close: () => Promise<void> }> => {
    const server = createAnyServer(options, (request, response) => void serve(standIn, request, response));
    server.keepAliveTimeout = 95_000;
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
    return {
      port: (server.address() as AddressInfo).port,
      close: async () => {
        const closed = new Promise((resolve) => server.close(resolve));
        for (const socket of sockets) socket.destroy();
        await closed;
      },
    };
  };
  const standIn = {
    url: '',
    fault: 'none' as Fault,
    scoreOf: (_node: string) => 50,
    rejected: [] as readonly string[],
    podsAsked: [] as string[],
    events: [] as string[],
    kill: () => server.close(),
    revive: async () => {
      server = await listen(server.port);
    },
  } satisfies DecisionStandIn;
  let server = await listen(0);
  standIn.url = `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${server.port}`;
  return standIn;
}

function createAnyServer(
  { tls }: StandInOptions,
  listener: RequestListener,
): ReturnType<typeof createServer> {
  if (tls === undefined) return createServer(listener);
  return createSecureServer(
    {
      cert: readFileSync(tls.certificateFile),
      key: readFileSync(tls.keyFile),
      ca: readFileSync(tls.clientCaFile),
      requestCert: true,
      rejectUnauthorized: true,
    },
    listener,
  );
}

interface Asked {
  readonly pod?: { readonly name: string };
  readonly nodes?: readonly string[];
  readonly events?: readonly { readonly type: string; readonly node: string; readonly name: string }[];
  readonly Pod?: { readonly metadata: { readonly name: string } };
  readonly NodeNames?: readonly string[];
}

async function serve(
  standIn: DecisionStandIn,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { fault } = standIn;
  if (fault === 'hung') return;
  if (fault === 'reset') return void request.socket.destroy();
  if (typeof fault === 'object') await new Promise((resolve) => setTimeout(resolve, fault.slowMs));
  const fixed = fixedAnswer(fault, request.url === '/readyz');
  if (fixed !== undefined) return answer(response, ...fixed);
  const asked = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Asked;
  record(standIn, asked);
  answer(
    response,
    request.url === '/v1/events' ? 202 : 200,
    JSON.stringify(verdict(standIn, request.url ?? '', asked)),
  );
}

/** Status and body where they do not depend on what was asked. */
function fixedAnswer(fault: Fault, isReadiness: boolean): [number, string] | undefined {
  if (fault === 'not-ready') return [503, '{}'];
  if (isReadiness) return [200, '{}'];
  if (fault === 'status-500') return [500, '{"error":{}}'];
  if (fault === 'garbage') return [200, '<html>\u0000not JSON'];
  if (fault === 'huge-body') return [200, `{"scores":[${'1,'.repeat(2_000_000)}1]}`];
  return undefined;
}

function record(standIn: DecisionStandIn, { pod, Pod, nodes, events = [] }: Asked): void {
  const name = pod?.name ?? Pod?.metadata.name;
  if (name !== undefined && nodes?.length !== 0) standIn.podsAsked.push(name);
  standIn.events.push(...events.map((event) => `${event.type} ${event.node} ${event.name}`));
}

function verdict({ fault, scoreOf, rejected }: DecisionStandIn, path: string, asked: Asked): unknown {
  const names = asked.nodes ?? asked.NodeNames ?? [];
  const scores = names.map((node) => (fault === 'huge-scores' ? 1_000_000 : scoreOf(node)));
  const given = fault === 'wrong-length' ? [...scores, 1] : scores;
  switch (path) {
    case '/v1/score':
      return { schemaVersion: 1, decisionId: 'stand-in', outcome: 'scored', reason: '', scores: given };
    case '/v1/filter':
      return {
        schemaVersion: 1,
        outcome: 'filtered',
        rejected: fault === 'wrong-nodes' ? ['elsewhere'] : rejected,
        reasons: {},
      };
    case '/extender/prioritize':
      return names.map((node, at) => ({
        Host: fault === 'wrong-nodes' ? `elsewhere-${at}` : node,
        Score: Math.max(0, Math.round((scores[at] ?? 50) / 10)),
      }));
    case '/extender/filter':
      return { NodeNames: names, FailedNodes: {}, FailedAndUnresolvableNodes: {}, Error: '' };
    default:
      return {};
  }
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}
