import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';

const root = resolve(import.meta.dirname, '../..');
const source = join(root, 'src');

interface Rooms {
  readonly order: readonly string[];
  readonly pure: readonly string[];
  readonly forbidden: Readonly<Record<string, readonly string[]>>;
  readonly nativeOnlyFor: readonly string[];
}

interface Import {
  readonly file: string;
  readonly specifier: string;
  readonly typeOnly: boolean;
}

const rooms = JSON.parse(readFileSync(join(root, 'tools/rooms.json'), 'utf8')) as Rooms;

function listFiles(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return listFiles(path);
    return name.endsWith('.ts') ? [relative(source, path)] : [];
  });
}

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|import\(\s*'([^']+)'\s*\)/g;

function importsOf(file: string): Import[] {
  const text = readFileSync(join(source, file), 'utf8');
  return [...text.matchAll(IMPORT)].map((match) => ({
    file,
    specifier: match[2] ?? match[3] ?? '',
    typeOnly: match[1] !== undefined,
  }));
}

function roomOf(path: string): string {
  return path.split('/')[0] ?? '';
}

/** The room that a specifier leads to; undefined for packages and Node's own modules. */
function targetRoom(found: Import): string | undefined {
  if (found.specifier.startsWith('#')) return roomOf(found.specifier.slice(1));
  if (!found.specifier.startsWith('.')) return undefined;
  return roomOf(relative(source, resolve(source, dirname(found.file), found.specifier)));
}

/** Every breach of the import rule, one line each. */
function findBreaches(imports: readonly Import[]): string[] {
  return imports.flatMap((found) => {
    const from = roomOf(found.file);
    const to = targetRoom(found);
    const at = `${found.file} imports ${found.specifier}`;
    if (to === undefined) return pureBreach(found, at);
    if (!rooms.order.includes(to)) return [`${at}: unknown room ${to}`];
    if (to !== from && found.specifier.startsWith('.')) return [`${at}: leaves its room by a relative path`];
    if (rooms.order.indexOf(to) > rooms.order.indexOf(from)) return [`${at}: ${to} comes after ${from}`];
    if (rooms.forbidden[from]?.includes(to)) return [`${at}: ${from} must not use ${to}`];
    return mayUse(found, from, to) ? [] : [`${at}: pointers stay in native and its named users`];
  });
}

/** Pointers: only `native` itself, its named users, and tests that ask whether the library is there. */
function mayUse({ file }: Import, from: string, to: string): boolean {
  if (to !== 'native' || from === 'native' || file.endsWith('.test.ts')) return true;
  return rooms.nativeOnlyFor.some((room) => file.startsWith(room));
}

function pureBreach(found: Import, at: string): string[] {
  if (found.file.endsWith('.test.ts') || !rooms.pure.some((room) => found.file.startsWith(`${room}/`)))
    return [];
  return /^node:(fs|http|net|child_process|worker_threads|process|timers)/.test(found.specifier)
    ? [`${at}: this room is pure`]
    : [];
}

test('every room imports only rooms above it', () => {
  const files = listFiles(source);
  const imports = files.flatMap(importsOf);

  assert.ok(files.length >= 10, `scanned only ${files.length} files: the scan is broken`);
  assert.ok(imports.length >= 10, `found only ${imports.length} imports: the scan is broken`);
  assert.deepEqual(findBreaches(imports), []);
});

test('every folder of src is a room in tools/rooms.json', () => {
  const folders = readdirSync(source).filter((name) => statSync(join(source, name)).isDirectory());

  assert.deepEqual(
    folders.filter((folder) => !rooms.order.includes(folder)),
    [],
  );
});

test('a breach is found: backward alias, relative escape, impure import, pointer outside native', () => {
  const planted: Import[] = [
    { file: 'domain/a.ts', specifier: '#training', typeOnly: false },
    { file: 'collect/a.ts', specifier: '../domain/series.ts', typeOnly: false },
    { file: 'features/a.ts', specifier: 'node:fs', typeOnly: false },
    { file: 'training/a.ts', specifier: '#native', typeOnly: false },
  ];

  assert.equal(findBreaches(planted).length, planted.length);
});
