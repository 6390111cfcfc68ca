import { z } from 'zod';
import type { Clock } from '#kernel/clock';
import type { HttpServer } from '#platform/http-server';
import type { IncidentBook } from './book.ts';
import { verdictInvalid } from './errors.ts';
import { listIncidents, reviewPrecision } from './review.ts';

const verdictSchema = z.strictObject({
  isTrue: z.boolean(),
  by: z.string().max(200).optional(),
  note: z.string().max(2000).optional(),
});

/**
 * Adds the incidents to a server: `GET /v1/incidents`, `GET /v1/incidents/precision`,
 * `POST /v1/incidents/{id}/verdict` with `{"isTrue": true, "by": "...", "note": "..."}`.
 *
 * @remarks Whoever may reach the server may judge: put authentication in front of it.
 */
export function addIncidentRoutes(app: HttpServer, book: IncidentBook, clock: Clock): void {
  app.get('/v1/incidents', async () => ({ incidents: listIncidents(await book.read()) }));
  app.get('/v1/incidents/precision', async () => reviewPrecision(await book.read()));
  app.post<{ Params: { id: string } }>('/v1/incidents/:id/verdict', async (request) => {
    const parsed = verdictSchema.safeParse(request.body);
    if (!parsed.success) throw verdictInvalid(parsed.error.issues[0]?.message ?? 'it has another form');
    await book.recordVerdict({ incidentId: request.params.id, atMs: clock.nowMs(), ...parsed.data });
    return reviewPrecision(await book.read());
  });
}
