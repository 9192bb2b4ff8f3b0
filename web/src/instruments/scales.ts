/**
 * Which curves share a scale: those of the same unit, and of those without a unit the ones of a similar size. Pure.
 */

export interface Extent {
  unit: string;
  min: number;
  max: number;
}

/** A curve that is so many times smaller than its neighbour would look flat. */
const ALIKE = 20;

/** The name of the scale of each curve, in order. */
export function scalesOf(curves: Extent[]): string[] {
  const groups: { name: string; size: number; unit: string }[] = [];
  return curves.map(({ unit, min, max }) => {
    const size = Math.max(Math.abs(min), Math.abs(max));
    const known = groups.find((group) => group.unit === unit && (unit !== '' || isAlike(group.size, size)));
    if (known !== undefined) {
      known.size = Math.max(known.size, size);
      return known.name;
    }
    const name = unit !== '' ? `unit ${unit}` : `scale ${groups.length + 1}`;
    groups.push({ name, size, unit });
    return name;
  });
}

function isAlike(a: number, b: number): boolean {
  if (a === b || a === 0 || b === 0) return true;
  return Number.isFinite(a) && Number.isFinite(b) ? Math.max(a, b) / Math.min(a, b) < ALIKE : true;
}

/** The part of a scale that shows all of `min` … `max`, with some air. */
export function range(min: number | null, max: number | null): [number, number] {
  if (min === null || max === null || !Number.isFinite(min) || !Number.isFinite(max)) return [0, 1];
  const air = (max - min) * 0.08;
  // All the same: the line in the middle.
  if (max - min <= Math.abs(max) * 1e-9) return min === 0 ? [-1, 1] : [min - Math.abs(min) * 0.05, max + Math.abs(max) * 0.05];
  return [min - air, max + air];
}
