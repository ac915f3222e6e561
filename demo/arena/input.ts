/** Keys, mouse and fingers, as where to go and where to shoot. */

import { type Point, unit } from './world.ts';

const keys: Readonly<Record<string, Point>> = {
  KeyW: { x: 0, y: -1 },
  ArrowUp: { x: 0, y: -1 },
  KeyS: { x: 0, y: 1 },
  ArrowDown: { x: 0, y: 1 },
  KeyA: { x: -1, y: 0 },
  ArrowLeft: { x: -1, y: 0 },
  KeyD: { x: 1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
};

/** A finger this far from where it came down steers. */
const deadZone = 12;
/** Fingers turn in so many steps, so that a trembling one makes no calls. */
const directions = 24;

export class Input {
  /** What the mouse aims at, in pixels of the canvas; undefined: aim at whoever is near. */
  pointer: Point | undefined;
  isFiring = false;
  /** Where a steering finger came down and where it is, in pixels of the canvas. */
  stick: { readonly from: Point; readonly to: Point } | undefined;
  readonly #held = new Set<string>();
  readonly #stops: (() => void)[] = [];
  #finger: number | undefined;

  constructor(canvas: HTMLCanvasElement) {
    const on = <K extends keyof HTMLElementEventMap>(type: K, act: (event: HTMLElementEventMap[K]) => void): void => {
      canvas.addEventListener(type, act);
      this.#stops.push(() => canvas.removeEventListener(type, act));
    };
    on('keydown', (event) => this.#key(event, true));
    on('keyup', (event) => this.#key(event, false));
    on('blur', () => this.release());
    on('pointerdown', (event) => {
      canvas.setPointerCapture(event.pointerId);
      if (event.pointerType === 'mouse') {
        this.pointer = { x: event.offsetX, y: event.offsetY };
        this.isFiring = true;
      } else if (this.#finger === undefined) {
        this.#finger = event.pointerId;
        const from = { x: event.offsetX, y: event.offsetY };
        this.stick = { from, to: from };
      }
    });
    on('pointermove', (event) => {
      if (event.pointerType === 'mouse') this.pointer = { x: event.offsetX, y: event.offsetY };
      else if (event.pointerId === this.#finger && this.stick !== undefined)
        this.stick = { ...this.stick, to: { x: event.offsetX, y: event.offsetY } };
    });
    const end = (event: PointerEvent): void => {
      if (event.pointerType === 'mouse') this.isFiring = false;
      if (event.pointerId !== this.#finger) return;
      this.#finger = undefined;
      this.stick = undefined;
    };
    on('pointerup', end);
    on('pointercancel', end);
    on('contextmenu', (event) => event.preventDefault());
  }

  /** Where to go, of length 1; 0, 0 to stay. */
  get course(): Point {
    const { stick } = this;
    if (stick !== undefined) {
      const [x, y] = [stick.to.x - stick.from.x, stick.to.y - stick.from.y];
      return Math.hypot(x, y) < deadZone ? { x: 0, y: 0 } : stepped(Math.atan2(y, x));
    }
    let [x, y] = [0, 0];
    for (const code of this.#held) {
      x += keys[code]?.x ?? 0;
      y += keys[code]?.y ?? 0;
    }
    return unit(Math.sign(x), Math.sign(y)) ?? { x: 0, y: 0 };
  }

  release(): void {
    this.#held.clear();
    this.isFiring = false;
    this.#finger = undefined;
    this.stick = undefined;
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }

  #key(event: KeyboardEvent, isDown: boolean): void {
    const isShot = event.code === 'Space';
    if (!isShot && keys[event.code] === undefined) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (isShot) {
      this.isFiring = isDown;
      this.pointer = undefined;
    } else if (isDown) this.#held.add(event.code);
    else this.#held.delete(event.code);
  }
}

function stepped(angle: number): Point {
  const step = (2 * Math.PI) / directions;
  const turned = Math.round(angle / step) * step;
  return { x: Math.cos(turned), y: Math.sin(turned) };
}
