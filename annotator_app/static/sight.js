// Whether images were on the screen: inside the window, large enough to be judged, on a page that was looked at.
//
// Nothing else makes sure of it: a low window, a zoomed page or a page that is scrolled down can leave an
// image out of sight while its scores are in reach.

const LEAST_SHARE = 0.5; // of the image, or of its frame where the image is larger than that
const LEAST_PX = 64; // the longer side of what is to be seen of it
const STEPS = Array.from({ length: 21 }, (_, i) => i / 20);

export class Sight {
  #unseen = new Set();
  #observer = new IntersectionObserver((entries) => {
    for (const { target, intersectionRect } of entries) this.#look(target, intersectionRect);
  }, { threshold: STEPS });
  // An image that only grows is as much inside the window as before: of that the observer says nothing.
  #resized = new ResizeObserver((entries) => { for (const { target } of entries) this.#askAgain(target); });

  constructor() {
    document.addEventListener("visibilitychange", () => this.#unseen.forEach((image) => this.#askAgain(image)));
  }

  /** Begin anew with these images, each inside its frame: none was seen yet. */
  watch(images) {
    this.#observer.disconnect();
    this.#resized.disconnect();
    this.#unseen = new Set(images);
    for (const image of images) {
      this.#observer.observe(image);
      this.#resized.observe(image);
    }
  }

  /** The images that were not on the screen yet. */
  get unseen() {
    for (const image of this.#unseen) this.#look(image, inWindow(image)); // the observer is a frame behind
    return [...this.#unseen];
  }

  #askAgain(image) {
    if (!this.#unseen.has(image)) return;
    this.#observer.unobserve(image);
    this.#observer.observe(image);
  }

  #look(image, shown) {
    if (!isEnough(shown, image)) return;
    this.#unseen.delete(image);
    this.#observer.unobserve(image);
    this.#resized.unobserve(image);
  }
}

function isEnough(shown, image) {
  const whole = Math.min(area(image.getBoundingClientRect()), area(image.parentElement.getBoundingClientRect()));
  return document.visibilityState === "visible"
    && Math.max(shown.width, shown.height) >= LEAST_PX
    && area(shown) >= LEAST_SHARE * whole;
}

function area({ width, height }) {
  return width * height;
}

/** What of an image lies inside its frame and the window. */
function inWindow(image) {
  const boxes = [image.getBoundingClientRect(), image.parentElement.getBoundingClientRect()];
  const { clientWidth, clientHeight } = document.documentElement;
  const left = Math.max(0, ...boxes.map((box) => box.left));
  const top = Math.max(0, ...boxes.map((box) => box.top));
  const right = Math.min(clientWidth, ...boxes.map((box) => box.right));
  const bottom = Math.min(clientHeight, ...boxes.map((box) => box.bottom));
  return { width: Math.max(0, right - left), height: Math.max(0, bottom - top) };
}
