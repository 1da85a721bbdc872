/** Of any class. */
type Class = abstract new (...args: never[]) => object;

/**
 * Stands for a class until the first object of one that extends it is made, which loads it: its module need not be there before.
 *
 * @param load gives the same class each time
 */
export function lateClass<Loaded extends Class>(load: () => Loaded): Loaded {
  let isLoaded = false;
  function Late(...args: never[]): object {
    const loaded = load();
    if (!isLoaded) {
      isLoaded = true;
      Object.setPrototypeOf(Late, loaded);
      Object.setPrototypeOf(Late.prototype as object, loaded.prototype as object);
    }
    return Reflect.construct(loaded, args, new.target as unknown as new () => object) as object;
  }
  return Late as unknown as Loaded;
}
