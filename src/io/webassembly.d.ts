/** The part of WebAssembly that is used here; the types of Node leave it to those of browsers. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Memory {
    constructor(descriptor: { readonly initial: number; readonly maximum: number });
    readonly buffer: ArrayBuffer;
  }
  class Instance {
    constructor(module: Module, imports: { readonly env: ModuleImports });
    readonly exports: unknown;
  }
  interface Global {
    readonly value: unknown;
  }
  type ModuleImports = Readonly<Record<string, unknown>>;
}
