export { createHttpServer, listen } from './server.ts';
export type { HttpServer, HttpServerOptions } from './server.ts';
