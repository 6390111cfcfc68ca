import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { startCliService, type CliService } from '../harness/cli-service.ts';
import { findPython } from '../harness/python.ts';

const root = resolve(import.meta.dirname, '../..');
const BOOSTER = join(root, 'data/starter-models/load-forecast/cpu-15m-median-0.ubj');
const found = findPython('kserve');

/** Drives every call of KServe's REST client and prints what came back as JSON. */
const SCRIPT = `
import asyncio, json, sys
import numpy
from kserve import InferenceRESTClient, RESTConfig, InferInput, InferRequest

async def main(base):
    v1 = InferenceRESTClient(RESTConfig(protocol="v1", timeout=30))
    v2 = InferenceRESTClient(RESTConfig(protocol="v2", timeout=30))
    model, width = "cpu-15m-median-0", int(sys.argv[2])
    rows = numpy.random.default_rng(7).standard_normal((5, width)).astype(numpy.float32)
    def request(binary):
        tensor = InferInput("input-0", list(rows.shape), "FP32")
        tensor.set_data_from_numpy(rows, binary_data=binary)
        return InferRequest(model_name=model, infer_inputs=[tensor], request_id="r1",
                            parameters={"binary_data_output": binary})
    out = {
        "live": await v2.is_server_live(base),
        "ready": await v2.is_server_ready(base),
        "modelReadyV2": await v2.is_model_ready(base, model),
        "modelReadyV1": await v1.is_model_ready(base, model),
        "v1": (await v1.infer(base, {"instances": rows.tolist()}, model_name=model))["predictions"],
    }
    for name, binary in (("json", False), ("binary", True)):
        answer = await v2.infer(base, request(binary), model_name=model)
        out[name] = answer.outputs[0].as_numpy().tolist()
        out[name + "Id"] = answer.id
        out[name + "Version"] = answer.model_version
    try:
        await v2.infer(base, request(False), model_name="nope")
        out["unknown"] = "answered"
    except Exception as error:
        out["unknown"] = str(error)
    print(json.dumps(out))

asyncio.run(main(sys.argv[1]))
`;

describe(
  "KServe's own client drives our server",
  { skip: 'missing' in found ? found.missing : false },
  () => {
    const home = mkdtempSync(join(tmpdir(), 'mlsched-kserve-'));
    let service: CliService;

    before(async () => {
      service = await startCliService(['serve', 'inference', '--port', '0', '--booster', BOOSTER], home);
    });
    after(async () => {
      await service.stop();
      rmSync(home, { recursive: true, force: true });
    });

    test('v1, v2 JSON and v2 binary give the same numbers, health and errors are understood', async () => {
      const python = 'python' in found ? found.python : '';
      const { inputs } = (await (await fetch(`${service.url}/v2/models/cpu-15m-median-0`)).json()) as {
        inputs: { shape: number[] }[];
      };
      const width = String(inputs[0]?.shape[1]);
      const { stdout } = await promisify(execFile)(python, ['-c', SCRIPT, service.url, width]);
      const out = JSON.parse(stdout) as Record<string, unknown>;

      assert.deepEqual(
        [out['live'], out['ready'], out['modelReadyV2'], out['modelReadyV1']],
        [true, true, true, true],
      );
      assert.deepEqual(out['json'], out['binary']);
      assert.deepEqual(out['v1'], out['json']);
      assert.equal((out['json'] as number[]).length, 5);
      assert.deepEqual([out['jsonId'], out['binaryId']], ['r1', 'r1']);
      assert.match(String(out['unknown']), /404 Not Found/);
    });

    test('SIGTERM ends the service, and what was asked before is still answered', async () => {
      const rows = 20_000;
      const { inputs } = (await (await fetch(`${service.url}/v2/models/cpu-15m-median-0`)).json()) as {
        inputs: { shape: [number, number] }[];
      };
      const [, width] = inputs[0]?.shape ?? [0, 0];
      const head = Buffer.from(
        JSON.stringify({
          inputs: [
            {
              name: 'input-0',
              datatype: 'FP32',
              shape: [rows, width],
              parameters: { binary_data_size: rows * width * 4 },
            },
          ],
        }),
      );
      const answer = post(
        `${service.url}/v2/models/cpu-15m-median-0/infer`,
        head,
        Buffer.alloc(rows * width * 4),
      );
      await answer.sent;
      const exitCode = await service.stop();

      assert.equal(await answer.status, 200);
      assert.equal(exitCode, 0);
    });
  },
);

/** On a connection of its own: an idle one may be closed at any time. */
function post(url: string, head: Buffer, tensors: Buffer) {
  const headers = {
    'inference-header-content-length': head.length,
    'content-length': head.length + tensors.length,
  };
  const outgoing = request(url, { method: 'POST', agent: false, headers });
  const status = new Promise<number | undefined>((resolveStatus, reject) => {
    outgoing.once('error', reject);
    outgoing.once('response', (response) => {
      response.resume();
      response.once('end', () => resolveStatus(response.statusCode));
    });
  });
  outgoing.write(head);
  const sent = new Promise<void>((resolveSent) => outgoing.end(tensors, resolveSent));
  return { sent, status };
}
