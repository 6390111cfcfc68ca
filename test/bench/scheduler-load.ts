/**
 * Sends decisions to a service at a fixed rate, whatever it answers (open loop), from a process of its own. Arguments:
 * port, candidates, calls a second, seconds. Prints one JSON document: time from the due moment to the last byte.
 */
import { Agent, request } from 'node:http';

import { quantile } from '#kernel/stats';

const [port = '', candidates = '700', rate = '200', seconds = '20'] = process.argv.slice(2);
const calls = Number(rate) * Number(seconds);
const agent = new Agent({ keepAlive: true, maxSockets: 16 });
const nodes = Array.from({ length: Number(candidates) }, (_, i) => `node-${String(i * 7).padStart(5, '0')}`);
const requested = nodes.map(() => [0, 0, 0]);
const times: number[] = [];
const outcomes: Record<string, number> = {};

function ask(i: number, dueMs: number): Promise<void> {
  const body = JSON.stringify({
    schemaVersion: 1,
    pod: {
      namespace: 'bench',
      name: `pod-${i}`,
      uid: `uid-${i}`,
      ownerKind: 'Job',
      ownerName: `job-${i % 40}`,
      ownerUid: 'o',
      cpuRequestMillicores: 250,
      memoryRequestBytes: 256e6,
    },
    nodes,
    requested: i % 2 === 0 ? requested : null,
    budgetMs: 1000,
  });
  return new Promise((resolve) => {
    const note = (outcome: string): void => {
      times.push(performance.now() - dueMs);
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      resolve();
    };
    const outgoing = request(
      {
        agent,
        port: Number(port),
        host: '127.0.0.1',
        path: '/v1/score',
        method: 'POST',
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('end', () => note(outcomeOf(response.statusCode ?? 0, text)));
      },
    );
    outgoing.on('error', () => note('error'));
    outgoing.end(body);
  });
}

function outcomeOf(status: number, text: string): string {
  if (status !== 200) return `status ${status}`;
  const answer = JSON.parse(text) as { outcome: string; reason: string };
  return answer.outcome === 'scored' ? 'scored' : answer.reason;
}

const startMs = performance.now();
const pending: Promise<void>[] = [];
for (let i = 0; i < calls; i++) {
  const dueMs = startMs + (i * 1000) / Number(rate);
  const waitMs = dueMs - performance.now();
  if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
  pending.push(ask(i, dueMs));
}
await Promise.all(pending);
agent.destroy();
process.stdout.write(
  `${JSON.stringify({ calls, p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99), maxMs: Math.max(...times), outcomes })}\n`,
);
