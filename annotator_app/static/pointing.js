// Choosing an image by pressing it: a press that did not move, on an image that is shown whole.

const STILL_PX = 6; // a finger is never quite still

/** Let presses on `frame` choose its image. */
export function choosesWhenPressed(frame, choose) {
  let pressed = null;
  const pointers = new Set();
  frame.addEventListener("pointerdown", (event) => {
    pointers.add(event.pointerId);
    // With a second finger it is a pinch, whichever finger leaves first.
    pressed = pointers.size === 1 && event.button === 0 && isWhole(frame) ? { x: event.clientX, y: event.clientY } : null;
  });
  frame.addEventListener("pointermove", (event) => {
    if (pressed !== null && Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) > STILL_PX) pressed = null;
  });
  for (const end of ["pointerup", "pointercancel"]) frame.addEventListener(end, (event) => pointers.delete(event.pointerId));
  frame.addEventListener("pointercancel", () => { pressed = null; });
  frame.addEventListener("click", (event) => {
    // Of a double click only the first: the second may meet the next item, before anybody has seen it.
    const isMeant = pressed !== null && event.detail === 1 && isWhole(frame) && frame.querySelector("img") !== null;
    pressed = null;
    if (isMeant) choose();
  });
}

function isWhole(frame) {
  return !frame.classList.contains("zoomed");
}
