/**
 * How one picture lies on another: mirrored, turned, or a piece of it; and where the two differ.
 * All on small copies, in the page: nothing is asked.
 */
function makeDifference() {
  const COARSE = 56, FINE = 224, SAMPLES = 20, SIDE = 720; // px of copies; points a side that are compared
  // The eight ways to lay a picture down: columns of a matrix that takes (-½…½)² to itself.
  const TURNS = [[1, 0, 0, 1], [-1, 0, 0, 1], [0, 1, -1, 0], [-1, 0, 0, -1], [0, -1, 1, 0], [1, 0, 0, -1], [0, 1, 1, 0], [0, -1, -1, 0]];
  const WORDS = ["", t`mirrored`, t`turned by 90°`, t`turned by 180°`, t`turned by 270°`, t`mirrored and turned by 180°`, t`mirrored and turned by 90°`, t`mirrored and turned by 270°`];

  /** A canvas of at most `side` px with the picture, turned by one of TURNS. */
  function laid(image, side, turn = 0) {
    const [a, b, c, d] = TURNS[turn], scale = Math.min(1, side / Math.max(image.naturalWidth, image.naturalHeight));
    const width = Math.max(1, Math.round(image.naturalWidth * scale)), height = Math.max(1, Math.round(image.naturalHeight * scale));
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = a === 0 ? [height, width] : [width, height];
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.imageSmoothingQuality = "high";
    pen.setTransform(a, b, c, d, canvas.width / 2, canvas.height / 2);
    pen.drawImage(image, -width / 2, -height / 2, width, height);
    return canvas;
  }

  /** Its brightness, between 0 and 255, row by row. */
  function grey(canvas) {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const light = new Float32Array(canvas.width * canvas.height);
    for (let i = 0; i < light.length; i += 1) light[i] = 0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2];
    return { light, width: canvas.width, height: canvas.height };
  }

  /** n × n values out of a box (in parts of the picture), so that only shapes count: mean 0, spread 1. */
  function sampled(map, n, { x, y, w, h: tall } = { x: 0, y: 0, w: 1, h: 1 }) {
    const found = new Float32Array(n * n);
    let sum = 0, squares = 0;
    for (let row = 0, i = 0; row < n; row += 1) {
      const top = Math.min(map.height - 1.001, Math.max(0, (y + (tall * (row + 0.5)) / n) * map.height - 0.5)), up = Math.floor(top), v = top - up;
      for (let column = 0; column < n; column += 1, i += 1) {
        const left = Math.min(map.width - 1.001, Math.max(0, (x + (w * (column + 0.5)) / n) * map.width - 0.5)), from = Math.floor(left), u = left - from;
        const at = up * map.width + from;
        const value = (map.light[at] * (1 - u) + map.light[at + 1] * u) * (1 - v) + (map.light[at + map.width] * (1 - u) + map.light[at + map.width + 1] * u) * v;
        found[i] = value;
        sum += value;
        squares += value * value;
      }
    }
    const mean = sum / found.length, spread = Math.sqrt(Math.max(1, squares / found.length - mean * mean));
    for (let i = 0; i < found.length; i += 1) found[i] = (found[i] - mean) / spread;
    return found;
  }
  function apart(one, other) {
    let sum = 0;
    for (let i = 0; i < one.length; i += 1) sum += Math.abs(one[i] - other[i]);
    return sum / one.length;
  }

  /** The box of `large` that looks most like `piece`: coarse over all places, then ever finer. */
  function placed(large, piece, largeFine, pieceFine) {
    const points = sampled(piece, SAMPLES), ratio = (piece.height / piece.width) * (large.width / large.height);
    let best = { cost: Infinity };
    const attempt = (at, map, wanted, n) => {
      if (at.w > 1.0001 || at.h > 1.0001 || at.w < 0.3 || at.h < 0.3) return;
      const box = { w: at.w, h: at.h, x: Math.min(1 - at.w, Math.max(0, at.x)), y: Math.min(1 - at.h, Math.max(0, at.y)) };
      const cost = apart(sampled(map, n, box), wanted);
      if (cost < best.cost) best = { ...box, cost };
    };
    const widest = Math.min(1, 1 / ratio);
    for (let w = widest; w >= 0.5 * widest; w -= 0.025) {
      const tall = w * ratio;
      for (let y = 0; y <= 1 - tall + 1e-6; y += 0.03) for (let x = 0; x <= 1 - w + 1e-6; x += 0.03) attempt({ x, y, w, h: tall }, large, points, SAMPLES);
    }
    const n = 3 * SAMPLES, sharp = sampled(pieceFine, n);
    best.cost = apart(sampled(largeFine, n, best), sharp);
    for (let step = 0.02; step > 0.0008; step /= 2) {
      for (let turn = 0; turn < 6; turn += 1) {
        const before = best.cost, from = best;
        for (const [dx, dy, dw] of [[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1], [-0.5, -0.5, 1], [0.5, 0.5, -1]]) {
          const w = from.w + dw * step;
          attempt({ x: from.x + dx * step, y: from.y + dy * step, w, h: w * ratio }, largeFine, sharp, n);
        }
        if (best.cost >= before) break;
      }
    }
    return best;
  }

  const WHOLE = { x: 0, y: 0, w: 1, h: 1 };
  /** {turn, word, of, on}: lay `other` down by TURNS[turn]; its part `of` covers the part `on` of `one`. */
  function lay(one, other, kind) {
    const first = grey(laid(one, COARSE)), points = sampled(first, SAMPLES);
    const shape = (image) => Math.log(image.naturalWidth / image.naturalHeight);
    let turn = 0, cost = Infinity;
    for (let k = 0; k < TURNS.length; k += 1) {
      const sideways = TURNS[k][0] === 0;
      const stretched = Math.abs(shape(one) - (sideways ? -1 : 1) * shape(other));
      // As it lies is the likeliest; a flat picture must not seem mirrored by chance.
      const found = apart(sampled(grey(laid(other, COARSE, k)), SAMPLES), points) + (k ? 0.03 : 0) + Math.min(0.5, stretched);
      if (found < cost) [turn, cost] = [k, found];
    }
    if (kind !== "cropped") return { turn, word: WORDS[turn], of: WHOLE, on: WHOLE };
    const [a, b, A, B] = [first, grey(laid(other, COARSE, turn)), grey(laid(one, FINE)), grey(laid(other, FINE, turn))];
    const inside = placed(a, b, A, B), around = placed(b, a, B, A);
    return inside.cost <= around.cost
      ? { turn, word: WORDS[turn], of: WHOLE, on: inside }
      : { turn, word: WORDS[turn], of: around, on: WHOLE };
  }

  /** Draw `one` and, laid on it, `other` into canvases of one size; the part that only one has is left out. */
  function pair(one, other, how) {
    const size = laid(one, SIDE), over = laid(other, SIDE * 2, how.turn), width = size.width, height = size.height;
    const second = document.createElement("canvas");
    [second.width, second.height] = [width, height];
    const pen = second.getContext("2d", { willReadFrequently: true });
    pen.imageSmoothingQuality = "high";
    const { of, on } = how;
    pen.drawImage(over, of.x * over.width, of.y * over.height, of.w * over.width, of.h * over.height, on.x * width, on.y * height, on.w * width, on.h * height);
    return [size, second];
  }

  /**
   * Paint where they differ into `target`: the picture pale and grey, differences in `colour`
   * ([r, g, b]), `strength` times as strong. What it comes to: {average: of 765, share: 0…1, differing visibly}.
   */
  function paint(target, [first, second], { strength, colour, dark }) {
    const { width, height } = first, a = first.getContext("2d").getImageData(0, 0, width, height).data, b = second.getContext("2d").getImageData(0, 0, width, height).data;
    [target.width, target.height] = [width, height];
    const pen = target.getContext("2d"), out = pen.createImageData(width, height), to = out.data;
    let sum = 0, counted = 0, visible = 0;
    for (let i = 0; i < a.length; i += 4) {
      const covered = b[i + 3] > 250;
      const light = 0.299 * a[i] + 0.587 * a[i + 1] + 0.114 * a[i + 2];
      const paper = dark ? 20 + light * 0.22 : 190 + light * 0.24;
      let mix = 0;
      if (covered) {
        const off = Math.abs(a[i] - b[i]) + Math.abs(a[i + 1] - b[i + 1]) + Math.abs(a[i + 2] - b[i + 2]);
        sum += off;
        counted += 1;
        if (off > 48) visible += 1;
        mix = Math.min(1, (off / 765) * strength);
      }
      const far = covered ? paper : paper * (dark ? 0.5 : 0.88);
      for (let k = 0; k < 3; k += 1) to[i + k] = far + (colour[k] - far) * mix;
      to[i + 3] = 255;
    }
    pen.putImageData(out, 0, 0);
    return { average: counted ? sum / counted : 0, share: counted ? visible / counted : 0, covered: counted / (width * height) };
  }

  return { lay, pair, paint, words: WORDS, turns: TURNS };
}
