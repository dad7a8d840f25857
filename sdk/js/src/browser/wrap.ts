import { guard, life, onClose } from "./settings.js";

type Callable = (this: unknown, ...args: never[]) => unknown;

/**
 * Put `around` before a method of the page. The wrapper is a proxy: it has the method's own name,
 * length and text. It goes away with `stop` unless somebody has wrapped it meanwhile; then it only
 * passes calls on.
 */
export const wrap = guard(
  <T extends object>(
    owner: T,
    name: keyof T & string,
    around: (call: (args: unknown[]) => unknown, args: unknown[], self: never) => unknown,
  ): void => {
    const native = owner[name] as Callable;
    const { signal } = life!;
    const wrapper = new Proxy(native, {
      apply(target, self, args: unknown[]) {
        const call = (given: unknown[]) => Reflect.apply(target, self, given);
        return signal.aborted ? call(args) : around(call, args, self as never);
      },
    });
    owner[name] = wrapper as never;
    onClose(() => {
      if ((owner[name] as unknown) == wrapper) owner[name] = native as never;
    });
  },
);
