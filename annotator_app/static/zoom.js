// Looking closer: wheel, pinch, drag, double click and keys; several images move as one.
//
// The view is {scale, x, y}: `scale` 1 fits the image into its frame, (x, y) is the point of the
// image, 0 to 1 in each direction, that stands in the middle of the frame.

const FIT = { scale: 1, x: 0.5, y: 0.5 };
const MOST = 16;
const KEY_STEP = 1.25;
const PAN_STEP = 0.15;

export class Zoom {
  #view = { ...FIT };
  #frames;
  /** @type {(percent: number | null) => void} */
  #listener;

  /**
   * `frames` are elements that each hold at most one <img>. `listener(percent)` hears how large the first is
   * drawn: 100 where each of its pixels is one of the screen's, null where there is none.
   */
  constructor(frames, listener = () => {}) {
    this.#frames = frames;
    this.#listener = listener;
    const resized = new ResizeObserver(() => this.draw());
    for (const frame of frames) {
      resized.observe(frame);
      this.#listen(frame);
    }
  }

  fit() {
    this.#set({ ...FIT });
  }

  /** Between the whole image and one image pixel on one screen pixel. */
  toggleActualSize(frame = this.#frames[0], point = null) {
    const actual = this.#actualScale(frame);
    if (Math.abs(this.#view.scale - actual) < 0.01 || (this.#view.scale > 1.01 && actual < 1)) this.fit();
    else this.#zoomTo(actual, frame, point);
  }

  zoomBy(factor, frame = this.#frames[0], point = null) {
    this.#zoomTo(this.#view.scale * factor, frame, point);
  }

  zoomIn() {
    this.zoomBy(KEY_STEP);
  }

  zoomOut() {
    this.zoomBy(1 / KEY_STEP);
  }

  /** Move by a share of the frame: (1, 0) shows more of what is on the left. */
  pan([right, down]) {
    const frame = this.#frames[0];
    this.#panBy(frame, right * PAN_STEP * frame.clientWidth, down * PAN_STEP * frame.clientHeight);
  }

  /** Place the images again: after a new one came in, or the window changed. */
  draw() {
    for (const frame of this.#frames) {
      const image = imageOf(frame);
      if (image === null) continue;
      const fitted = this.#fitted(frame, image);
      const { scale, x, y } = this.#view;
      image.style.width = `${fitted.width}px`;
      image.style.height = `${fitted.height}px`;
      const left = frame.clientWidth / 2 - x * fitted.width * scale;
      const top = frame.clientHeight / 2 - y * fitted.height * scale;
      image.style.transform = `translate(${left}px, ${top}px) scale(${scale})`;
    }
    for (const frame of this.#frames) frame.classList.toggle("zoomed", this.#view.scale > 1.001);
    const isThere = imageOf(this.#frames[0]) !== null;
    this.#listener(isThere ? (100 * this.#view.scale) / this.#actualScale(this.#frames[0]) : null);
  }

  #fitted(frame, image) {
    const ratio = Math.min(frame.clientWidth / image.naturalWidth, frame.clientHeight / image.naturalHeight);
    return { width: image.naturalWidth * ratio, height: image.naturalHeight * ratio, ratio };
  }

  #actualScale(frame) {
    const image = imageOf(frame);
    if (image === null) return 1;
    return 1 / (this.#fitted(frame, image).ratio * window.devicePixelRatio);
  }

  /** `point` stays where it is: in pixels from the middle of the frame. */
  #zoomTo(wanted, frame, point) {
    const image = imageOf(frame);
    if (image === null) return;
    // An image smaller than its frame may be shown at its own size; nothing gets smaller than that.
    const actual = this.#actualScale(frame);
    const scale = Math.min(Math.max(wanted, Math.min(1, actual)), Math.max(MOST, actual));
    const [px, py] = point ?? [0, 0];
    const { width, height } = this.#fitted(frame, image);
    const { scale: old, x, y } = this.#view;
    this.#set({
      scale,
      x: x + (px / width) * (1 / old - 1 / scale),
      y: y + (py / height) * (1 / old - 1 / scale),
    });
  }

  #panBy(frame, dx, dy) {
    const image = imageOf(frame);
    if (image === null) return;
    const { width, height } = this.#fitted(frame, image);
    const { scale, x, y } = this.#view;
    this.#set({ scale, x: x - dx / (width * scale), y: y - dy / (height * scale) });
  }

  #set(view) {
    const frame = this.#frames[0];
    const image = imageOf(frame);
    if (image !== null) {
      const { width, height } = this.#fitted(frame, image);
      view.x = within(view.x, frame.clientWidth / (width * view.scale));
      view.y = within(view.y, frame.clientHeight / (height * view.scale));
    }
    this.#view = view;
    this.draw();
  }

  #listen(frame) {
    const pointers = new Map();
    const fromMiddle = ({ clientX, clientY }) => {
      const box = frame.getBoundingClientRect();
      return [clientX - box.left - box.width / 2, clientY - box.top - box.height / 2];
    };
    frame.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoomBy(Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.002)), frame, fromMiddle(event));
    }, { passive: false });
    if (this.#frames.length === 1) { // of two, a press chooses one
      frame.addEventListener("dblclick", (event) => this.toggleActualSize(frame, fromMiddle(event)));
    }
    frame.addEventListener("pointerdown", (event) => {
      if (event.target.closest("button")) return;
      pointers.set(event.pointerId, event);
      frame.setPointerCapture(event.pointerId);
    });
    frame.addEventListener("pointermove", (event) => {
      const before = pointers.get(event.pointerId);
      if (before === undefined) return;
      const other = [...pointers.values()].find((pointer) => pointer.pointerId !== event.pointerId);
      if (other === undefined) {
        this.#panBy(frame, event.clientX - before.clientX, event.clientY - before.clientY);
      } else {
        const middle = { clientX: (event.clientX + other.clientX) / 2, clientY: (event.clientY + other.clientY) / 2 };
        this.zoomBy(apart(event, other) / Math.max(apart(before, other), 1), frame, fromMiddle(middle));
      }
      pointers.set(event.pointerId, event);
    });
    for (const end of ["pointerup", "pointercancel"]) {
      frame.addEventListener(end, (event) => pointers.delete(event.pointerId));
    }
  }
}

/** Keep a frame that shows the share `shown` of the image inside the image, or the image in its middle. */
function within(center, shown) {
  if (shown >= 1) return 0.5;
  return Math.min(Math.max(center, shown / 2), 1 - shown / 2);
}

function apart(one, other) {
  return Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
}

function imageOf(frame) {
  const image = frame.querySelector("img");
  return image !== null && image.naturalWidth > 0 ? image : null;
}
