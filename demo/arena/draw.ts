/** Draws the arena on a canvas, from above, with the own ship in the middle. */

import type { Gem, Ship, Shot } from './module.ts';
import { gemRadius, height, pillars, type Point, shipRadius, struck, width } from './world.ts';

export interface ShownShip extends Point {
  readonly row: Ship;
  /** The time at which it is shown. */
  readonly timeMs: number;
  readonly isOwn: boolean;
  /** Where its barrel points, of length 1. */
  readonly aim: Point | undefined;
  /** Its last one. */
  readonly shot: Shot | undefined;
}

export interface Scene {
  readonly ships: readonly ShownShip[];
  readonly own: ShownShip | undefined;
  readonly gems: readonly Gem[];
  /** Gems that are on their way to the own ship. */
  readonly asked: ReadonlySet<Gem>;
  readonly stick: { readonly from: Point; readonly to: Point } | undefined;
}

const shotShownMs = 160;
const barrelLength = shipRadius + 11;
const gridUnits = 100;
/** So much of the arena is to be seen across, at least. */
const viewUnits = 900;
/** So much of what is outside. */
const edgeUnits = 60;
const healthMax = 100;

/** What of the arena is in the picture: pixels of the canvas for a unit, and the middle. */
export interface Camera extends Point {
  readonly scale: number;
}

/** Follows the eye, and shows no more than needed of what is outside. */
export function cameraOn(canvas: HTMLCanvasElement, eye: Point | undefined): Camera {
  const [across, down] = [canvas.clientWidth, canvas.clientHeight];
  const scale = Math.min(1.4, Math.max(across, down) / viewUnits);
  const { x, y } = eye ?? { x: width / 2, y: height / 2 };
  return { x: kept(x, across / scale, width), y: kept(y, down / scale, height), scale };
}

function kept(middle: number, shown: number, size: number): number {
  const most = size + 2 * edgeUnits;
  if (shown >= most) return size / 2;
  return Math.min(size + edgeUnits - shown / 2, Math.max(shown / 2 - edgeUnits, middle));
}

export function draw(canvas: HTMLCanvasElement, scene: Scene, camera: Camera): void {
  const context = canvas.getContext('2d');
  if (context === null) return;
  const ratio = Math.min(2, window.devicePixelRatio || 1);
  const [pixelWidth, pixelHeight] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
  if (canvas.width !== pixelWidth) canvas.width = pixelWidth;
  if (canvas.height !== pixelHeight) canvas.height = pixelHeight;
  const colours = coloursOf(canvas);
  const scale = camera.scale * ratio;

  context.setTransform(1, 0, 0, 1, 0, 0);
  context.fillStyle = colours.outside;
  context.fillRect(0, 0, pixelWidth, pixelHeight);
  context.setTransform(scale, 0, 0, scale, pixelWidth / 2 - camera.x * scale, pixelHeight / 2 - camera.y * scale);
  drawFloor(context, colours);
  for (const gem of scene.gems) drawGem(context, gem, scene.asked.has(gem), colours);
  for (const ship of scene.ships) drawShot(context, ship, scene.ships, colours);
  for (const ship of scene.ships) drawShip(context, ship, colours);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  if (scene.stick !== undefined) drawStick(context, scene.stick, colours);
}

function drawFloor(context: CanvasRenderingContext2D, colours: Colours): void {
  context.fillStyle = colours.ground;
  context.fillRect(0, 0, width, height);
  context.strokeStyle = colours.line;
  context.lineWidth = 1;
  context.beginPath();
  for (let x = gridUnits; x < width; x += gridUnits) {
    context.moveTo(x, 0);
    context.lineTo(x, height);
  }
  for (let y = gridUnits; y < height; y += gridUnits) {
    context.moveTo(0, y);
    context.lineTo(width, y);
  }
  context.stroke();
  context.lineWidth = 4;
  context.strokeRect(0, 0, width, height);
  context.fillStyle = colours.pillar;
  for (const pillar of pillars) circle(context, pillar, pillar.radius);
}

function drawGem(context: CanvasRenderingContext2D, { x, y }: Gem, isAsked: boolean, colours: Colours): void {
  if (isAsked) return;
  context.fillStyle = colours.gem;
  context.beginPath();
  context.moveTo(x, y - gemRadius);
  context.lineTo(x + gemRadius * 0.8, y);
  context.lineTo(x, y + gemRadius);
  context.lineTo(x - gemRadius * 0.8, y);
  context.fill();
}

function drawShot(
  context: CanvasRenderingContext2D,
  { shot, x, y, timeMs, isOwn, row: { id } }: ShownShip,
  ships: readonly ShownShip[],
  colours: Colours,
): void {
  const age = timeMs - (shot?.atMs ?? 0);
  if (shot === undefined || age < 0 || age > shotShownMs) return;
  // Until the server has judged it, it hits what it would hit in the picture.
  const direction = { x: shot.dx, y: shot.dy };
  const end = shot.isJudged ? shot : struck({ x, y }, direction, others(ships, id)).end;
  context.globalAlpha = 1 - age / shotShownMs;
  context.strokeStyle = isOwn ? colours.own : colours.other;
  context.lineWidth = 3;
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(end.x, end.y);
  context.stroke();
  context.globalAlpha = 1;
}

function others(ships: readonly ShownShip[], own: number): ShownShip[] {
  return ships.filter(({ row }) => row.id !== own);
}

function drawShip(context: CanvasRenderingContext2D, { row, x, y, isOwn, aim }: ShownShip, colours: Colours): void {
  context.fillStyle = isOwn ? colours.own : row.isDrone ? colours.drone : colours.other;
  if (aim !== undefined) {
    context.strokeStyle = context.fillStyle;
    context.lineWidth = 5;
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(x + aim.x * barrelLength, y + aim.y * barrelLength);
    context.stroke();
  }
  circle(context, { x, y }, shipRadius - 3);
  if (row.vx !== 0 || row.vy !== 0) {
    const speed = Math.hypot(row.vx, row.vy);
    circle(context, { x: x + (row.vx / speed) * shipRadius, y: y + (row.vy / speed) * shipRadius }, 5);
  }
  context.strokeStyle = context.fillStyle;
  context.lineWidth = 3;
  context.beginPath();
  context.arc(x, y, shipRadius, -Math.PI / 2, -Math.PI / 2 + (2 * Math.PI * row.health) / healthMax);
  context.stroke();
  if (row.isDrone) return;
  context.fillStyle = colours.ink;
  context.font = '600 13px system-ui, sans-serif';
  context.textAlign = 'center';
  context.fillText(row.name, x, y - shipRadius - 8);
}

function drawStick(
  context: CanvasRenderingContext2D,
  { from, to }: NonNullable<Scene['stick']>,
  colours: Colours,
): void {
  context.strokeStyle = colours.ink;
  context.fillStyle = colours.ink;
  context.globalAlpha = 0.35;
  context.lineWidth = 2;
  context.beginPath();
  context.arc(from.x, from.y, 44, 0, 2 * Math.PI);
  context.stroke();
  circle(context, to, 16);
  context.globalAlpha = 1;
}

function circle(context: CanvasRenderingContext2D, { x, y }: Point, radius: number): void {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

type Colours = Readonly<
  Record<'outside' | 'ground' | 'line' | 'pillar' | 'ink' | 'own' | 'other' | 'drone' | 'gem', string>
>;

let known: { readonly isDark: boolean; readonly colours: Colours } | undefined;

/** As the style sheet has them for light or dark: read when the scheme changes, not in every frame. */
function coloursOf(canvas: HTMLCanvasElement): Colours {
  const isDark = matchMedia('(prefers-color-scheme: dark)').matches;
  if (known?.isDark === isDark) return known.colours;
  const style = getComputedStyle(canvas);
  const read = (name: string): string => {
    // A canvas does not know light-dark(): the browser works it out for an element.
    canvas.style.color = `var(--${name})`;
    const { color } = style;
    canvas.style.color = '';
    return color;
  };
  const colours = {
    outside: read('ground'),
    ground: read('surface'),
    line: read('line'),
    pillar: read('line'),
    ink: read('ink-soft'),
    own: read('accent'),
    other: read('changed'),
    drone: read('ink-soft'),
    gem: read('predicted'),
  };
  known = { isDark, colours };
  return colours;
}
