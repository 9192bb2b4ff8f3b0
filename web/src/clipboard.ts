/**
 * Copies what is in a box, where the browser lets the page.
 */

/** False where the person has to press the keys themselves; what to copy is selected then. */
export async function copyFrom(box: HTMLTextAreaElement | HTMLInputElement): Promise<boolean> {
  return (await throughClipboard(box.value)) || throughSelection(box);
}

/** Only a page from https or from a file may use it. */
async function throughClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

function throughSelection(box: HTMLTextAreaElement | HTMLInputElement): boolean {
  box.focus();
  box.select();
  try {
    return document.execCommand('copy');
  } catch {
    return false;
  }
}
