/**
 * Buttons with commands of a person's own, and the sheet on which they are made.
 */

import { element, make, recall, remember } from '../dom';
import { unescaped } from './commands';
import { download, fileName } from './export';
import { fromJson, toJson, trouble, type Macro } from './macros';
import type { Sender } from './sender';

const KEPT_AS = 'macros';

export class MacroBar {
  private readonly host = element('macro-buttons');
  private readonly dialog = element<HTMLDialogElement>('macro-sheet');
  private readonly list = element<HTMLSelectElement>('macro-list');
  private readonly title = element<HTMLInputElement>('macro-title');
  private readonly command = element<HTMLInputElement>('macro-command');
  private readonly repeat = element<HTMLInputElement>('macro-repeat');
  private readonly label = element<HTMLInputElement>('macro-label');
  private readonly note = element('macro-note');
  private readonly file = element<HTMLInputElement>('macro-file');
  private macros: Macro[] = fromJson(recall(KEPT_AS) ?? '') ?? [];
  private buttons: { macro: Macro; button: HTMLButtonElement }[] = [];
  private readonly running = new Map<Macro, ReturnType<typeof setInterval>>();

  /** `target`: the instrument to which the command line sends; empty: there is none. */
  constructor(
    private readonly sender: Sender,
    private readonly target: () => string,
  ) {
    element('macro-edit').onclick = () => this.openSheet();
    element('macro-close').onclick = () => this.dialog.close();
    element('macro-form').onsubmit = (event) => {
      event.preventDefault();
      this.save();
    };
    element('macro-new').onclick = () => this.choose(-1);
    element('macro-delete').onclick = () => this.remove();
    element('macro-export').onclick = () => download([new Blob([toJson(this.macros)])], fileName('json', new Date()), 'application/json');
    element('macro-import').onclick = () => this.file.click();
    this.file.onchange = () => void this.read();
    this.list.onchange = () => this.choose(this.list.selectedIndex);
    this.build();
  }

  /** Whether commands can be sent may have changed. */
  enable(): void {
    for (const { macro, button } of this.buttons) {
      const label = macro.label === '' ? this.target() : macro.label;
      const obstacle = label === '' ? 'The bench takes no commands.' : this.sender.obstacle(label);
      button.disabled = obstacle !== null;
      button.title = obstacle ?? (macro.repeat > 0 ? `${macro.command}, every ${macro.repeat} ms` : macro.command);
      if (obstacle !== null) this.stop(macro);
    }
  }

  // ---- Buttons ------------------------------------------------------------------------------------------------

  private build(): void {
    for (const macro of [...this.running.keys()]) this.stop(macro);
    this.buttons = this.macros.map((macro) => {
      const button = make('button', '', macro.title);
      button.type = 'button';
      if (macro.repeat > 0) button.setAttribute('aria-pressed', 'false');
      button.onclick = () => this.press(macro);
      return { macro, button };
    });
    this.host.replaceChildren(...this.buttons.map(({ button }) => button));
    element('macro-hint').hidden = this.macros.length > 0;
    this.enable();
  }

  private press(macro: Macro): void {
    if (this.running.has(macro)) return this.stop(macro);
    if (!this.send(macro) || macro.repeat === 0) return;
    this.running.set(macro, setInterval(() => void (this.send(macro) || this.stop(macro)), macro.repeat));
    this.pressed(macro, true);
  }

  private stop(macro: Macro): void {
    clearInterval(this.running.get(macro));
    if (this.running.delete(macro)) this.pressed(macro, false);
  }

  private pressed(macro: Macro, isPressed: boolean): void {
    this.buttons.find((one) => one.macro === macro)?.button.setAttribute('aria-pressed', String(isPressed));
  }

  private send({ command, label }: Macro): boolean {
    const to = label === '' ? this.target() : label;
    const payload = unescaped(command);
    const problem = payload === null ? null : this.sender.send(to, payload);
    this.sender.tell(problem ?? `Sent “${command}” to ${to}.`, problem !== null);
    return problem === null;
  }

  // ---- The sheet ----------------------------------------------------------------------------------------------

  private openSheet(): void {
    this.choose(this.macros.length > 0 ? 0 : -1);
    this.dialog.showModal();
  }

  private choose(index: number): void {
    const macro = this.macros[index];
    this.list.replaceChildren(...this.macros.map(({ title }, at) => new Option(title, String(at), false, at === index)));
    this.list.selectedIndex = index;
    this.list.hidden = this.macros.length === 0;
    this.title.value = macro?.title ?? '';
    this.command.value = macro?.command ?? '';
    this.repeat.value = macro === undefined || macro.repeat === 0 ? '' : String(macro.repeat);
    this.label.value = macro?.label ?? '';
    element<HTMLButtonElement>('macro-delete').disabled = macro === undefined;
    element('macro-save').textContent = macro === undefined ? 'Add' : 'Change';
    this.tell('');
  }

  private save(): void {
    const macro: Macro = { title: this.title.value.trim(), command: this.command.value, repeat: Number(this.repeat.value || 0), label: this.label.value.trim() };
    const problem = trouble(macro);
    if (problem !== null) return this.tell(problem, true);
    const index = this.list.selectedIndex;
    if (index < 0) this.macros.push(macro);
    else this.macros[index] = macro;
    this.keep();
    this.choose(index < 0 ? -1 : index);
    this.tell(`“${macro.title}” is on its button.${this.keepingNote()}`);
    this.title.focus();
  }

  private remove(): void {
    this.macros.splice(this.list.selectedIndex, 1);
    this.keep();
    this.choose(this.macros.length > 0 ? 0 : -1);
  }

  private async read(): Promise<void> {
    const file = this.file.files?.[0];
    this.file.value = '';
    if (file === undefined) return;
    const read = file.size > 1_000_000 ? null : fromJson(await file.text());
    if (read === null) return this.tell('This file holds no buttons that were exported here.', true);
    this.macros = [...this.macros.filter(({ title }) => !read.some((other) => other.title === title)), ...read];
    this.keep();
    this.choose(0);
    this.tell(`${read.length} ${read.length === 1 ? 'button' : 'buttons'} read from the file.${this.keepingNote()}`);
  }

  private keep(): void {
    remember(KEPT_AS, toJson(this.macros));
    this.build();
  }

  /** A browser may forbid storage, most of all to files. */
  private keepingNote(): string {
    return recall(KEPT_AS) === toJson(this.macros) ? '' : ' This browser keeps it only while the page is open: export it to have it again.';
  }

  private tell(sentence: string, isProblem = false): void {
    this.note.textContent = sentence;
    this.note.classList.toggle('problem', isProblem);
  }
}
