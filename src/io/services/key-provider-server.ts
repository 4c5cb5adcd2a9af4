/**
 * The gRPC server of the key provider (package key_provider, service KeyProviderService), with server reflection so that
 * any client can find out what it serves. No TLS: it listens on loopback. @grpc/grpc-js is loaded on first use.
 */
import type { handleUnaryCall, ServerUnaryCall, ServiceError, sendUnaryData } from '@grpc/grpc-js';
import { type ErrorCode, ToolError } from '../../core/error.js';
import type { RunningServer } from './http-server.js';
import { openPlaces, type PlaceLimits, type Places } from './places.js';

/** What answers the calls. */
export interface KeyProviderHandlers {
  readonly wrapKey: (input: string) => Promise<string>;
  readonly unwrapKey: (input: string) => Promise<string>;
  readonly getReport: (reportDataHex: string) => Promise<string>;
  readonly getAttestationData: (runtimeDataBase64: string) => Promise<{
    readonly endorsedTcb: string;
    readonly certificates: string;
    readonly report: string;
    readonly uvmReferenceInfo: string;
  }>;
  /** Told of each call with its outcome: no inputs, no outputs. The answer waits for it. */
  readonly onCall: (call: string, error: ToolError | undefined) => Promise<void>;
}

export interface KeyProviderServerOptions extends PlaceLimits {
  readonly address: string;
  readonly port: number;
  readonly messageBytes: number;
}

const message = (...fields: readonly (readonly [string, 'bytes' | 'string'])[]) => ({
  fields: Object.fromEntries(fields.map(([name, type], index) => [name, { type, id: index + 1 }])),
});

const WRAP_INPUT = 'key_provider_key_wrap_protocol_input';
const WRAP_OUTPUT = 'key_provider_key_wrap_protocol_output';

const method = (request: string, response: string) => ({
  requestType: request,
  responseType: response,
});

/** The interface, as protobuf's JSON descriptor. */
const DESCRIPTOR = {
  nested: {
    key_provider: {
      nested: {
        KeyProviderKeyWrapProtocolInput: message([WRAP_INPUT, 'bytes']),
        KeyProviderKeyWrapProtocolOutput: message([WRAP_OUTPUT, 'bytes']),
        KeyProviderGetReportInput: message(['report_data_hex_string', 'string']),
        KeyProviderGetReportOutput: message(['report_hex_string', 'string']),
        KeyProviderGetAttestationDataInput: message(['b64_runtime_data_string', 'string']),
        KeyProviderGetAttestationDataOutput: message(
          ['endorsed_tcb', 'string'],
          ['certs', 'string'],
          ['attestation_report', 'string'],
          ['uvm_reference_info', 'string'],
        ),
        HelloRequest: message(['name', 'string']),
        HelloReply: message(['message', 'string']),
        KeyProviderService: {
          methods: {
            WrapKey: method('KeyProviderKeyWrapProtocolInput', 'KeyProviderKeyWrapProtocolOutput'),
            UnWrapKey: method(
              'KeyProviderKeyWrapProtocolInput',
              'KeyProviderKeyWrapProtocolOutput',
            ),
            GetReport: method('KeyProviderGetReportInput', 'KeyProviderGetReportOutput'),
            GetAttestationData: method(
              'KeyProviderGetAttestationDataInput',
              'KeyProviderGetAttestationDataOutput',
            ),
            SayHello: method('HelloRequest', 'HelloReply'),
          },
        },
      },
    },
  },
};

/** gRPC status codes (google.rpc.Code) by what went wrong; others are UNKNOWN. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  KEY_PROVIDER_INPUT: 3,
  KEY_ID_INVALID: 3,
  SERVICE_HOST_REFUSED: 3,
  SERVER_BUSY: 8,
  DEVICE_ABSENT: 9,
  KEY_CONFIG_INVALID: 13,
  INTERNAL: 13,
};
const UNKNOWN = 2;

/** Starts to listen. Throws SERVER_FAILED. */
export async function serveKeyProvider(
  options: KeyProviderServerOptions,
  handlers: KeyProviderHandlers,
): Promise<RunningServer> {
  const [grpc, { fromJSON }, { ReflectionService }] = await Promise.all([
    import('@grpc/grpc-js'),
    import('@grpc/proto-loader'),
    import('@grpc/reflection'),
  ]);
  const definition = fromJSON(DESCRIPTOR as unknown as Parameters<typeof fromJSON>[0], {
    keepCase: true,
    defaults: true,
  });
  const service = definition['key_provider.KeyProviderService'];
  const server = new grpc.Server({ 'grpc.max_receive_message_length': options.messageBytes });
  server.addService(
    service as Parameters<typeof server.addService>[0],
    implement(handlers, openPlaces(options)),
  );
  new ReflectionService(definition).addToServer(server);
  const port = await new Promise<number>((done, failed) => {
    const target = `${options.address}:${options.port}`;
    server.bindAsync(target, grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) return done(bound);
      failed(new ToolError('SERVER_FAILED', `cannot listen on ${target}`, { got: error.message }));
    });
  });
  return {
    address: options.address,
    port,
    close: () => new Promise((done) => server.tryShutdown(() => done())),
  };
}

type Input = Readonly<Record<string, Buffer | string>>;
type Call = handleUnaryCall<Input, object>;

function implement(handlers: KeyProviderHandlers, places: Places): Record<string, Call> {
  const unary = (name: string, handle: (input: Input) => Promise<object>) =>
    answerWith(name, handlers, (input) => places.run(() => handle(input)));
  const text = (input: Input, name: string) => String(input[name] ?? '');
  return {
    WrapKey: unary('WrapKey', async (input) => {
      return { [WRAP_OUTPUT]: Buffer.from(await handlers.wrapKey(text(input, WRAP_INPUT))) };
    }),
    UnWrapKey: unary('UnWrapKey', async (input) => {
      return { [WRAP_OUTPUT]: Buffer.from(await handlers.unwrapKey(text(input, WRAP_INPUT))) };
    }),
    GetReport: unary('GetReport', async (input) => {
      return { report_hex_string: await handlers.getReport(text(input, 'report_data_hex_string')) };
    }),
    GetAttestationData: unary('GetAttestationData', async (input) => {
      const data = await handlers.getAttestationData(text(input, 'b64_runtime_data_string'));
      return {
        endorsed_tcb: data.endorsedTcb,
        certs: data.certificates,
        attestation_report: data.report,
        uvm_reference_info: data.uvmReferenceInfo,
      };
    }),
    // Probes say hello: however many calls there are.
    SayHello: answerWith('SayHello', handlers, async (input) => {
      return { message: `Hello ${text(input, 'name')}` };
    }),
  };
}

function answerWith(
  name: string,
  { onCall }: KeyProviderHandlers,
  handle: (input: Input) => Promise<object>,
): Call {
  return (call: ServerUnaryCall<Input, object>, callback: sendUnaryData<object>) => {
    handle(call.request).then(
      async (answer) => {
        await onCall(name, undefined);
        callback(null, answer);
      },
      async (error: unknown) => {
        const known =
          error instanceof ToolError ? error : new ToolError('INTERNAL', 'the key provider failed');
        await onCall(name, known);
        const code = STATUS[known.code] ?? UNKNOWN;
        callback({ code, details: detailsOf(known, code) } as ServiceError);
      },
    );
  };
}

/** The text of an error; it begins as that of the peers. */
function detailsOf({ code: name, message }: ToolError, code: number): string {
  if (name === 'DEVICE_ABSENT') return `SEV guest driver is missing: ${message}`;
  return code === UNKNOWN && name !== 'KEY_UNWRAP_FAILED' ? `SKR failed: ${message}` : message;
}
