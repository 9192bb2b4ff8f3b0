/** Looks up what index.html promises to hold. */
export function element<T extends Element = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`index.html has no #${id}`);
  return found as unknown as T;
}

/** For settings that the page can do without: a browser may forbid storage, most of all to files. */
export function remember(name: string, value: string): void {
  try {
    localStorage.setItem(`periscope.${name}`, value);
  } catch {
    // Then it is forgotten.
  }
}

export function recall(name: string): string | null {
  try {
    return localStorage.getItem(`periscope.${name}`);
  } catch {
    return null;
  }
}

/** A new element with a class and a text. */
export function make<K extends keyof HTMLElementTagNameMap>(tag: K, className = '', text = ''): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (className !== '') made.className = className;
  if (text !== '') made.textContent = text;
  return made;
}
